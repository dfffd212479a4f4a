"""Which of several continuations, or answers, fits a prompt best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.tasks.probability import softmax
from distilbert.tasks.windows import Combination, Tokenizer, Window, combine, pair_windows


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
) -> list[list[list[Window]]]:
    """Per example and choice the windows of `[CLS] prompt [SEP] choice [SEP]`."""
    texts = [text for example in examples for text in (example.prompt, *example.choices)]
    ids = iter(tokenizer.token_ids(texts))
    encoded = []
    for example in examples:
        prompt = next(ids)
        encoded.append(
            [
                pair_windows(tokenizer, prompt, next(ids), max_length=max_length, overlap=overlap)
                for _ in example.choices
            ]
        )
    return encoded


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
