"""`--framework`: `predict` and `embed` answer alike in all three, for every task."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from distilbert._lazy import FRAMEWORKS

# Task -> the head of its model, and what follows on the command line.
LINES = {
    "text-classification": ("sequence_classification", ["a good film", "not a dog ?"]),
    "token-classification": ("token_classification", ["a good film", "the dog ran home ."]),
    "fill-mask": ("masked_lm", ["the [MASK] sat on the mat ."]),
    "question-answering": (
        "question_answering",
        ["--question", "who ran home ?", "--context", "the cat sat . the dog ran home ."],
    ),
    "multiple-choice": (
        "multiple_choice",
        ["the dog", "--choice", "ran home", "--choice", "was a film"],
    ),
}


def rounded(value: Any) -> Any:
    """The same with every float cut to four digits."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-4)
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("task", LINES)
def test_predict_answers_alike_in_every_framework(run, checkpoint, task):
    head, arguments = LINES[task]
    answers = {}
    for framework in FRAMEWORKS:
        line = ("predict", task, "-m", checkpoint(head), *arguments, "--json")
        ran = run(*line, "--framework", framework)
        assert ran.code == 0, ran.err
        answers[framework] = [json.loads(row) for row in ran.out.splitlines()]
    assert answers["torch"]
    for framework in FRAMEWORKS:
        assert answers[framework] == rounded(answers["torch"]), framework


def test_embed_answers_alike_in_every_framework(run, checkpoint):
    vectors = []
    for framework in FRAMEWORKS:
        ran = run("embed", "-m", checkpoint("base"), "a dog", "the cat", "--framework", framework)
        assert ran.code == 0, ran.err
        vectors.append([json.loads(row) for row in ran.out.splitlines()])
    assert np.shape(vectors[0]) == (2, 32)
    for other in vectors[1:]:
        np.testing.assert_allclose(other, vectors[0], atol=2e-5)


def test_a_framework_that_is_none_is_refused_with_the_choice(run, checkpoint):
    ran = run("embed", "-m", checkpoint("base"), "a dog", "--framework", "theano")
    assert ran.code == 1
    assert "`--framework` must be one of torch, tensorflow, flax: got 'theano'." in ran.err
