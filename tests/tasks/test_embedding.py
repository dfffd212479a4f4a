"""Vectors of tokens and texts, also over several windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert.tasks.embedding import encode, merge_pooled, normalize, pool, token_vectors

STATES = np.array([[1.0, 4.0], [2.0, 2.0], [6.0, 0.0]], dtype=np.float32)


def test_pooling_modes() -> None:
    assert pool(STATES, "mean").tolist() == [3.0, 2.0]
    assert pool(STATES, "cls").tolist() == [1.0, 4.0]
    assert pool(STATES, "max").tolist() == [6.0, 4.0]


def test_a_pooled_vector_does_not_hold_the_batch() -> None:
    assert all(pool(STATES, mode).base is None for mode in ("mean", "cls", "max"))


def test_windows_are_averaged_by_their_tokens(tokenizer: Any) -> None:
    (windows,) = encode(tokenizer, ["cat " * 12], max_length=10, overlap=0)
    vectors = [np.array([0.0, 3.0]), np.array([3.0, 0.0])]
    assert merge_pooled(windows, vectors, "mean").tolist() == [1.0, 2.0]
    assert merge_pooled(windows, vectors, "max").tolist() == [3.0, 3.0]
    assert merge_pooled(windows[:1], vectors[:1], "mean").tolist() == [0.0, 3.0]


def test_every_token_has_one_vector_between_cls_and_sep(tokenizer: Any) -> None:
    (windows,) = encode(tokenizer, ["cat dog sat " * 7], max_length=12, overlap=4)
    assert len(windows) > 1
    states = [window.ids[:, None].astype(np.float32) for window in windows]
    vectors = token_vectors(windows, states)
    whole = tokenizer("cat dog sat " * 7)["input_ids"]
    assert vectors[:, 0].tolist() == whole


def test_truncation_keeps_the_first_window(tokenizer: Any) -> None:
    (windows,) = encode(tokenizer, ["cat " * 12], max_length=10, truncate=True)
    assert [len(window.ids) for window in windows] == [10]


def test_normalized_vectors_have_length_one_and_zero_stays_zero() -> None:
    vectors = normalize(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32))
    assert vectors[0] == pytest.approx([0.6, 0.8])
    assert vectors[1].tolist() == [0.0, 0.0]
