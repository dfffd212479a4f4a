"""Result shapes and options of feature extraction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.errors import InputError
from distilbert.pipelines.factory import pipeline


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    return pipeline("feature-extraction", ArithmeticRunner("base", small_config()), tokenizer)


def test_nested_lists_or_arrays(pipe: Any) -> None:
    nested = pipe("the cat")
    assert isinstance(nested, list)
    assert np.shape(nested) == (1, 4, 32)
    array = pipe("the cat", return_tensors="np")
    assert array.dtype == np.float32
    assert array.tolist() == nested
    listed = pipe(["the cat", "cat", ""])
    assert [np.shape(one) for one in listed] == [(1, 4, 32), (1, 3, 32), (1, 2, 32)]


def test_long_texts_have_a_vector_for_every_token(pipe: Any, tokenizer: Any) -> None:
    text = "the cat sat on a mat . " * 30
    whole = pipe(text, return_tensors="np")
    assert whole.shape == (1, len(tokenizer(text)["input_ids"]), 32)
    again = pipe(text, return_tensors="np", max_length=20)
    assert np.allclose(whole, again, atol=1e-6)  # the runner looks only one token to each side
    assert pipe(text, truncate=True, return_tensors="np").shape == (1, 64, 32)


def test_other_tensors_are_refused(pipe: Any) -> None:
    with pytest.raises(InputError) as caught:
        pipe("a", return_tensors="pt")
    assert str(caught.value) == "`return_tensors` must be one of np: got 'pt'."
