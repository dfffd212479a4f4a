"""Entities with exact characters, whatever the pieces of a word say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert.tasks.token_classification.predict import Example, Strategy, decode, encode

LABELS = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}
TEXT = "Wolfgang lives in  New York."  # pieces: wolf ##gang lives in new york .


def logits_for(*rows: tuple[int, float]) -> np.ndarray:
    """One window's logits: for each token the label and how far it leads."""
    logits = np.zeros((len(rows) + 2, len(LABELS)), dtype=np.float32)
    for position, (label, lead) in enumerate(rows, 1):
        logits[position, label] = lead
    logits[[0, -1], 3] = 9.0  # special tokens say LOC, loudly; nobody may listen
    return logits


def spans(tokenizer: Any, logits: np.ndarray, strategy: Strategy, **options: Any) -> list[Any]:
    (encoded,) = encode(tokenizer, [Example(TEXT)], max_length=32)
    answers = decode(encoded, [logits], labels=LABELS, strategy=strategy, **options)
    return [(a.label, TEXT[a.start : a.end]) for a in answers]


AGREEING = logits_for((1, 5), (2, 5), (0, 5), (0, 5), (3, 5), (4, 5), (0, 5))
# The pieces of "Wolfgang" disagree: wolf says PER a little, ##gang says LOC loudly.
SPLIT = logits_for((1, 2), (3, 6), (0, 5), (0, 5), (3, 5), (4, 5), (0, 5))


@pytest.mark.parametrize("strategy", ["simple", "first", "average", "max"])
def test_entities_have_exact_characters(tokenizer: Any, strategy: Strategy) -> None:
    assert spans(tokenizer, AGREEING, strategy) == [("PER", "Wolfgang"), ("LOC", "New York")]


@pytest.mark.parametrize(
    ("strategy", "label"), [("simple", "PER"), ("first", "PER"), ("average", "LOC"), ("max", "LOC")]
)
def test_a_word_is_never_split_into_two_entities(
    tokenizer: Any, strategy: Strategy, label: str
) -> None:
    assert spans(tokenizer, SPLIT, strategy) == [(label, "Wolfgang"), ("LOC", "New York")]


def test_none_gives_tokens(tokenizer: Any) -> None:
    assert spans(tokenizer, SPLIT, "none") == [
        ("B-PER", "Wolf"),
        ("B-LOC", "gang"),
        ("B-LOC", "New"),
        ("I-LOC", "York"),
    ]


def test_scores_follow_the_strategy(tokenizer: Any) -> None:
    (encoded,) = encode(tokenizer, [Example("Wolfgang")], max_length=32)
    logits = logits_for((1, 2), (3, 6))
    wolf = np.exp(2) / (np.exp(2) + 4)  # PER at the first piece
    rest = np.exp(6) / (np.exp(6) + 4)  # LOC at the second
    low = 1 / (np.exp(6) + 4)  # PER at the second
    expected = {
        "first": wolf,
        "max": rest,
        "average": (rest + 1 / (np.exp(2) + 4)) / 2,
        "simple": (wolf + low) / 2,
    }
    for strategy, score in expected.items():
        (answer,) = decode(encoded, [logits], labels=LABELS, strategy=strategy)  # type: ignore[arg-type]
        assert answer.score == pytest.approx(score)


def test_ignored_labels_are_left_out_and_others_kept(tokenizer: Any) -> None:
    assert spans(tokenizer, AGREEING, "first", ignore_labels=["O", "LOC"]) == [("PER", "Wolfgang")]
    everything = spans(tokenizer, AGREEING, "first", ignore_labels=[])
    assert everything == [
        ("PER", "Wolfgang"),
        ("O", "lives in"),
        ("LOC", "New York"),
        ("O", "."),
    ]


def test_a_long_text_gives_the_answers_of_its_tokens_once(tokenizer: Any) -> None:
    text = " ".join(["Wolfgang", "lives"] * 20)
    (encoded,) = encode(tokenizer, [Example(text)], max_length=14, overlap=4)
    assert len(encoded.windows) > 3
    logits = []
    for window in encoded.windows:
        rows = np.zeros((len(window.ids), len(LABELS)), dtype=np.float32)
        inner = np.arange(window.start, window.stop)
        rows[1:-1, 0] = 5.0 * (inner % 3 == 2)  # wolf ##gang lives, over and over
        rows[1:-1, 1] = 5.0 * (inner % 3 != 2)
        logits.append(rows)
    answers = decode(encoded, logits, labels=LABELS, strategy="first")
    assert [text[a.start : a.end] for a in answers] == ["Wolfgang"] * 20
    assert [a.first for a in answers] == list(range(0, 60, 3))


def test_words_given_apart_stay_words(tokenizer: Any) -> None:
    example = Example("New-York cat", ("New-York", "cat"))
    (encoded,) = encode(tokenizer, [example], max_length=32)
    n = len(encoded.tokens.ids)
    logits = logits_for((3, 5), *[(0, 5)] * (n - 1))
    (answer,) = decode(encoded, [logits], labels=LABELS, strategy="first")
    assert example.text[answer.start : answer.end] == "New-York"


def test_an_empty_text_has_no_answers(tokenizer: Any) -> None:
    (encoded,) = encode(tokenizer, [Example("")], max_length=32)
    assert decode(encoded, [logits_for()], labels=LABELS, strategy="first") == []
