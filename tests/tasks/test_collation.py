"""Features become padded arrays that models and losses can take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert.heads import IGNORED_LABEL
from distilbert.tasks.defaults import collate
from distilbert.tasks.task import Feature


def feature(*lengths: int, **labels: Any) -> Feature:
    return Feature(tuple(np.arange(1, n + 1) for n in lengths), labels, 0)


def test_shorter_sequences_are_padded_and_masked() -> None:
    batch = collate([feature(2), feature(3)], "sequence_classification")
    assert batch["input_ids"].tolist() == [[1, 2, 0], [1, 2, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert {array.dtype for array in batch.values()} == {np.dtype(np.int64)}
    assert set(batch) == {"input_ids", "attention_mask"}


@pytest.mark.parametrize(
    ("values", "expected", "dtype"),
    [
        ([2, 0], [2, 0], np.int64),
        ([np.array([0.5]), np.array([2.0])], [[0.5], [2.0]], np.float32),
        ([np.array([1.0, 0.0]), np.array([0.0, 1.0])], [[1.0, 0.0], [0.0, 1.0]], np.float32),
    ],
)
def test_labels_of_sequences_keep_their_kind(
    values: list[Any], expected: list[Any], dtype: type
) -> None:
    batch = collate([feature(1, labels=value) for value in values], "sequence_classification")
    assert batch["labels"].tolist() == expected
    assert batch["labels"].dtype == dtype


def test_several_labels_keep_their_names() -> None:
    features = [feature(2, start_positions=1, end_positions=2) for _ in range(2)]
    batch = collate(features, "question_answering")
    assert batch["start_positions"].tolist() == [1, 1]
    assert batch["end_positions"].tolist() == [2, 2]


def test_labels_of_tokens_are_ignored_where_there_is_padding() -> None:
    features = [
        feature(2, labels=np.array([5, IGNORED_LABEL])),
        feature(3, labels=np.array([1, 2, 3])),
    ]
    batch = collate(features, "token_classification")
    assert batch["labels"].tolist() == [[5, -100, -100], [1, 2, 3]]
    assert batch["labels"].dtype == np.int64


def test_choices_get_an_axis_and_a_common_length() -> None:
    batch = collate([feature(1, 2, labels=1), feature(3, 1, labels=0)], "multiple_choice")
    assert batch["input_ids"].tolist() == [[[1, 0, 0], [1, 2, 0]], [[1, 2, 3], [1, 0, 0]]]
    assert batch["attention_mask"].shape == (2, 2, 3)
    assert batch["labels"].tolist() == [1, 0]


def test_features_stay_as_they_are() -> None:
    one = feature(2, labels=np.array([1, 2]))
    features = [one, feature(3, labels=np.array([1, 2, 3]))]
    collate(features, "token_classification")["labels"][:] = 7
    assert one.labels["labels"].tolist() == [1, 2]
    assert one.sequences[0].tolist() == [1, 2]
