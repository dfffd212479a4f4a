"""Probabilities stay exact where exponentials would overflow."""

from __future__ import annotations

import numpy as np

from distilbert.tasks.probability import log_softmax, sigmoid, softmax


def test_huge_logits_do_not_overflow() -> None:
    logits = np.array([[1e4, 1e4 - 1.0, -1e4]], dtype=np.float32)
    assert np.allclose(softmax(logits), [[0.73105858, 0.26894142, 0.0]])
    assert np.allclose(log_softmax(logits)[0, :2], np.log([0.73105858, 0.26894142]))
    assert log_softmax(logits)[0, 2] == -20000 - np.log(1 + np.exp(-1.0))


def test_sigmoid_is_exact_at_both_ends() -> None:
    values = sigmoid(np.array([-1000.0, -2.0, 0.0, 2.0, 1000.0], dtype=np.float32))
    assert np.allclose(values, [0.0, 0.11920292, 0.5, 0.88079708, 1.0])


def test_probabilities_are_float64_whatever_comes_in() -> None:
    for function in (softmax, log_softmax, sigmoid):
        assert function(np.zeros(3, dtype=np.float32)).dtype == np.float64
