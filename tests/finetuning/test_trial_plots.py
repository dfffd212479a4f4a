"""The picture of a search: a whole PNG, with words that say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.finetuning.search_space import Choice, Range
from distilbert.finetuning.trial_plots import trials_plot
from distilbert.finetuning.trials import Trial

pytest.importorskip("matplotlib")
SPACE = {
    "learning_rate": Range(1e-5, 1e-3, log=True, integer=False),
    "epochs": Range(2, 4, log=False, integer=True),
    "freeze": Choice(((), ("embeddings",))),
}


def trial(name: str, status: str, scores: tuple[tuple[int, float], ...]) -> Trial:
    values = {"learning_rate": 1e-4, "epochs": 3, "freeze": ("embeddings",)}
    score = max((one for _, one in scores), default=None)
    return Trial(name, values, status, score, scores, 1.0, Path(name), None)


def test_a_search_is_drawn_and_told() -> None:
    trials = [
        trial("a", "finished", ((2, 0.25), (4, 0.75))),
        trial("b", "stopped", ((2, 0.125),)),
        trial("c", "failed", ()),
    ]
    plot = trials_plot(trials, SPACE, "f1")
    assert plot.png.startswith(b"\x89PNG\r\n")
    assert plot.words == (
        "f1 on dev of 3 trials, of which 1 finished; the best reached 0.75 with "
        "learning_rate 0.0001, epochs 3, freeze embeddings."
    )


def test_a_search_without_a_finished_trial_is_drawn_too() -> None:
    plot = trials_plot([trial("c", "failed", ())], SPACE, "f1")
    assert plot.words == "f1 on dev of 1 trials, of which 0 finished."
