"""What a pipeline needs of its task: a job reads inputs, encodes them and yields answers."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from distilbert.batching import Evaluate, Outputs
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError
from distilbert.tasks.windows import Tokenizer, Window

# The shortest window with three special tokens and one token of each text.
MIN_LENGTH = 5


@dataclass(frozen=True, slots=True)
class Setup:
    """The tokenizer, the model's configuration, and the longest window both can take."""

    tokenizer: Tokenizer
    config: DistilBertConfig
    max_length: int

    def window_length(self, wanted: int | None) -> int:
        """`wanted` tokens per window, or as many as fit.

        Raises:
            InputError: more than the model takes, or too few for any text.
        """
        if wanted is None:
            return self.max_length
        if not MIN_LENGTH <= wanted <= self.max_length:
            raise InputError(
                f"The window length must lie between {MIN_LENGTH} and {self.max_length}, "
                f"the most this model and tokenizer take: got {wanted}."
            )
        return wanted


class Job(Protocol):
    """The options of one task and how they are applied; every job is a frozen dataclass.

    Attributes:
        name: the name of the task.
        head: the model head that it needs.
        fields: the inputs that may also be passed by keyword.
    """

    name: ClassVar[str]
    head: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]

    def from_fields(self, given: Mapping[str, Any]) -> Any:
        """The inputs that are passed by keywords of `fields`."""
        ...

    def is_single(self, inputs: Any) -> bool:
        """Whether `inputs` is one example."""
        ...

    def read(self, item: Any) -> Any:
        """One example from what a caller passed; raises InputError."""
        ...

    def encode(self, examples: Sequence[Any], setup: Setup) -> list[Any]:
        """What `answers` needs of each example; tokenizes all in one batch."""
        ...

    def n_tokens(self, encoded: Any, /) -> int:
        """About how many tokens the model will see for this example."""
        ...

    def answers(self, encoded: Sequence[Any], setup: Setup, run: Evaluate) -> Iterator[Any]:
        """The results, in order; all model work is done before the first."""
        ...

    def present(self, results: list[Any], *, single: bool) -> Any:
        """What is returned to the caller for one example, or for a list."""
        ...


AnyJob = TypeVar("AnyJob", bound=Any)
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
