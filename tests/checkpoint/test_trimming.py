"""A model for fewer tokens has their rows and computes what it did for them."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.student import TeacherWeights, student_of
from distilbert.checkpoint.trimming import with_tokens
from distilbert.config import DistilBertConfig

WORDS = "distilbert.embeddings.word_embeddings.weight"
KEPT = np.array([0, 2, 3, 9])


def teacher(**changes: object) -> TeacherWeights:
    sizes = {"vocab_size": 12, "dim": 8, "n_heads": 2, "n_layers": 2, "hidden_dim": 12}
    config = DistilBertConfig(**{**sizes, "max_position_embeddings": 6, **changes})  # pyright: ignore[reportArgumentType]
    return TeacherWeights(config, initial_weights(config, "masked_lm", 3), has_head=True)


@pytest.mark.parametrize("tied", [True, False])
def test_rows_of_the_kept_tokens_stay(tied: bool) -> None:
    whole = teacher(tie_word_embeddings=tied)
    cut = with_tokens(whole, KEPT)
    assert cut.config.vocab_size == 4
    names = [WORDS, "vocab_projector.bias", *([] if tied else ["vocab_projector.weight"])]
    for name, array in whole.arrays.items():
        rows = array[KEPT] if name in names else array
        np.testing.assert_array_equal(cut.arrays[name], rows)
    assert whole.config.vocab_size == 12


def test_ids_of_the_config_follow_their_tokens() -> None:
    cut = with_tokens(teacher(pad_token_id=3, eos_token_id=9, sep_token_id=5), KEPT)
    assert (cut.config.pad_token_id, cut.config.eos_token_id, cut.config.sep_token_id) == (
        2,
        3,
        None,
    )


def test_a_student_is_trimmed_as_its_teacher() -> None:
    made = student_of(teacher(), n_layers=1)
    cut = with_tokens(made, KEPT)
    assert cut.layers == made.layers
    np.testing.assert_array_equal(cut.arrays[WORDS], made.arrays[WORDS][KEPT])
