"""Result shapes and options of embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.errors import InputError
from distilbert.pipelines.factory import pipeline


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    return pipeline("sentence-embedding", ArithmeticRunner("base", small_config()), tokenizer)


def test_one_vector_or_a_matrix(pipe: Any) -> None:
    vector = pipe("the cat")
    matrix = pipe(["the cat", "a dog lives in berlin ."])
    assert vector.shape == (32,)
    assert matrix.shape == (2, 32)
    assert vector.dtype == matrix.dtype == np.float32
    assert np.allclose(matrix[0], vector, atol=1e-6)
    assert all(one.shape == (32,) for one in pipe(iter(["the cat"])))


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_padding_never_counts(pipe: Any, pooling: str) -> None:
    alone = pipe("cat", pooling=pooling)
    beside = pipe(["cat", "the cat sat on a mat in new york ."], pooling=pooling)
    assert np.allclose(alone, beside[0], atol=1e-6)


def test_pooling_is_that_of_the_hidden_states(pipe: Any, tokenizer: Any) -> None:
    features = pipeline("feature-extraction", pipe.runner, tokenizer, return_tensors="np")
    (states,) = features("the cat sat")
    assert np.allclose(pipe("the cat sat"), states.mean(axis=0), atol=1e-6)
    assert np.allclose(pipe("the cat sat", pooling="cls"), states[0], atol=1e-6)
    assert np.allclose(pipe("the cat sat", pooling="max"), states.max(axis=0), atol=1e-6)


def test_normalized_vectors_have_length_one(pipe: Any) -> None:
    matrix = pipe(["the cat", "dog"], normalize=True)
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1.0)


def test_long_texts_use_all_their_tokens_unless_truncated(pipe: Any) -> None:
    text = "the cat sat . " * 20 + "berlin " * 100
    assert not np.allclose(pipe(text), pipe(text, truncate=True))
    assert pipe(text).shape == (32,)


def test_unknown_pooling_is_named(pipe: Any) -> None:
    with pytest.raises(InputError) as caught:
        pipe("a", pooling="last")
    assert str(caught.value) == "`pooling` must be one of mean, cls, max: got 'last'."


@pytest.fixture
def features(tokenizer: Any) -> Any:
    return pipeline("feature-extraction", ArithmeticRunner("base", small_config()), tokenizer)


def test_nested_lists_or_arrays(features: Any) -> None:
    nested = features("the cat")
    assert isinstance(nested, list)
    assert np.shape(nested) == (1, 4, 32)
    array = features("the cat", return_tensors="np")
    assert array.dtype == np.float32
    assert array.tolist() == nested
    listed = features(["the cat", "cat", ""])
    assert [np.shape(one) for one in listed] == [(1, 4, 32), (1, 3, 32), (1, 2, 32)]


def test_long_texts_have_a_vector_for_every_token(features: Any, tokenizer: Any) -> None:
    text = "the cat sat on a mat . " * 30
    whole = features(text, return_tensors="np")
    assert whole.shape == (1, len(tokenizer(text)["input_ids"]), 32)
    again = features(text, return_tensors="np", max_length=20)
    assert np.allclose(whole, again, atol=1e-6)  # the runner looks only one token to each side
    assert features(text, truncate=True, return_tensors="np").shape == (1, 64, 32)


def test_other_tensors_are_refused(features: Any) -> None:
    with pytest.raises(InputError) as caught:
        features("a", return_tensors="pt")
    assert str(caught.value) == "`return_tensors` must be 'np': got 'pt'."
