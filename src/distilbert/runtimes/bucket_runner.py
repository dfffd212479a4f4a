"""`BucketRunner`: answers for batches of any size, from files that compute one size each."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from distilbert.buckets import Bucket, choose_bucket, longest_of
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, TokenIdError
from distilbert.heads import HEADS
from distilbert.input_checks import RUNNER_INPUTS, check_batch
from distilbert.runner import only_wanted
from distilbert.runtimes.file_runner import FileRunner, check_has_tokens

# The outputs for a part of a batch, by name.
Compute = Callable[[FileRunner, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


class BucketRunner:
    """Pads batches to the bucket with the least padding and splits larger ones.

    Threads may share it. Padding changes no answer.

    Attributes:
        config: that of the model, with the tokens of the longest bucket as
            `max_position_embeddings`: texts are divided into windows that fit.
    """

    def __init__(
        self, runners: Mapping[Bucket, FileRunner], config: DistilBertConfig, head: str
    ) -> None:
        self.runners, self.head = dict(runners), head
        self.longest = min(longest_of(self.runners), config.max_position_embeddings)
        self.config = copy.deepcopy(config)
        self.config.max_position_embeddings = self.longest
        self.preferred_batch_tokens = max(one.n_rows * one.length for one in runners)

    def each(self) -> list[BucketRunner]:
        """A runner for each bucket alone; they share the files of this one."""
        alone = ({bucket: runner} for bucket, runner in self.runners.items())
        return [BucketRunner(one, self.config, self.head) for one in alone]

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`.

        Raises:
            TokenIdError: the batch is longer than every bucket.
        """
        self._check_length(batch)
        arrays = check_batch(batch, self.config, self.head, wanted)
        if not arrays[0].size:
            return next(iter(self.runners.values())).run_batch(batch, wanted=wanted)
        names = list(HEADS[self.head].outputs)
        found = self._compute(arrays, names, lambda runner, part: runner.run_batch(part))
        return only_wanted(self.head, found, wanted)

    def compute(self, name: str, batch: Mapping[str, np.ndarray]) -> np.ndarray:
        """An output of the files that is not one of the head, such as `sentence_embedding`."""
        return self.compute_all([name], batch)[0]

    def compute_all(
        self, names: Sequence[str], batch: Mapping[str, np.ndarray]
    ) -> list[np.ndarray]:
        """Several such outputs, float32, in one run.

        Raises:
            InputError: the batch has no tokens.
        """

        def compute(runner: FileRunner, part: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return dict(zip(names, runner.compute_all(names, part), strict=True))

        self._check_length(batch)
        arrays = check_batch(batch, self.config, self.head)
        check_has_tokens(arrays[0])
        return list(self._compute(arrays, names, compute).values())

    def close(self) -> None:
        """Release the memory of the files; the runner cannot be used afterwards."""
        for runner in self.runners.values():
            runner.close()

    def _compute(
        self, arrays: Sequence[np.ndarray], names: Sequence[str], compute: Compute
    ) -> dict[str, np.ndarray]:
        """The outputs for the ids and the visible tokens of a checked batch that has tokens."""
        *rows, length = arrays[0].shape
        n_rows = math.prod(rows)
        given = [array.reshape(n_rows, length) for array in arrays]
        parts: list[dict[str, np.ndarray]] = []
        start = 0
        while start < n_rows:
            bucket = choose_bucket([*self.runners], n_rows - start, length)
            part = [array[start : start + bucket.n_rows] for array in given]
            parts.append(self._part(bucket, part, names, compute))
            start += bucket.n_rows
        found = {name: np.concatenate([part[name] for part in parts]) for name in names}
        return {name: array.reshape(*rows, *array.shape[1:]) for name, array in found.items()}

    def _part(
        self,
        bucket: Bucket,
        given: Sequence[np.ndarray],
        names: Sequence[str],
        compute: Compute,
    ) -> dict[str, np.ndarray]:
        """The outputs of rows that fit into a bucket, from their ids and visible tokens (B, S)."""
        n_rows, length = given[0].shape
        runner = self.runners[bucket]
        padded = np.zeros((2, bucket.n_rows, bucket.length), np.int64)
        padded[:, :n_rows, :length] = given
        padded[1, n_rows:, 0] = 1  # rows that fill up see one token, as every text does
        sizes = bucket.sizes()
        shape = runner.fixed_shape or [sizes[axis] for axis in HEADS[self.head].input_axes]
        found = compute(
            runner, {name: x.reshape(shape) for name, x in zip(RUNNER_INPUTS, padded, strict=True)}
        )
        return {name: self._cut(name, found[name], shape, n_rows, length) for name in names}

    def _cut(
        self, name: str, values: np.ndarray, shape: Sequence[int], n_rows: int, length: int
    ) -> np.ndarray:
        """An output without what fills up; choices as rows."""
        axes = HEADS[self.head].outputs.get(name, ("B", "D"))
        values = values.reshape(-1, *values.shape[len(shape) - 1 :])[:n_rows]
        return values[:, :length] if "S" in axes else values

    def _check_length(self, batch: Mapping[str, np.ndarray]) -> None:
        ids = batch.get("input_ids")
        if ids is not None and ids.ndim and ids.shape[-1] > self.longest:
            raise TokenIdError(
                f"A text must fit into one of the buckets of an exported model "
                f"({', '.join(map(str, self.runners))}): got {ids.shape[-1]} tokens. Truncate or "
                f"split the text, or export the model with a longer bucket."
            )


def with_buckets(
    runners: Mapping[Bucket | None, FileRunner], file: Path
) -> FileRunner | BucketRunner:
    """The runner of files for one bucket each; of one that takes any size (None), that itself.

    Raises:
        CheckpointError: a file takes another size than that of its bucket, or more tokens than the
            model.
    """
    sized: dict[Bucket, FileRunner] = {}
    for bucket, runner in runners.items():
        shape = runner.fixed_shape
        fixed = None if shape is None else Bucket(math.prod(shape[:-1]), shape[-1])
        known = bucket or fixed
        if known is None:
            return runner
        if fixed not in (None, known):
            raise CheckpointError(
                f"`export.json` must describe the files next to it: {file} takes batches of "
                f"{fixed}, not of {bucket}. Export the model again."
            )
        longest = runner.config.max_position_embeddings
        if known.length > longest:
            raise CheckpointError(
                f"A file of a fixed size must take at most {longest} tokens per row "
                f"(`max_position_embeddings`): {file} takes batches of {known}. Export it again "
                f"with shorter rows."
            )
        sized[known] = runner
    first = next(iter(sized.values()))
    return BucketRunner(sized, first.config, first.head)
