"""Packed features are those of the task: the same batches, from far smaller arrays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert import AutoTokenizer
from distilbert.errors import DataError
from distilbert.finetuning import features as module
from distilbert.finetuning.datasets import read_examples
from distilbert.finetuning.features import pack_features
from distilbert.finetuning.tasks import task_of
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.training.card_file import card_from

CARDS: dict[str, dict[str, Any]] = {
    "sentiment.jsonl": {},
    "several.jsonl": {"label": "label"},
    "rating.jsonl": {"problem_type": "regression"},
    "names.conll": {"task": "token-classification", "tokens": "0", "tags": "1"},
    "texts.jsonl": {"task": "masked-lm"},
    "questions.json": {"task": "question-answering", "max_length": 16, "overlap": 2},
    "endings.jsonl": {"task": "multiple-choice"},
}


def examples_of(data: Path, name: str, **fields: Any) -> Any:
    stem, _, ending = name.partition(".")
    sections: dict[str, Any] = {"data": {"train": str(data / f"{stem}.train.{ending}")}}
    for field, value in fields.items():
        if field == "task":
            sections["task"] = value
        else:
            places = {"problem_type": "objective", "max_length": "inputs", "overlap": "inputs"}
            section = places.get(field, "inputs" if field == "join_texts" else "data")
            sections.setdefault(section, {})[field] = value
    card = card_from(sections, base=None)
    return read_examples(card, task_of(card))


@pytest.mark.parametrize("name", CARDS)
def test_batches_are_those_of_the_features_of_the_task(
    name: str, data: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, tokenizer = (
        examples_of(data, name, **CARDS[name]),
        AutoTokenizer.from_pretrained(encoder),
    )
    monkeypatch.setattr(module, "CHUNK", 7)
    packed = pack_features(found.task, tokenizer, found.train)
    plain = found.task.features(tokenizer, found.train, training=True)
    assert len(packed) == len(plain)
    assert packed.n_tokens.tolist() == [feature.n_tokens for feature in plain]
    same = [i for i, one in enumerate(plain) if len(one.sequences) == len(plain[0].sequences)][:20]
    batches = [
        found.task.batch(
            tokenizer, [source[i] for i in same], [np.random.default_rng(i) for i in same]
        )
        for source in (packed, plain)
    ]
    assert batches[0].keys() == batches[1].keys()
    for key, array in batches[1].items():
        assert batches[0][key].dtype == array.dtype
        np.testing.assert_array_equal(batches[0][key], array)


def test_joined_texts_are_not_cut_into_chunks(
    data: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = examples_of(data, "texts.jsonl", task="masked-lm", max_length=32)
    task, tokenizer = replace(found.task, join_texts=True), AutoTokenizer.from_pretrained(encoder)
    monkeypatch.setattr(module, "CHUNK", 7)
    packed = pack_features(task, tokenizer, found.train)
    plain = task.features(tokenizer, found.train, training=True)
    assert [packed[i].sequences[0].tolist() for i in range(len(packed))] == [
        feature.sequences[0].tolist() for feature in plain
    ]


def test_ids_are_kept_in_two_bytes(data: Path, encoder: Path) -> None:
    found = examples_of(data, "sentiment.jsonl")
    packed = pack_features(found.task, AutoTokenizer.from_pretrained(encoder), found.train)
    assert packed.ids.dtype == np.uint16


def test_examples_without_features_are_refused(encoder: Path) -> None:
    with pytest.raises(DataError, match="at least one token to learn from"):
        pack_features(SequenceClassificationTask(), AutoTokenizer.from_pretrained(encoder), [])
