"""What `distilbert quickstart` found: the results of its steps, as JSON or as tables."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from distilbert.cli.outputs import shorten

if TYPE_CHECKING:
    from rich.console import Console

    from distilbert.distilling.compare import Comparison

# Characters of a passage in a table, alone and next to that of the student.
WIDE, NARROW = 200, 120


@dataclass
class Report:
    """The results of all steps, in the order of the steps."""

    source: str = ""
    target: str = ""
    attempts: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    difference: float | None = None
    passages: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)
    student: str | None = None
    student_answers: list[dict[str, Any]] = field(default_factory=list)
    comparison: Comparison | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step."""
        begin = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - begin

    def values(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return asdict(self)

    def show(self, tolerance: float) -> None:
        """Print it; `tolerance` is what `difference` may be."""
        from rich.console import Console

        console = Console(highlight=False)
        for attempt in self.attempts:
            console.print(f"Not available: {attempt}", style="dim")
        console.print(f"Encoder: {self.source}")
        if self.difference is None:
            console.print("It is a DistilBERT checkpoint already: nothing to fold or compare.")
        else:
            console.print(
                f"Largest difference from BERT's forward pass: {self.difference:.1e} "
                f"(at most {tolerance:.0e} allowed)"
            )
        self._show_comparison(console)
        self._show_answers(console)
        self._show_times(console)
        self._show_next(console)

    def _show_comparison(self, console: Console) -> None:
        from rich.table import Table

        if self.comparison is None:
            return
        table = Table("", "encoder", "student", "student / encoder")
        table.title = f"The student, on {self.passages} passages it was not trained on"
        for cells in self.comparison.rows():
            table.add_row(*cells)
        console.print(table)

    def _show_answers(self, console: Console) -> None:
        from rich.table import Table

        title = f"Best of {self.passages} passages of Python's language reference"
        if not self.student_answers:
            answers = Table("query", "topic", "cosine", "passage", title=title)
            for answer in self.answers:
                answers.add_row(answer["query"], *_cells(answer, WIDE))
        else:
            answers = Table("query", "by", "topic", "cosine", "passage", title=title)
            for first, second in zip(self.answers, self.student_answers, strict=True):
                answers.add_row(first["query"], "encoder", *_cells(first, NARROW))
                same = first["text"] == second["text"]
                cells = _cells(second, NARROW)
                answers.add_row("", "student", *(*cells[:2], "the same") if same else cells)
                answers.add_section()
        console.print(answers)

    def _show_times(self, console: Console) -> None:
        from rich.table import Table

        times = Table("step", "seconds", title="Time")
        for name, seconds in {**self.seconds, "together": sum(self.seconds.values())}.items():
            times.add_row(name, f"{seconds:5.1f}")
        console.print(times)

    def _show_next(self, console: Console) -> None:
        console.print(
            f"The model is in {self.target}. Next:\n"
            f'  distilbert embed -m {self.target} "any sentence"\n'
            f"  distilbert info {self.target}"
        )
        if self.student is not None:
            console.print(
                f"The student is in {self.student}. One that has learned from your texts:\n"
                f"  distilbert distill --teacher {self.target} --train texts.txt "
                "--kl-weight 0 --mlm-weight 0 --output ./student"
            )


def _cells(answer: dict[str, Any], width: int) -> tuple[str, str, str]:
    return answer["topic"], f"{answer['score']:.3f}", shorten(answer["text"], width)
