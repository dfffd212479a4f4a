"""Labels from the logits of one or several windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ids_of

from distilbert.tasks.sequence_classification.predict import (
    Answer,
    Example,
    decode,
    default_activation,
    encode,
)

LABELS = {0: "NEG", 1: "POS"}


def test_texts_and_pairs_may_be_mixed(tokenizer: Any) -> None:
    examples = [Example("the cat"), Example("cat", "dog"), Example("dog", "")]
    windows = encode(tokenizer, examples, max_length=20)
    assert [own[0].ids.tolist() for own in windows] == [
        ids_of("[CLS]", "the", "cat", "[SEP]"),
        ids_of("[CLS]", "cat", "[SEP]", "dog", "[SEP]"),
        ids_of("[CLS]", "dog", "[SEP]", "[SEP]"),
    ]


def test_long_texts_become_windows(tokenizer: Any) -> None:
    (windows,) = encode(tokenizer, [Example("cat " * 20)], max_length=10, overlap=2)
    assert [len(window.ids) for window in windows] == [10, 10, 10]


@pytest.mark.parametrize(
    ("problem_type", "n_labels", "expected"),
    [
        (None, 2, "softmax"),
        (None, 1, "sigmoid"),
        ("single_label_classification", 3, "softmax"),
        ("multi_label_classification", 3, "sigmoid"),
        ("regression", 1, "none"),
        ("regression", 3, "none"),
    ],
)
def test_the_config_chooses_the_activation(
    problem_type: str | None, n_labels: int, expected: str
) -> None:
    assert default_activation(problem_type, n_labels) == expected


def test_labels_come_best_first(tokenizer: Any) -> None:
    (windows,) = encode(tokenizer, [Example("cat")], max_length=10)
    logits = np.array([[0.0, 1.0]], dtype=np.float32)
    answers = decode(windows, logits, labels=LABELS, activation="softmax")
    assert [answer.label for answer in answers] == ["POS", "NEG"]
    assert answers[0].score == pytest.approx(0.7310585786)
    assert decode(windows, logits, labels=LABELS, activation="none", top_k=1) == [
        Answer("POS", 1.0)
    ]
    both = decode(windows, logits, labels=LABELS, activation="sigmoid")
    assert [answer.score for answer in both] == pytest.approx([0.7310585786, 0.5])


def test_windows_are_combined_before_the_activation(tokenizer: Any) -> None:
    (windows,) = encode(tokenizer, [Example("cat " * 12)], max_length=10, overlap=0)
    logits = np.array([[0.0, 0.0], [0.0, 3.0]], dtype=np.float32)
    (best, _) = decode(windows, logits, labels=LABELS, activation="none")
    assert best == Answer("POS", 1.0)  # 8 old tokens to 4 fresh ones
    (best, _) = decode(windows, logits, labels=LABELS, activation="none", combination="max")
    assert best == Answer("POS", 3.0)
