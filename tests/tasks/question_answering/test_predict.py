"""Answers merged over windows: exact characters, exactly as many as asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ids_of

from distilbert.tasks.question_answering.predict import (
    Encoded,
    Evidence,
    Example,
    context_logits,
    decode,
    encode,
    to_evidence,
)

EXAMPLE = Example("who lives?", "My name is Wolfgang and the cat sat on a mat.")


def encode_one(tokenizer: Any, example: Example = EXAMPLE, **limits: int) -> Encoded:
    settings = {"max_length": 60, "max_question_len": 16, "doc_stride": 4, **limits}
    (encoded,) = encode(tokenizer, [example], **settings)
    return encoded


def evidence(encoded: Encoded, start: dict[int, float], end: dict[int, float]) -> list[Evidence]:
    """Certainty at numbered context tokens, seen by every window that shows them."""
    found = []
    for window in encoded.windows:
        tokens = range(window.start, window.stop)
        starts = np.array([start.get(t, 0.0) for t in tokens])
        ends = np.array([end.get(t, 0.0) for t in tokens])
        found.append(Evidence(starts, ends, 0.25))
    return found


def test_windows_repeat_the_question(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer, max_length=13, doc_stride=3)
    head = ids_of("[CLS]", "who", "lives", "?", "[SEP]")
    assert len(encoded.windows) > 1
    assert all(window.ids[:5].tolist() == head for window in encoded.windows)
    assert all(len(window.ids) <= 13 for window in encoded.windows)
    assert encoded.windows[1].start == encoded.windows[0].stop - 3


def test_a_long_question_leaves_half_the_room_to_the_context(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer, Example("who " * 50, "the cat"), max_length=23)
    assert encoded.windows[0].ids.tolist() == ids_of(
        "[CLS]", *["who"] * 10, "[SEP]", "the", "cat", "[SEP]"
    )
    encoded = encode_one(tokenizer, Example("who " * 50, "the cat"), max_question_len=3)
    assert encoded.windows[0].at == 5


def test_probabilities_spread_over_the_context_and_cls(tokenizer: Any) -> None:
    (window,) = encode_one(tokenizer, Example("who", "cat dog")).windows
    start = np.array([1.0, 99.0, 99.0, 2.0, 3.0, 99.0, 0.0])  # question and [SEP]: no part in it
    (seen,) = to_evidence([context_logits(window, start)], [context_logits(window, start)])
    total = np.exp([1.0, 2.0, 3.0]).sum()
    assert seen.start == pytest.approx(np.exp([2.0, 3.0]) / total)
    assert seen.null == pytest.approx((np.exp(1.0) / total) ** 2)


def test_huge_logits_stay_probabilities(tokenizer: Any) -> None:
    (window,) = encode_one(tokenizer, Example("who", "cat dog")).windows
    start, end = np.full(7, 1e30), np.array([-1e30] * 4 + [1e30] + [0.0] * 2)
    (seen,) = to_evidence([context_logits(window, start)], [context_logits(window, end)])
    assert np.isfinite(seen.start).all()
    assert seen.end.tolist() == [0.0, 1.0]


def test_answers_are_widened_to_words_unless_told_otherwise(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer)  # my name is wolf ##gang ...
    seen = evidence(encoded, {4: 0.9}, {4: 0.8})
    (answer,) = decode(encoded, seen)
    assert (answer.text, answer.start, answer.end) == ("Wolfgang", 11, 19)
    assert answer.score == pytest.approx(0.72)
    (answer,) = decode(encoded, seen, align_to_words=False)
    assert (answer.text, answer.start, answer.end) == ("gang", 15, 19)


def test_exactly_top_k_different_answers(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer)
    seen = evidence(encoded, {3: 0.4, 4: 0.5, 7: 0.05}, {3: 0.3, 4: 0.6, 8: 0.05})
    for k in (1, 2, 3, 7, 40):
        answers = decode(encoded, seen, top_k=k)
        assert len(answers) == k
        assert len({(a.start, a.end) for a in answers}) == k
        assert [a.score for a in answers] == sorted((a.score for a in answers), reverse=True)
    assert answers[0].text == "Wolfgang"
    assert answers[0].score == pytest.approx(0.30)  # the best of its three readings


def test_fewer_answers_only_where_the_context_has_fewer(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer, Example("who", "cat dog"))
    answers = decode(encoded, evidence(encoded, {0: 0.5, 1: 0.5}, {0: 0.5, 1: 0.5}), top_k=9)
    assert sorted(answer.text for answer in answers) == ["cat", "cat dog", "dog"]


def test_answers_hold_at_most_the_tokens_allowed(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer)
    seen = evidence(encoded, {0: 0.9, 1: 0.2}, {3: 0.9, 1: 0.1})
    assert decode(encoded, seen, max_answer_len=3)[0].text == "name is Wolfgang"
    assert decode(encoded, seen, max_answer_len=2)[0].text == "My name"
    assert decode(encoded, seen, max_answer_len=10**6)[0].text == "My name is Wolfgang"


def test_the_same_answer_in_two_windows_counts_once(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer, max_length=14, doc_stride=4)
    assert len(encoded.windows) > 1
    shared = encoded.windows[1].start
    seen = evidence(encoded, {shared: 0.9}, {shared: 0.9})
    answers = decode(encoded, seen, top_k=3, align_to_words=False)
    assert len({(a.start, a.end) for a in answers}) == 3
    assert answers[1].score == 0.0


def test_the_empty_answer_competes_when_allowed(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer)
    weak = evidence(encoded, {0: 0.4}, {0: 0.4})
    (answer,) = decode(encoded, weak, handle_impossible_answer=True)
    assert (answer.text, answer.score, answer.start, answer.end) == ("", 0.25, 0, 0)
    (answer,) = decode(encoded, weak)
    assert answer.text == "My"
    both = decode(encoded, weak, top_k=2, handle_impossible_answer=True)
    assert [answer.text for answer in both] == ["", "My"]


def test_a_context_without_text_gives_the_empty_answer(tokenizer: Any) -> None:
    encoded = encode_one(tokenizer, Example("who", "  "))
    (window,) = encoded.windows
    seen = to_evidence([context_logits(window, np.ones(4))], [context_logits(window, np.ones(4))])
    (answer,) = decode(encoded, seen, top_k=5)
    assert (answer.text, answer.score) == ("", 0.0)
    (answer,) = decode(encoded, seen, handle_impossible_answer=True)
    assert (answer.text, answer.score) == ("", 1.0)


def test_ranking_in_rounds_equals_ranking_at_once(tokenizer: Any) -> None:
    rng = np.random.default_rng(0)
    encoded = encode_one(tokenizer, max_length=14, doc_stride=4)
    seen = [
        Evidence(*rng.integers(1, 4, size=(2, w.stop - w.start)) / 4, 0.0) for w in encoded.windows
    ]
    few = decode(encoded, seen, top_k=3)
    many = decode(encoded, seen, top_k=60)
    assert [a.score for a in few] == [a.score for a in many[:3]]
