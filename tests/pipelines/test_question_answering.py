"""Result shapes and options of question answering."""

from __future__ import annotations

from typing import Any

import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.errors import InputError
from distilbert.pipelines.factory import pipeline

ROW = {"question": "who lives?", "context": "My name is Wolfgang and the cat lives in Berlin."}


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    runner = ArithmeticRunner("question_answering", small_config())
    return pipeline("question-answering", runner, tokenizer)


def test_one_example_gives_one_dict(pipe: Any) -> None:
    answer = pipe(ROW)
    assert list(answer) == ["score", "start", "end", "answer"]
    assert ROW["context"][answer["start"] : answer["end"]] == answer["answer"]


def test_every_way_to_ask_gives_the_same(pipe: Any) -> None:
    answer = pipe(ROW)
    assert pipe(**ROW) == answer
    assert pipe(ROW["question"], ROW["context"]) == answer
    assert pipe((ROW["question"], ROW["context"])) == answer
    assert pipe([ROW]) == [answer]
    assert pipe(question=[ROW["question"]] * 2, context=ROW["context"]) == [answer] * 2
    assert pipe(question=ROW["question"], context=[ROW["context"]]) == [answer]
    assert list(pipe(row for row in [ROW])) == [answer]


def test_several_answers_are_a_list_of_exactly_so_many(pipe: Any) -> None:
    for k in (2, 5, 20):
        answers = pipe(ROW, top_k=k)
        assert len(answers) == k
        assert len({(a["start"], a["end"]) for a in answers}) == k
    assert pipe(ROW, top_k=5)[0] == pipe(ROW)


def test_long_contexts_keep_exact_characters(pipe: Any) -> None:
    row = {"question": "who lives?", "context": " ".join([ROW["context"]] * 30)}
    for answer in pipe(row, top_k=10, doc_stride=8, max_seq_len=40):
        assert row["context"][answer["start"] : answer["end"]] == answer["answer"]
    runner: Any = pipe.runner
    assert max(shape[-1] for shape in runner.batches) == 40


@pytest.mark.parametrize("field", ["question", "context"])
def test_an_empty_question_or_context_is_refused(pipe: Any, field: str) -> None:
    for empty in ("", " \n"):
        with pytest.raises(InputError) as caught:
            pipe({"question": "who?", "context": "a text", field: empty})
        assert str(caught.value) == f"`{field}` must not be empty: got {empty!r}."


def test_a_context_without_tokens_has_the_empty_answer(pipe: Any) -> None:
    empty = {"question": "who?", "context": "\u200b"}
    assert pipe(empty) == {"score": 0.0, "start": 0, "end": 0, "answer": ""}
    assert pipe(empty, handle_impossible_answer=True)["score"] == 1.0


def test_wrong_inputs_are_named(pipe: Any) -> None:
    with pytest.raises(InputError) as caught:
        pipe("who?")
    assert str(caught.value) == (
        "`question-answering` takes rows {'question': str, 'context': str}, or "
        "`question=..., context=...`: got str."
    )
    with pytest.raises(InputError) as caught:
        pipe(question="who?")
    assert str(caught.value) == (
        "`question-answering` needs both `question` and `context`: got ['question']."
    )
    with pytest.raises(InputError, match=r"`question` and `context`: got \['question'\]\."):
        pipe(question="who?", context=None)
    with pytest.raises(InputError, match=r"takes a text, a dict, or a list, .*: got int"):
        pipe(question=3, context="a text")
    with pytest.raises(InputError) as caught:
        pipe(question=["a", "b"], context=["c"])
    assert str(caught.value) == (
        "`question` and `context` must have the same length: got 2 questions and 1 contexts."
    )
    with pytest.raises(InputError) as caught:
        pipe(ROW, doc_stride=64)
    assert str(caught.value) == ("`doc_stride` must be smaller than the window length 64: got 64.")
    with pytest.raises(InputError) as caught:
        pipe(ROW, max_seq_len=65)
    assert str(caught.value) == (
        "The window length must lie between 5 and 64, the most this model and tokenizer take: "
        "got 65."
    )
