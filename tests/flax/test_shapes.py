"""Padding to a few shapes: what is added changes nothing, and there are few shapes."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.flax.shapes import pad_batch, padded_size


def batch(rows: int = 3, length: int = 5, **labels: np.ndarray) -> dict[str, np.ndarray]:
    ids = np.arange(rows * length).reshape(rows, length)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), **labels}


def test_few_sizes_add_at_most_a_third() -> None:
    sizes = {padded_size(n) for n in range(1, 100)}
    assert sorted(sizes) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]
    assert all(n <= padded_size(n) <= n * 1.5 for n in range(1, 100))


def test_rows_and_columns_are_added_and_marked() -> None:
    given = batch(labels=np.array([4, 5, 6]))
    found = pad_batch(given, "sequence_classification", longest=40, n_rows=8)
    assert found["input_ids"].shape == found["attention_mask"].shape == (8, 16)
    assert found["input_ids"].dtype == np.int32
    np.testing.assert_array_equal(found["input_ids"][:3, :5], given["input_ids"])
    assert found["attention_mask"].sum() == 15
    assert found["is_row"].tolist() == [True] * 3 + [False] * 5
    assert found["labels"].tolist() == [4, 5, 6, 0, 0, 0, 0, 0]


def test_no_sequence_grows_beyond_the_models_longest() -> None:
    found = pad_batch(batch(length=9), "sequence_classification", longest=10)
    assert found["input_ids"].shape == (3, 10)


@pytest.mark.parametrize(("rows", "n_rows", "multiple", "expected"), [
    (5, None, 1, 6),
    (5, 5, 1, 5),
    (5, 4, 1, 6),
    (5, 5, 4, 8),
])  # fmt: skip
def test_numbers_of_rows(rows: int, n_rows: int | None, multiple: int, expected: int) -> None:
    found = pad_batch(batch(rows), "multiple_choice", longest=40, n_rows=n_rows, multiple=multiple)
    assert len(found["input_ids"]) == expected


def test_labels_of_added_tokens_are_ignored() -> None:
    labels = np.array([[1, 2, -100, 0, 1]] * 3)
    found = pad_batch(batch(labels=labels), "token_classification", longest=40)["labels"]
    assert found.shape == (3, 16)
    np.testing.assert_array_equal(found[:, :5], labels)
    assert (found[:, 5:] == -100).all()


def test_of_words_to_predict_only_those_are_kept() -> None:
    labels = np.array([[-100, 7, -100, 8, -100], [-100] * 5, [9, -100, -100, -100, 6]])
    found = pad_batch(batch(labels=labels), "masked_lm", longest=40, n_rows=4)
    assert found["positions"].shape == found["labels"].shape == (4, 2)
    assert found["labels"].tolist() == [[7, 8], [-100] * 2, [9, 6], [-100] * 2]
    assert found["positions"][0].tolist() == [1, 3]
    assert found["positions"][2].tolist() == [0, 4]


def test_values_stay_floats_whatever_their_shape() -> None:
    values = np.ones((3, 5))
    found = pad_batch(batch(labels=values), "sequence_classification", longest=40, n_rows=4)
    assert found["labels"].shape == (4, 5)
    assert found["labels"].dtype == np.float32
