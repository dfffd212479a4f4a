"""What a pipeline needs of its task: a job reads inputs, encodes them and yields answers."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from distilbert.batching import Evaluate, Outputs
from distilbert.errors import InputError
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import read_text
from distilbert.tasks.windows import Window


@dataclass(frozen=True, kw_only=True)
class Job:
    """The options of one task and how they are applied; every job is a frozen dataclass.

    Attributes:
        name: the name of the task.
        head: the model head that it needs.
        fields: the inputs that may also be passed by keyword.
    """

    name: ClassVar[str]
    head: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ()

    def stored_options(self, model: OpenModel) -> dict[str, Any]:
        """The options that the folder of a model states for this task."""
        return {}

    def from_fields(self, given: Mapping[str, Any]) -> Any:
        """The inputs that are passed by keywords of `fields`; by default one row."""
        return dict(given)

    def is_single(self, inputs: Any) -> bool:
        """Whether `inputs` is one example: a string, a row (mapping) or a tuple such as a pair."""
        return isinstance(inputs, (str, Mapping, tuple))

    def read(self, item: Any) -> Any:
        """One example from what a caller passed, by default a text; raises InputError."""
        return read_text(item, self.name)

    def encode(self, examples: Sequence[Any], model: OpenModel) -> list[Any]:
        """What `answers` needs of each example; tokenizes all in one batch."""
        raise NotImplementedError

    def n_tokens(self, encoded: Any) -> int:
        """About how many tokens the model will see for this example, by default its windows."""
        return count_tokens(encoded)

    def answers(self, encoded: Sequence[Any], model: OpenModel, run: Evaluate) -> Iterator[Any]:
        """The results, in order; all model work is done before the first."""
        raise NotImplementedError

    def present(self, results: list[Any], *, single: bool) -> Any:
        """What is returned to the caller for one example, or for a list."""
        return results[0] if single else results


AnyJob = TypeVar("AnyJob", bound=Job)
Result = TypeVar("Result")


def run_each(
    run: Evaluate,
    encoded: Sequence[Sequence[Window]],
    reduce: Callable[[Window, Outputs], Result],
) -> Iterator[list[Result]]:
    """What `reduce` keeps of the outputs for the windows of each example, in order."""
    windows = [window for of_example in encoded for window in of_example]
    kept = iter(
        run(
            [window.ids for window in windows],
            lambda number, outputs: reduce(windows[number], outputs),
        )
    )
    return ([next(kept) for _ in of_example] for of_example in encoded)


def count_tokens(windows: Sequence[Window]) -> int:
    """The tokens of all windows of an example."""
    return sum(len(window.ids) for window in windows)


def with_options(job: AnyJob, options: Mapping[str, Any], task: str) -> AnyJob:
    """`job` with some options changed.

    Raises:
        TypeError: the task has no such option.
        InputError: a value breaks a rule.
    """
    known = [field.name for field in dataclasses.fields(job)]
    for name in options:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise TypeError(
                f"`{task}` takes no option `{name}`: its options are {', '.join(known)}.{hint}"
            )
    return dataclasses.replace(job, **options) if options else job


def check_at_least(lowest: int, **values: int | None) -> None:
    """Raise InputError unless every value is None or an integer of at least `lowest`."""
    for name, value in values.items():
        if value is not None and (not isinstance(value, int) or value < lowest):
            raise InputError(f"`{name}` must be an integer of at least {lowest}: got {value!r}.")


def check_one_of(known: Sequence[str], **values: str | None) -> None:
    """Raise InputError unless every value is None or one of `known`."""
    for name, value in values.items():
        if value is not None and value not in known:
            raise InputError(f"`{name}` must be one of {', '.join(known)}: got {value!r}.")
