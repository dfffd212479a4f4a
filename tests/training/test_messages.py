"""What a run says while it goes on: evaluations, how to continue."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from distilbert.training.messages import (
    announced,
    brief_scores,
    counted,
    how_to_continue,
    is_watched,
    new_head_is_expected,
    passes,
    score_line,
)


def test_details_of_scores_are_left_out_where_there_are_many() -> None:
    few = {"loss": 0.1, "f1": 0.5, "f1_macro": 0.4}
    assert brief_scores(few) == few
    many = {
        f"{a}{b}{c}": 0.5 for a in ("", "strict_") for b in ("f1", "recall") for c in ("", "_macro")
    }
    assert list(brief_scores(many)) == ["f1", "recall"]
    assert (
        score_line(3, few, "f1") == "dev after 3 updates:  f1 0.5000  loss 0.1000  f1_macro 0.4000"
    )


def test_one_is_singular() -> None:
    assert [counted(n, "update") for n in (0, 1, 1200)] == [
        "0 updates",
        "1 update",
        "1,200 updates",
    ]


def test_an_interruption_says_how_to_continue() -> None:
    assert how_to_continue("finetune", Path("my runs/r1")).endswith(
        "distilbert finetune --resume --output 'my runs/r1'"
    )


def test_a_file_is_not_watched() -> None:
    assert not is_watched()


def test_evaluations_are_announced_and_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    seen = []
    announced("loss", lambda step, scores: seen.append((step, scores)))(3, {"loss": 0.5})
    assert seen == [(3, {"loss": 0.5})]
    assert capsys.readouterr().err == "dev after 3 updates:  loss 0.5000\n"


def test_only_the_news_of_a_new_head_is_kept_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("distilbert.checkpoint.loading")
    with new_head_is_expected():
        logger.warning("X: The head is newly initialized: classifier.")
        logger.warning("X: Wrong file")
    logger.warning("Y: The head is newly initialized: classifier.")
    assert [record.getMessage()[0] for record in caplog.records] == ["X", "Y"]


def test_a_run_ends_after_its_epochs_or_with_max_steps() -> None:
    assert [passes(n, 9, None) for n in (0.5, 1, 3.0)] == ["0.5 epochs", "1 epoch", "3 epochs"]
    assert passes(3, 9, 20) == "3 epochs"
    assert passes(3, 9, 9) == "as many as `max_steps` allows,"
