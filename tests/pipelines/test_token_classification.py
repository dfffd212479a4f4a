"""Result shapes and options of token classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, ids_of, small_config

from distilbert.errors import InputError
from distilbert.pipelines.factory import pipeline

LABELS = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}
SAYS = {"wolf": 1, "##gang": 3, "new": 3, "york": 4, "berlin": 3}  # ##gang disagrees with wolf


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    config = small_config(num_labels=5, id2label=LABELS, label2id={v: k for k, v in LABELS.items()})
    overrides = {}
    for token in range(config.vocab_size):
        overrides[token] = [4.0, 0, 0, 0, 0]
    for word, label in SAYS.items():
        overrides[ids_of(word)[0]] = [6.0 if i == label else 0.0 for i in range(5)]
    runner = ArithmeticRunner("token_classification", config, overrides=overrides)
    return pipeline("ner", runner, tokenizer)


TEXT = "Wolfgang lives in  New York, not Berlin."


def test_entities_are_whole_words_by_default(pipe: Any) -> None:
    found = pipe(TEXT)
    assert [list(entity) for entity in found] == [
        ["entity_group", "score", "word", "start", "end"]
    ] * 3
    assert [(e["entity_group"], e["word"], TEXT[e["start"] : e["end"]]) for e in found] == [
        ("PER", "wolfgang", "Wolfgang"),
        ("LOC", "new york", "New York"),
        ("LOC", "berlin", "Berlin"),
    ]


def test_tokens_are_numbered_as_the_model_sees_them(pipe: Any) -> None:
    found = pipe(TEXT, aggregation_strategy="none")
    assert [list(token) for token in found[:1]] == [
        ["entity", "score", "index", "word", "start", "end"]
    ]
    assert [(t["index"], t["entity"], t["word"]) for t in found][:4] == [
        (1, "B-PER", "wolf"),
        (2, "B-LOC", "##gang"),
        (5, "B-LOC", "new"),
        (6, "I-LOC", "york"),
    ]


def test_unknown_words_show_what_was_written(pipe: Any) -> None:
    for strategy in ("none", "first"):
        found = pipe("☃☃ in Berlin", ignore_labels=[], aggregation_strategy=strategy)
        assert found[0]["word"].startswith("☃☃")


@pytest.mark.parametrize("strategy", ["none", "simple", "first", "average", "max"])
def test_a_long_text_gives_the_same_entities_as_its_parts(pipe: Any, strategy: str) -> None:
    part = "Wolfgang lives in New York . "
    length = len(part)
    once = pipe(part, aggregation_strategy=strategy)
    many = pipe(part * 40, aggregation_strategy=strategy)
    assert len(many) == 40 * len(once)
    for i, entity in enumerate(many):
        expected = once[i % len(once)]
        offset = length * (i // len(once))
        assert (entity["start"], entity["end"]) == (
            expected["start"] + offset,
            expected["end"] + offset,
        )
        assert entity["score"] == pytest.approx(expected["score"])


def test_words_may_come_already_split(pipe: Any) -> None:
    words = ["Wolfgang", "lives", "in", "New-York", "."]
    text = " ".join(words)
    found = pipe(words, is_split_into_words=True)
    assert [text[e["start"] : e["end"]] for e in found] == ["Wolfgang", "New-York"]
    row = pipe({"tokens": words, "ner_tags": [1]}, is_split_into_words=True)
    assert row == found
    assert pipe([words, words[:2]], is_split_into_words=True) == [found, found[:1]]
    assert pipe([{"tokens": np.array(words)}, {"words": words}]) == [found, found]


def test_labels_to_ignore_must_be_a_list(pipe: Any) -> None:
    assert [e["word"] for e in pipe(TEXT, ignore_labels=["O", "LOC"])] == ["wolfgang"]
    with pytest.raises(InputError) as caught:
        pipe(TEXT, ignore_labels="O")
    assert str(caught.value) == "`ignore_labels` must be a list of texts: got 'O'."
    with pytest.raises(InputError) as caught:
        pipe(TEXT, aggregation_strategy="last")
    assert str(caught.value) == (
        "`aggregation_strategy` must be one of none, simple, first, average, max: got 'last'."
    )


def test_a_lone_surrogate_moves_no_entity(pipe: Any) -> None:
    text = "Wolfgang \ud83d lives in Berlin ."
    found = pipe(text)
    assert [text[e["start"] : e["end"]] for e in found] == ["Wolfgang", "Berlin"]
