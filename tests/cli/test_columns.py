"""Columns are found by the names that users gave, that a model remembers, and that are usual."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.cli.columns import ChoiceFields, Fields, remembered_data
from distilbert.errors import InputError
from distilbert.training.run_card import DataSection

PAIR = ("text", "text_pair")


def test_chosen_columns_come_before_remembered_and_usual_ones() -> None:
    row = {"id": 1, "review": "a", "sentence": "b", "hypothesis": "c"}
    fields = Fields(PAIR, DataSection(text="review"), guessed=True)
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


def test_the_card_of_a_folder_remembers_its_data(tmp_path: Path) -> None:
    assert remembered_data(None) is remembered_data(tmp_path) is None
    (tmp_path / "card.toml").write_text('[data]\ntext = "review"\nlabel = "stars"\n')
    found = remembered_data(tmp_path)
    assert found is not None
    assert (found.text, found.question) == ("review", "question")


@pytest.mark.parametrize(
    ("data", "row"),
    [
        (DataSection(glue="qnli"), {"question": "a", "sentence": "b", "index": 1}),
        (DataSection(glue="mrpc"), {"#1 String": "a", "#2 String": "b"}),
        (DataSection(glue="mrpc"), {"sentence1": "a", "sentence2": "b"}),
        (DataSection(glue="mnli"), {"premise": "a", "hypothesis": "b"}),
        (None, {"question": "a", "sentence": "b"}),
        (None, {"#1 String": "a", "#2 String": "b"}),
    ],
)
def test_columns_of_glue_are_those_of_fine_tuning(
    data: DataSection | None, row: dict[str, object]
) -> None:
    found = Fields(PAIR, data, guessed=True).renamed(row, {})
    assert isinstance(found, dict)
    assert (found["text"], found["text_pair"]) == ("a", "b")


def test_a_missing_text_is_empty_as_the_cell_of_a_csv_file_is() -> None:
    assert Fields().renamed({"text": None, "n": None}, {}) == {"text": "", "n": None}
    row = Fields(PAIR, guessed=True).renamed({"review": None, "sentence2": "b"}, {})
    assert row == {"text": "", "text_pair": "b"}


def test_choices_are_read_as_in_fine_tuning() -> None:
    row = {"id": 3, "sent1": "p", "sent2": "We", "ending0": "a", "ending1": "b", "ending2": "NA"}
    read = {"id": 3, "prompt": "p", "choices": ["We a", "We b"]}
    assert ChoiceFields().renamed(row, {}) == read
    assert ChoiceFields(data=DataSection(prompt="sent1")).renamed(row, {}) == read
    assert ChoiceFields().renamed(row, {"prompt": "sent1"}) == read
    other = ChoiceFields().renamed(row, {"prompt": "sent2", "choices": "sent1"})
    assert other == row  # without choices, which the task reports
    named = DataSection(prompt="x", choices=("first", "second"), missing=())
    row = {"x": "p", "first": "a", "second": "NA", "text": "b"}
    found = ChoiceFields(data=named).renamed(row, {})
    assert found == {"text": "b", "prompt": "p", "choices": ["a", "NA"]}
    with pytest.raises(InputError, match="must have the column 'y'"):
        ChoiceFields().renamed(row, {"prompt": "y"})
