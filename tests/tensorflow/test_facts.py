"""Sizes and masks of a model."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from distilbert import (
    TFDistilBertForMaskedLM,
    TFDistilBertModel,
)
from distilbert.errors import InputError


def test_parameters_are_counted_once(config) -> None:
    model = TFDistilBertForMaskedLM(config)
    assert model.num_parameters() == model.count_params()
    model.get_input_embeddings().trainable = False
    assert model.num_parameters(only_trainable=True) == model.num_parameters() - 99 * 32
    assert model.num_parameters(exclude_embeddings=True) == model.num_parameters() - (99 + 40) * 32


def test_head_masks_get_one_form_and_the_vocabulary_keeps_its_size(config) -> None:
    model = TFDistilBertModel(config, dtype="float16")
    assert model.get_head_mask(None, 2) == [None, None]
    mask = model.get_head_mask(np.ones(4), 2)
    assert (mask.shape, mask.dtype) == ((2, 1, 4, 1, 1), tf.float16)
    with pytest.raises(InputError, match="`head_mask` must be"):
        model.get_head_mask(np.ones((3, 4)), 2)
    model.vocab_size = model.vocab_size  # as constructors of child classes do
    with pytest.raises(InputError, match="is that of its word embedding, 99: got 98"):
        model.vocab_size = 98
