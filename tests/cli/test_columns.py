"""Columns are found by the names that users gave, that a model remembers, and that are usual."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.cli.columns import Fields, remembered_columns
from distilbert.errors import InputError

PAIR = ("text", "text_pair")


def test_chosen_columns_come_before_remembered_and_usual_ones() -> None:
    row = {"id": 1, "review": "a", "sentence": "b", "hypothesis": "c"}
    fields = Fields(PAIR, {"text": "review"}, guessed=True)
    assert fields.renamed(row, {"text": "sentence"})["text"] == "b"
    assert fields.renamed(row, {})["text"] == "a"
    assert fields.renamed({"text": "d", "review": "a"}, {}) == {"text": "a"}
    assert fields.renamed({"text": "d"}, {}) == {"text": "d"}
    assert fields.renamed({"x": 1}, {}) == {"x": 1}
    guessed = Fields(PAIR, guessed=True).renamed({"sentence1": "b", "sentence2": "c"}, {})
    assert guessed == {"text": "b", "text_pair": "c"}
    assert Fields(PAIR).renamed({"sentence": "b"}, {}) == {"sentence": "b"}
    named = Fields(PAIR, guessed=True).renamed({"text": "a", "sentence2": "c"}, {})
    assert named == {"text": "a", "sentence2": "c"}
    assert row == {"id": 1, "review": "a", "sentence": "b", "hypothesis": "c"}


def test_unknown_fields_are_refused_with_the_right_one() -> None:
    with pytest.raises(InputError) as caught:
        Fields(PAIR).chosen_by(["text-pair=x"])
    assert str(caught.value) == (
        "`--field` must name one of text, text_pair: got 'text-pair'. Did you mean text_pair=x?"
    )


def test_a_field_has_one_column() -> None:
    with pytest.raises(InputError, match="must name a field once: got several text"):
        Fields(PAIR).chosen_by(["text=a", "text=b"])


def test_the_card_of_a_folder_remembers_columns(tmp_path: Path) -> None:
    assert remembered_columns(None) == remembered_columns(tmp_path) == {}
    (tmp_path / "card.toml").write_text('[data]\ntext = "review"\nlabel = "stars"\n')
    found = remembered_columns(tmp_path)
    assert found["text"] == "review"
    assert found["question"] == "question"
    assert "label" not in found
    (tmp_path / "card.toml").write_text('[data]\nchoices = ["first", "second"]\n')
    found = remembered_columns(tmp_path)
    assert (found["choice0"], found["choice1"]) == ("first", "second")
