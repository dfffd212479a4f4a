"""The best of several choices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ids_of

from distilbert.tasks.multiple_choice.predict import Example, decode, encode

EXAMPLE = Example("the cat", ("sat", "run in berlin", "."))


def test_each_choice_stands_behind_the_prompt(tokenizer: Any) -> None:
    (windows,) = encode(tokenizer, [EXAMPLE], max_length=20)
    assert [own[0].ids.tolist() for own in windows] == [
        ids_of("[CLS]", "the", "cat", "[SEP]", "sat", "[SEP]"),
        ids_of("[CLS]", "the", "cat", "[SEP]", "run", "in", "berlin", "[SEP]"),
        ids_of("[CLS]", "the", "cat", "[SEP]", ".", "[SEP]"),
    ]


def test_choices_come_best_first_with_their_place(tokenizer: Any) -> None:
    (windows,) = encode(tokenizer, [EXAMPLE], max_length=20)
    logits = [np.array([0.0]), np.array([1.0]), np.array([0.0])]
    answers = decode(EXAMPLE, windows, logits)
    assert [(a.choice, a.index) for a in answers] == [("run in berlin", 1), ("sat", 0), (".", 2)]
    assert sum(a.score for a in answers) == pytest.approx(1.0)


def test_windows_of_a_long_prompt_are_combined(tokenizer: Any) -> None:
    example = Example("cat " * 30, ("sat", "mat"))
    (windows,) = encode(tokenizer, [example], max_length=14, overlap=0)
    assert all(len(own) == 3 for own in windows)
    logits = [np.array([0.0, 0.0, 0.0]), np.array([0.0, 1.0, 5.0])]
    mean = decode(example, windows, logits)
    first = decode(example, windows, logits, combination="first")
    assert mean[0].choice == "mat"
    assert first[0].score == 0.5
