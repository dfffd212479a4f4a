"""Plots: which are drawn, and what is said to those who cannot see them."""

from __future__ import annotations

import struct

import pytest
from sample_report import sample_report, sample_split

from distilbert.training.plots import MOST_LABELS, Plot, calibration, confusion, plots, scatter

pytest.importorskip("matplotlib")


def size(plot: Plot | None) -> tuple[int, int]:
    """Width and height as the file's header has them."""
    assert plot is not None
    assert plot.png.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", plot.png[16:24])
    return width, height


def test_every_kind_of_numbers_gets_its_plot() -> None:
    values = {"n": 2, "scores": {}, "tables": {"values": [{"truth": 1.0, "predicted": 2.0}]}}
    found = plots(sample_report(splits={"dev": sample_split(), "test": values}))
    assert list(found) == ["curves", "dev.confusion", "dev.calibration", "test.values"]
    for plot in found.values():
        width, height = size(plot)
        assert 300 < width < 3000
        assert 300 < height < 3000


def test_an_evaluation_has_no_curves() -> None:
    assert "curves" not in plots(sample_report(history=[]))
    assert plots({}) == {}


def test_the_words_tell_where_curves_begin_and_end() -> None:
    words = plots(sample_report())["curves"].words
    assert words == "Training loss goes from 0.7 to 0.3; accuracy on dev goes from 0.5 to 0.75."


def test_a_run_chosen_by_its_loss_shows_the_loss_once() -> None:
    wide, narrow = (plots(sample_report(metric=name))["curves"] for name in ("accuracy", "loss"))
    assert size(wide)[0] > size(narrow)[0]


def test_the_words_of_a_confusion_matrix_count_the_diagonal() -> None:
    plot = confusion(sample_split()["tables"]["confusion"], "dev")
    assert plot is not None
    assert "3 of 4 examples lie on the diagonal" in plot.words


def test_too_many_labels_get_no_matrix() -> None:
    n = MOST_LABELS + 1
    table = {"labels": [str(i) for i in range(n)], "counts": [[1] * n for _ in range(n)]}
    assert confusion(table, "dev") is None


def test_the_words_of_a_calibration_tell_its_error() -> None:
    plot = calibration(sample_split()["tables"]["calibration"], "dev")
    assert "error is 0.050" in plot.words
    size(plot)


def test_values_that_are_all_equal_can_be_drawn() -> None:
    size(scatter([{"truth": 1.0, "predicted": 1.0}] * 3, "dev"))


def test_the_same_numbers_give_the_same_file() -> None:
    first, second = (plots(sample_report())["dev.confusion"].png for _ in range(2))
    assert first == second
