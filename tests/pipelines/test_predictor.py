"""Inputs of every kind, answers in order, the same however they are batched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.errors import InputError, UnknownArgumentError
from distilbert.pipelines import predictor
from distilbert.pipelines.factory import pipeline
from distilbert.pipelines.predictor import Predictor, with_progress

HEADS = {
    "text-classification": "sequence_classification",
    "token-classification": "token_classification",
    "fill-mask": "masked_lm",
    "question-answering": "question_answering",
    "multiple-choice": "multiple_choice",
    "feature-extraction": "base",
    "sentence-embedding": "base",
}


def ragged_texts(n: int = 40) -> list[str]:
    words = ["the", "cat", "wolfgang", "lives", "in", "new", "york", "."]
    rng = np.random.default_rng(3)
    return [" ".join(rng.choice(words, size=size)) for size in rng.integers(0, 90, size=n)]


def examples_for(task: str) -> list[Any]:
    texts = ragged_texts()
    if task == "fill-mask":
        return [f"{text} [MASK]." for text in texts]
    if task == "question-answering":
        return [{"question": "who lives?", "context": text} for text in texts]
    if task == "multiple-choice":
        return [
            {"prompt": t, "choices": ["cat", "the dog", "."][: 1 + i % 3]}
            for i, t in enumerate(texts)
        ]
    return texts


def make(task: str, tokenizer: Any, **options: Any) -> Predictor:
    return pipeline(task, ArithmeticRunner(HEADS[task], small_config()), tokenizer, **options)


def assert_same(ours: Any, other: Any) -> None:
    """Equal answers, floats up to the rounding of another batch."""
    if isinstance(ours, dict):
        assert list(ours) == list(other)
        for key, value in ours.items():
            assert_same(value, other[key])
    elif isinstance(ours, list) and not (ours and isinstance(ours[0], float)):
        assert len(ours) == len(other)
        for one, two in zip(ours, other, strict=True):
            assert_same(one, two)
    elif isinstance(ours, (float, list, np.ndarray)):
        assert np.allclose(ours, other, atol=1e-5)
    else:
        assert ours == other


@pytest.mark.parametrize("task", HEADS)
def test_batches_give_the_same_answers_as_one_by_one(task: str, tokenizer: Any) -> None:
    pipe = make(task, tokenizer)
    examples = examples_for(task)
    batched = pipe(examples, batch_tokens=700)
    if task == "text-classification":
        one_by_one = [pipe(example)[0] for example in examples]
    else:
        one_by_one = [pipe(example) for example in examples]
    assert_same(list(batched), one_by_one)


@pytest.mark.parametrize("task", sorted(set(HEADS) - {"feature-extraction", "sentence-embedding"}))
def test_answers_are_plain_json(task: str, tokenizer: Any) -> None:
    answers = make(task, tokenizer)(examples_for(task)[:3])
    assert json.loads(json.dumps(answers)) == answers


def test_a_list_gives_a_list_and_a_generator_a_generator(tokenizer: Any) -> None:
    pipe = make("text-classification", tokenizer)
    texts = ragged_texts(5)
    listed = pipe(texts)
    streamed = pipe(text for text in texts)
    assert isinstance(listed, list)
    assert isinstance(streamed, Iterator)
    assert list(streamed) == listed
    assert list(pipe({"text": text, "label": 0} for text in texts)) == listed


def test_an_endless_generator_is_read_only_so_far_ahead(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "ENCODE_AT_ONCE", 4)
    monkeypatch.setattr(predictor, "LOOKAHEAD_BATCHES", 2)
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "the cat sat"  # 5 tokens with special ones

    results = make("text-classification", tokenizer)(endless(), batch_tokens=20)
    assert taken == 0
    next(results)
    assert taken <= 12  # 40 tokens are 8 texts, and one encoding at once


def test_examples_left_over_between_chunks_keep_their_order(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "LOOKAHEAD_BATCHES", 1)
    pipe = make("text-classification", tokenizer)
    texts = ragged_texts(30)
    assert_same(pipe(texts, batch_tokens=60), pipe(texts))


def test_empty_collections_give_empty_results(tokenizer: Any) -> None:
    for task in HEADS:
        assert len(make(task, tokenizer)([])) == 0
    assert list(make("fill-mask", tokenizer)(iter([]))) == []


def test_options_of_the_call_override_those_of_the_pipeline(tokenizer: Any) -> None:
    pipe = make("text-classification", tokenizer, top_k=None)
    assert len(pipe(["the cat"])[0]) == 2
    assert len(pipe("the cat", top_k=1)) == 1
    assert len(pipe(["the cat"])[0]) == 2
    with pytest.raises(TypeError, match="`text-classification` takes no option `topn`"):
        pipe("the cat", topn=1)


def test_inputs_are_checked_before_a_generator_starts(tokenizer: Any) -> None:
    pipe = make("fill-mask", tokenizer)
    with pytest.raises(InputError, match="`top_k` must be an integer of at least 1: got 0"):
        pipe(iter(["a"]), top_k=0)
    with pytest.raises(InputError, match="`fill-mask` takes a text, a dict, or a list"):
        pipe()


def test_inputs_come_by_position_or_by_name_but_not_both(tokenizer: Any) -> None:
    pipe = make("question-answering", tokenizer)
    with pytest.raises(UnknownArgumentError) as caught:
        pipe({"question": "a", "context": "b"}, question="c")
    assert str(caught.value) == (
        "`question-answering` takes inputs by position or as `question`: got both."
    )


def test_the_progress_bar_goes_to_standard_error(
    tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe = make("sentence-embedding", tokenizer, progress=True)
    assert pipe(["the cat", "a dog"]).shape == (2, 32)
    written = capsys.readouterr()
    assert written.out == ""
    assert "2/2" in written.err
    pipe("the cat", progress=False)
    assert capsys.readouterr().err == ""


def test_threads_may_share_a_pipeline(tokenizer: Any) -> None:
    pipe = make("token-classification", tokenizer)
    texts = ragged_texts(16)
    with ThreadPoolExecutor(8) as pool:
        assert_same(list(pool.map(pipe, texts)), pipe(texts))


def test_a_pipeline_shows_its_task_and_options(tokenizer: Any) -> None:
    shown = repr(make("fill-mask", tokenizer, top_k=2))
    assert shown == (
        "Predictor('fill-mask', FillMask(top_k=2, targets=None, joint=False, max_length=None))"
    )


def test_items_pass_through_and_the_bar_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(with_progress(iter("abc"), 3, "ner")) == ["a", "b", "c"]
    written = capsys.readouterr()
    assert written.out == ""
    assert "ner" in written.err
    assert "3/3" in written.err


def test_an_unknown_number_of_items_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress(iter("ab"), None, "ner")) == ["a", "b"]
    assert "2/?" in capsys.readouterr().err
