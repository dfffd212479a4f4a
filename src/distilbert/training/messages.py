"""What a run says on standard error while it goes on: each evaluation, how to continue.

Formats text; makes no decisions.
"""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LOADING_LOG = "distilbert.checkpoint.loading"
# Scores in a line about an evaluation.
SCORES_SHOWN = 6
# Beginnings and ends of the names of scores that are details of others.
DETAILS = ("strict_",), ("_macro", "_weighted")


def is_watched() -> bool:
    """Whether standard error is a terminal or a notebook, where progress is shown by default."""
    from rich.console import Console

    console = Console(stderr=True)
    return console.is_terminal or console.is_jupyter


def say(lines: Iterable[str]) -> None:
    """Print lines on standard error."""
    print("\n".join(lines), file=sys.stderr)


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 update", "1,200 updates"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def passes(epochs: float, steps: int, max_steps: int | None) -> str:
    """What ends a run of so many updates: its epochs, or `max_steps`."""
    if steps == max_steps:
        return "as many as `max_steps` allows,"
    return f"{epochs:g} {'epoch' if epochs == 1 else 'epochs'}"


def brief_scores(scores: Mapping[str, float]) -> dict[str, float]:
    """The scores without those that are details of others, where there are many."""
    if len(scores) <= SCORES_SHOWN:
        return dict(scores)
    begins, ends = DETAILS
    return {n: v for n, v in scores.items() if not n.startswith(begins) and not n.endswith(ends)}


def score_line(step: int, scores: Mapping[str, float], metric: str) -> str:
    """One evaluation on dev in a line, the score that chooses the best model first."""
    shown = {metric: scores[metric], **brief_scores(scores)}
    values = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
    return f"dev after {counted(step, 'update')}:  {values}"


def announced(
    metric: str, on_scores: Callable[[int, Mapping[str, float]], None] | None
) -> Callable[[int, Mapping[str, float]], None]:
    """`on_scores`, after a line about the scores on standard error."""

    def announce(step: int, scores: Mapping[str, float]) -> None:
        say([score_line(step, scores, metric)])
        if on_scores is not None:
            on_scores(step, scores)

    return announce


def how_to_continue(command: str, output: Path) -> str:
    """What to do after a run of `distilbert command` was interrupted."""
    return (
        f"Continue from the newest checkpoint with: distilbert {command} --resume --output "
        f"{shlex.quote(str(output))}"
    )


@contextmanager
def new_head_is_expected() -> Iterator[None]:
    """Keep the log quiet about a newly initialized head: fine-tuning trains it."""
    logger = logging.getLogger(LOADING_LOG)

    def is_news(record: logging.LogRecord) -> bool:
        return "The head is newly initialized" not in record.getMessage()

    logger.addFilter(is_news)
    try:
        yield
    finally:
        logger.removeFilter(is_news)
