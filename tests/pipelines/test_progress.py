"""The bar is drawn on standard error and changes nothing."""

from __future__ import annotations

import pytest

from distilbert.pipelines.progress import with_progress


def test_items_pass_through_and_the_bar_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(with_progress(iter("abc"), 3, "ner")) == ["a", "b", "c"]
    written = capsys.readouterr()
    assert written.out == ""
    assert "ner" in written.err
    assert "3/3" in written.err


def test_an_unknown_number_of_items_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress(iter("ab"), None, "ner")) == ["a", "b"]
    assert "2/?" in capsys.readouterr().err
