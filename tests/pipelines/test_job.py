"""What all jobs share: which inputs are one example, and what is returned for them."""

from __future__ import annotations

from distilbert.pipelines.fill_mask import FillMask
from distilbert.pipelines.question_answering import QuestionAnswering


def test_texts_and_rows_are_single() -> None:
    job = FillMask()
    assert all(job.is_single(one) for one in ("a", {"text": "a"}))
    assert not any(job.is_single(many) for many in (["a"], ("a", "b"), iter("a"), range(2)))
    assert QuestionAnswering().is_single(("who?", "a text"))


def test_one_result_for_one_example_and_a_list_for_a_list() -> None:
    assert FillMask().present([1], "a", {}) == 1
    assert FillMask().present([1], ["a"], {}) == [1]


def test_an_answer_is_a_row_of_a_table() -> None:
    answer = {"answer": "a", "score": 0.5, "start": 0, "end": 1}
    assert QuestionAnswering().columns(answer) == answer
    assert QuestionAnswering().columns([answer]) == {"answers": [answer]}
    word = {"token_str": "a", "score": 0.5, "sequence": "a b", "token": 3}
    best = {"prediction": "a", "score": 0.5, "sequence": "a b"}
    assert FillMask().columns([word]) == {**best, "answers": [word]}
    assert FillMask().columns([[word]]) == {"answers": [[word]]}
