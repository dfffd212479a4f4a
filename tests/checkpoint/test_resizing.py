"""Which values remain, and which are new, when a model gets other sizes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from distilbert.checkpoint.init import initial_weights, sinusoid_table
from distilbert.checkpoint.resizing import resized_bias, resized_rows
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, TIED_PROJECTOR, WORD_EMBEDDINGS
from distilbert.config import DistilBertConfig


def config(**changes: object) -> DistilBertConfig:
    sizes = {"vocab_size": 9, "dim": 12, "n_heads": 3, "n_layers": 2, "hidden_dim": 8}
    return DistilBertConfig(**{**sizes, "max_position_embeddings": 6, **changes})


@pytest.mark.parametrize(
    ("name", "head", "field"),
    [
        (WORD_EMBEDDINGS, "base", "vocab_size"),
        (POSITION_EMBEDDINGS, "base", "max_position_embeddings"),
        (TIED_PROJECTOR, "masked_lm", "vocab_size"),
    ],
)
def test_old_rows_are_kept_and_new_ones_are_initial(name: str, head: str, field: str) -> None:
    given = config(tie_word_embeddings=False)
    old = np.ones((5, 12), ml_dtypes.bfloat16)
    new = resized_rows(old, 8, given, name, seed=lambda: 3)
    large = config(tie_word_embeddings=False, **{field: 8})
    initial = initial_weights(large, head, 3, names=[name])[name]
    assert new.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(new[:5], old)
    np.testing.assert_array_equal(new[5:], initial[5:].astype(old.dtype))
    assert getattr(given, field) == getattr(config(), field)


def test_a_smaller_table_is_a_copy_and_needs_no_seed() -> None:
    old = np.arange(60, dtype=np.float32).reshape(5, 12)
    new = resized_rows(old, 2, config(), WORD_EMBEDDINGS, seed=lambda: pytest.fail("drawn"))
    np.testing.assert_array_equal(new, old[:2])
    assert not np.shares_memory(new, old)


def test_sinusoidal_positions_are_computed() -> None:
    old = np.zeros((6, 12), np.float16)
    given = config(sinusoidal_pos_embds=True)
    for size in (4, 8):
        new = resized_rows(old, size, given, POSITION_EMBEDDINGS, seed=lambda: 0)
        np.testing.assert_array_equal(new, sinusoid_table(size, 12).astype(np.float16))


def test_a_bias_is_cut_or_padded_with_zeros() -> None:
    old = np.array([1, 2, 3], np.float16)
    assert resized_bias(old, 2).tolist() == [1, 2]
    assert resized_bias(old, 5).tolist() == [1, 2, 3, 0, 0]
    assert resized_bias(old, 5).dtype == np.float16
