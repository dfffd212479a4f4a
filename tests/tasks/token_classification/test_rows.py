"""Sentences of words and tags in every form in which data sets and annotation tools write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.token_classification.rows import (
    NO_SENTENCES,
    NOT_A_TEXT,
    NOT_A_WORD,
    NOT_SPANS,
    NOT_TEXTS,
    NOT_WORDS,
    TagColumns,
    tagged_sentences,
)

Found = list[tuple[list[str], list[str]]]
WORDS, TAGS = ["Anna", "lives", "in", "New", "York"], ["B-PER", "O", "O", "B-LOC", "I-LOC"]
TEXT = "Anna lives in New York"


def read(*values: dict[str, Any], **columns: str) -> tuple[Found, Problems]:
    problems = Problems()
    rows = [Row(one, f"x line {i}") for i, one in enumerate(values, 1)]
    found = tagged_sentences(rows, TagColumns(**columns), problems)
    return [(one.words, one.tags) for one in found], problems


@pytest.mark.parametrize(
    ("values", "columns"),
    [
        ({"tokens": WORDS, "tags": TAGS}, {}),
        ({"id": "1", "tokens": tuple(WORDS), "ner_tags": np.array(TAGS, dtype=object)}, {}),
        ({"words": WORDS, "labels": [f"{tag} " for tag in TAGS]}, {}),
        ({"tokens": ["x"], "mine": WORDS, "its": TAGS}, {"tokens": "mine", "tags": "its"}),
    ],
)
def test_lists_of_words_and_tags_are_found_by_usual_names(
    values: dict[str, Any], columns: dict[str, str]
) -> None:
    assert read(values, **columns)[0] == [(WORDS, TAGS)]


@pytest.mark.parametrize(
    ("values", "columns"),
    [
        # Prodigy, whose rows also have tokens.
        (
            {
                "text": TEXT,
                "tokens": [{"text": "Anna", "start": 0, "end": 4, "id": 0}],
                "spans": [
                    {"start": 14, "end": 22, "label": "LOC"},
                    {"start": 0, "end": 4, "label": "PER", "token_start": 0},
                ],
            },
            {},
        ),
        # doccano, before and since version 1.7.
        ({"text": TEXT, "label": [[0, 4, "PER"], [14, 22, "LOC"]]}, {}),
        (
            {
                "text": TEXT,
                "entities": [
                    {"id": 1, "label": "PER", "start_offset": 0, "end_offset": 4},
                    {"id": 2, "label": "LOC", "start_offset": 14, "end_offset": 22},
                ],
            },
            {},
        ),
        # Label Studio; a span with white space at its ends.
        (
            {
                "text": TEXT,
                "label": [
                    {"start": 0, "end": 5, "text": "Anna ", "labels": ["PER"]},
                    {"start": 13, "end": 22, "labels": ["LOC"]},
                ],
            },
            {},
        ),
        ({"text": TEXT, "mine": [(0, 4, "PER"), (14, 22, "LOC")], "label": 1}, {"tags": "mine"}),
    ],
)
def test_spans_of_characters_become_tags(values: dict[str, Any], columns: dict[str, str]) -> None:
    found, problems = read(values, **columns)
    assert not len(problems), problems.report()
    assert found == [(WORDS, TAGS)]


def test_punctuation_is_a_word_in_texts_with_spans() -> None:
    found, _ = read(
        {"text": "I like John C., he said.", "spans": [[7, 14, "PER"]]}, {"text": "a", "spans": []}
    )
    assert found == [
        (
            ["I", "like", "John", "C", ".", ",", "he", "said", "."],
            ["O", "O", "B-PER", "I-PER", "I-PER", "O", "O", "O", "O"],
        ),
        (["a"], ["O"]),
    ]


def test_wrong_spans_are_reported_by_row() -> None:
    good = {"text": TEXT, "spans": [[0, 4, "PER"]]}
    _, problems = read(
        good,
        {"text": TEXT, "spans": [[0, 3, "PER"]]},
        {"text": TEXT, "spans": [[0, 4, "PER"], [0, 10, "LOC"]]},
        {"text": TEXT, "spans": [[90, 95, "PER"]]},
        {"text": TEXT, "spans": None},
        {"text": TEXT, "spans": [[0, 4]]},
        {"text": TEXT, "spans": [{"start": 0, "end": 4}]},
        {"text": " ", "spans": []},
    )
    assert problems.found[NOT_WORDS] == [
        ("x line 2", repr("Ann at 0")),
        ("x line 3", repr("Anna lives at 0")),
        ("x line 4", repr(" at 90")),
    ]
    assert [place for place, _ in problems.found[NOT_SPANS]] == ["x line 5", "x line 6", "x line 7"]
    assert [place for place, _ in problems.found[NOT_A_TEXT]] == ["x line 8"]


def test_one_word_per_row_forms_sentences_by_a_column() -> None:
    # As the data set "Annotated Corpus for Named Entity Recognition" has them.
    numbers = ["Sentence: 1", "", "", "Sentence: 2", ""]
    values = [
        {"Sentence #": number, "Word": word, "POS": "X", "Tag": tag}
        for number, word, tag in zip(numbers, WORDS, TAGS, strict=True)
    ]
    assert read(*values)[0] == [(WORDS[:3], TAGS[:3]), (WORDS[3:], TAGS[3:])]
    repeated = [
        {"sentence_id": i // 3, "token": word, "label": tag}
        for i, (word, tag) in enumerate(zip(WORDS, TAGS, strict=True))
    ]
    assert read(*repeated)[0] == [(WORDS[:3], TAGS[:3]), (WORDS[3:], TAGS[3:])]


def test_a_blank_row_ends_a_sentence_and_words_such_as_na_are_words() -> None:
    values = [{"word": word, "tag": tag} for word, tag in (("NA", "O"), ("", ""), ("b", "O"))]
    assert read(*values)[0] == [(["NA"], ["O"]), (["b"], ["O"])]


def test_words_without_sentences_or_tags_are_reported() -> None:
    _, problems = read({"word": "a", "tag": "O"}, {"word": "b", "tag": "O"})
    assert problems.of_sources == [f"{NO_SENTENCES} In x line 1."]
    found, problems = read(
        {"sentence": 1, "word": "a", "tag": "O"},
        {"sentence": 1, "word": "b", "tag": ""},
        {"sentence": 2, "word": "c", "tag": "O"},
    )
    assert found == [(["c"], ["O"])]
    assert list(problems.found) == [NOT_A_WORD]


def test_the_digit_0_among_tags_is_the_letter_o() -> None:
    found, _ = read({"tokens": ["a", "b"], "tags": ["B-X", "0"]})
    assert found == [(["a", "b"], ["B-X", "O"])]
    assert read({"tokens": ["a", "b"], "tags": ["0", "1"]})[0] == [(["a", "b"], ["0", "1"])]
    assert read({"tokens": ["a", "b"], "ner_tags": [0, 1]})[0] == [(["a", "b"], ["0", "1"])]


def test_lists_of_other_values_are_reported() -> None:
    found, problems = read({"tokens": ["a"], "tags": [None]}, {"tokens": ["a"], "tags": ["O"]})
    assert found == [(["a"], ["O"])]
    assert list(problems.found) == [NOT_TEXTS]


def test_lists_may_be_written_as_text() -> None:
    row = {"tokens": "['Anna' 'lives']", "ner_tags": "['B-PER', 'O']"}
    assert read(row)[0] == [(["Anna", "lives"], ["B-PER", "O"])]
    assert read({**row, "ner_tags": "[1 0]"})[0] == [(["Anna", "lives"], ["1", "0"])]
    words = [{"sentence": "1", "word": word, "tag": "O"} for word in ("[1]", "said")]
    assert read(*words)[0] == [(["[1]", "said"], ["O", "O"])]
