"""What `distilbert.pipeline` returns: inputs of any kind in, answers in the same order out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from distilbert.batching import run_windows
from distilbert.errors import InputError, UnknownArgumentError
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import as_stream, is_collection
from distilbert.pipelines.job import Job
from distilbert.pipelines.option_checks import check_at_least, with_options

# Batches that are read ahead so that windows can be sorted by length: bounds the memory.
LOOKAHEAD_BATCHES = 64
# Examples tokenized at once: enough to keep all cores of a fast tokenizer busy.
ENCODE_AT_ONCE = 256

Item = TypeVar("Item")


class Predictor:
    """A task, a model and a tokenizer.

    Call it with one example for one result; with a list, tuple, array or column for a list; or with
    any other iterable (generator, dataset) for a generator that reads ahead only
    `LOOKAHEAD_BATCHES` batches. Results come in the order of the inputs and do not depend on how
    they were batched. Holds no state between calls, so threads may share it.
    """

    def __init__(
        self,
        task: str,
        job: Job,
        model: OpenModel,
        *,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        progress: bool = False,
    ) -> None:
        self.task = task
        self.job = job
        self.opened = model
        self.runner = model.runner
        default = model.runner.preferred_batch_tokens
        self.batch_tokens = self._batch_tokens(batch_tokens, batch_size, default)
        self.progress = progress

    @property
    def model(self) -> Any:
        """The model of the framework; a runner that has none is returned itself."""
        return getattr(self.runner, "model", self.runner)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer."""
        return self.opened.tokenizer

    def __repr__(self) -> str:
        return f"Predictor({self.task!r}, {self.job!r})"

    def __call__(
        self,
        inputs: Any = None,
        *arguments: Any,
        batch_tokens: int | None = None,
        batch_size: int | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> Any:
        """Answer `inputs`; `options` override those of the pipeline for this call.

        Args:
            arguments: what the task takes by position after the inputs.
            batch_tokens: padded tokens per batch.
            batch_size: instead of it, the number of texts of full length in a batch.
            progress: show a progress bar on standard error.

        Raises:
            InputError: an input or the value of an option breaks a rule.
            UnknownArgumentError: an option or an argument by position that the task does not have.
        """
        if len(arguments) > len(self.job.arguments):
            raise UnknownArgumentError(
                f"`{self.task}` takes its inputs by position, and options by keyword: "
                f"got {1 + len(arguments)} positional arguments."
            )
        given = dict(zip(self.job.arguments, arguments, strict=False))
        if given.keys() & {*self.job.fields}:  # the first argument is a field too
            given[self.job.fields[0]], inputs = inputs, None
        options |= given
        fields = {name: options.pop(name) for name in self.job.fields if name in options}
        progress = options.pop("show_progress", progress)
        job = with_options(self.job, options, self.task)
        batch_tokens = self._batch_tokens(batch_tokens, batch_size, self.batch_tokens)
        if fields:
            if inputs is not None:
                names = ", ".join(f"`{name}`" for name in fields)
                raise UnknownArgumentError(
                    f"`{self.task}` takes inputs by position or as {names}: got both."
                )
            inputs = job.from_fields(fields)
        single = job.is_single(inputs)
        stream = [inputs] if single else as_stream(inputs, self.task)
        results = self._results(stream, job, batch_tokens)
        if self.progress if progress is None else progress:
            total = len(inputs) if not single and hasattr(inputs, "__len__") else None
            results = with_progress(results, 1 if single else total, self.task)
        if single or is_collection(inputs):
            return job.present(list(results), inputs, options)
        return results

    def _batch_tokens(self, batch_tokens: int | None, batch_size: int | None, default: int) -> int:
        check_at_least(1, batch_tokens=batch_tokens, batch_size=batch_size)
        if batch_tokens is not None and batch_size is not None:
            raise InputError("Give either `batch_tokens` or `batch_size`: got both.")
        if batch_size is not None:
            return batch_size * self.opened.max_length
        return batch_tokens or default

    def _results(self, stream: Iterable[Any], job: Job, batch_tokens: int) -> Iterator[Any]:
        pad_id = self.opened.config.pad_token_id
        run = partial(run_windows, self.runner, batch_tokens=batch_tokens, pad_id=pad_id)
        for encoded in self._chunks(stream, job, LOOKAHEAD_BATCHES * batch_tokens):
            yield from job.answers(encoded, self.opened, run)

    def _chunks(self, stream: Iterable[Any], job: Job, n_tokens: int) -> Iterator[list[Any]]:
        """Encoded examples in lists of at least `n_tokens` tokens; the last may have fewer."""
        items = iter(stream)
        chunk: list[Any] = []
        n_held = 0
        while examples := [job.read(item) for item in islice(items, ENCODE_AT_ONCE)]:
            for encoded in job.encode(examples, self.opened):
                chunk.append(encoded)
                n_held += job.n_tokens(encoded)
                if n_held >= n_tokens:
                    yield chunk
                    chunk, n_held = [], 0
        if chunk:
            yield chunk


def with_progress(items: Iterable[Item], total: int | None, label: str) -> Iterator[Item]:
    """Yield `items` and count them on a bar on standard error; without `total` the end is open."""
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total)
        for item in items:
            yield item
            bar.advance(task)
