"""Which of several continuations, or answers, fits a prompt best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from distilbert.tasks.probability import softmax
from distilbert.tasks.windows import (
    N_SPECIAL_PAIR,
    Combination,
    Tokenizer,
    Window,
    combine,
    pair_windows,
)

LongTexts = Literal["windows", "cut"]


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and its choices, at least one."""

    prompt: str
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A choice, its number in the example, and its probability among all choices."""

    choice: str
    index: int
    score: float


def encode(
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    *,
    max_length: int,
    overlap: int | None = None,
    long_texts: LongTexts = "windows",
) -> list[list[list[Window]]]:
    """Per example and choice the windows of `[CLS] prompt [SEP] choice [SEP]`.

    With "cut" there is one, of the end of a long prompt and the beginning of a long choice.
    """
    texts = [text for example in examples for text in (example.prompt, *example.choices)]
    ids = iter(tokenizer.token_ids(texts))
    encoded = []
    for example in examples:
        prompt = next(ids)
        windows = []
        for _ in example.choices:
            pair = prompt, next(ids)
            if long_texts == "cut":
                pair = fitted(*pair, max_length - N_SPECIAL_PAIR)
            windows.append(pair_windows(tokenizer, *pair, max_length=max_length, overlap=overlap))
        encoded.append(windows)
    return encoded


def fitted(prompt: np.ndarray, choice: np.ndarray, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """The end of a prompt and the beginning of a choice, together at most `capacity` tokens.

    The longer one is cut first; neither is cut below half the capacity for the sake of the other.
    """
    if len(prompt) + len(choice) > capacity:
        choice = choice[: max(capacity // 2, capacity - len(prompt))]
        prompt = prompt[len(prompt) - min(len(prompt), capacity - len(choice)) :]
    return prompt, choice


def decode(
    example: Example,
    windows: Sequence[Sequence[Window]],
    logits: Sequence[np.ndarray],
    *,
    combination: Combination = "mean",
) -> list[Answer]:
    """All choices, best first, from one column of logits (W,) per choice with W windows."""
    combined = [
        combine(column[:, None], [window.weight for window in of_choice], combination)[0]
        for column, of_choice in zip(logits, windows, strict=True)
    ]
    scores = softmax(np.array(combined))
    order = np.argsort(-scores, kind="stable")
    return [Answer(example.choices[i], int(i), float(scores[i])) for i in order]
