"""Options are checked by name and value."""

from __future__ import annotations

import pytest

from distilbert.errors import InputError
from distilbert.pipelines.fill_mask import FillMask
from distilbert.pipelines.job import check_at_least, check_one_of, with_options
from distilbert.pipelines.question_answering import QuestionAnswering


def test_options_replace_defaults_without_touching_the_job() -> None:
    job = QuestionAnswering()
    assert with_options(job, {"top_k": 3}, "qa").top_k == 3
    assert job.top_k == 1
    assert with_options(job, {}, "qa") is job


def test_a_misspelled_option_is_named_with_the_right_one() -> None:
    with pytest.raises(TypeError) as caught:
        with_options(QuestionAnswering(), {"topk": 3}, "question-answering")
    assert str(caught.value) == (
        "`question-answering` takes no option `topk`: its options are top_k, doc_stride, "
        "max_answer_len, max_seq_len, max_question_len, handle_impossible_answer, align_to_words. "
        "Did you mean `top_k`?"
    )


def test_strings_rows_and_tuples_are_single() -> None:
    job = FillMask()
    assert all(job.is_single(one) for one in ("a", {"text": "a"}, ("a", "b")))
    assert not any(job.is_single(many) for many in (["a"], iter("a"), range(2)))


def test_one_result_for_one_example_and_a_list_for_a_list() -> None:
    assert FillMask().present([1], single=True) == 1
    assert FillMask().present([1], single=False) == [1]


def test_numbers_and_names_are_checked() -> None:
    check_at_least(1, top_k=None, other=1)
    with pytest.raises(InputError) as caught:
        check_at_least(1, top_k=0)
    assert str(caught.value) == "`top_k` must be an integer of at least 1: got 0."
    with pytest.raises(InputError) as caught:
        check_one_of(["mean", "cls"], pooling="last")
    assert str(caught.value) == "`pooling` must be one of mean, cls: got 'last'."
