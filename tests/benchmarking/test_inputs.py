"""What is timed has the form that runners and pipelines take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stand_ins import small_config

from distilbert.benchmarking.inputs import (
    MOST_TEXTS,
    SAMPLE,
    TASKS,
    full_batch,
    inputs_of,
    sample_texts,
    sequences_of,
)
from distilbert.heads import HEADS
from distilbert.pipelines.factory import JOBS


def test_the_sample_has_sentences_of_many_lengths() -> None:
    texts = sample_texts()
    lengths = [len(text.split()) for text in texts]
    assert len(set(texts)) == len(texts) == len(SAMPLE.read_text("utf-8").splitlines())
    assert min(lengths) <= 2
    assert max(lengths) >= 30


def test_texts_of_the_user_are_cut_to_the_most(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("the cat\n" * (MOST_TEXTS + 5))
    assert sample_texts(str(tmp_path / "t.txt")) == ["the cat"] * MOST_TEXTS
    assert sample_texts([{"text": "a"}, {"text": "b"}]) == ["a", "b"]


@pytest.mark.parametrize("head", HEADS)
def test_every_head_has_a_pipeline_and_inputs_for_it(head: str, tokenizer) -> None:
    job = next(job for job in JOBS if job.name == TASKS[head])
    assert job.head == head
    for one in inputs_of(head, ["the cat sat", "a dog"], tokenizer):
        assert job().read(one)
    shape = (2, 1, 7) if head == "multiple_choice" else (2, 7)
    batch = full_batch(small_config(), head, 2, 7)
    assert {name: array.shape for name, array in batch.items()} == {
        "input_ids": shape,
        "attention_mask": shape,
    }
    assert batch["attention_mask"].all()


def test_long_texts_are_cut(tokenizer) -> None:
    short, long = sequences_of(["the cat", "the cat " * 50], tokenizer, 16)
    assert len(short) == 4
    assert len(long) == 16
    np.testing.assert_array_equal(short[:3], long[:3])
