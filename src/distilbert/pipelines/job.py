"""What a pipeline needs of its task: a job reads inputs, encodes them and yields answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from distilbert.batching import Evaluate, Outputs
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import read_text
from distilbert.pipelines.option_checks import check_options
from distilbert.task_file import read_task_file
from distilbert.tasks.windows import Window


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """The options of one task and how they are applied; every job is a frozen dataclass.

    Attributes:
        name: the name of the task.
        head: the model head that it needs.
        fields: the inputs that may also be passed by keyword.
        arguments: the options or fields that may also be passed by position, after the inputs or
            the first field.
        stored: the fields of `task.json` that are options -> the option.

    Raises:
        InputError: the value of an option is not of the type of its annotation, or is too small.
    """

    name: ClassVar[str]
    head: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ()
    arguments: ClassVar[tuple[str, ...]] = ()
    stored: ClassVar[Mapping[str, str]] = {}

    def __post_init__(self) -> None:
        check_options(self)

    def stored_options(self, model: OpenModel) -> dict[str, Any]:
        """The options that the folder of a model states for this task, by default in `task.json`.

        They make a pipeline read texts as the evaluation after training did.
        """
        settings = read_task_file(model.folder)
        if settings.get("head") != self.head:
            return {}
        if "max_length" in settings:
            settings["max_length"] = min(settings["max_length"], model.max_length)
        return {
            option: settings[field] for field, option in self.stored.items() if field in settings
        }

    def from_fields(self, given: Mapping[str, Any]) -> Any:
        """The inputs that are passed by keywords of `fields`; by default one row."""
        return dict(given)

    def is_single(self, inputs: Any) -> bool:
        """Whether `inputs` is one example: a text or a row."""
        return isinstance(inputs, (str, Mapping))

    def read(self, item: Any) -> Any:
        """One example from what a caller passed, by default a text; raises InputError."""
        return read_text(item, self.name)

    @abstractmethod
    def encode(self, examples: Sequence[Any], model: OpenModel) -> list[Any]:
        """What `answers` needs of each example; tokenizes all in one batch."""

    def n_tokens(self, encoded: Any) -> int:
        """About how many tokens the model will see for this example, by default its windows."""
        return count_tokens(encoded)

    @abstractmethod
    def answers(self, encoded: Sequence[Any], model: OpenModel, run: Evaluate) -> Iterator[Any]:
        """The results, in order; all model work is done before the first."""

    def columns(self, answer: Any, labels: Sequence[str] = ()) -> dict[str, Any]:
        """An answer as columns of a table; `labels` are those of the model, in their order."""
        return {"answers": answer}

    def present(self, results: list[Any], inputs: Any, options: Mapping[str, Any]) -> Any:
        """What is returned to the caller of `inputs`, one example or a list, with `options`."""
        return results[0] if self.is_single(inputs) else results


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
