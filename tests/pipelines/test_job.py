"""Options are checked by name and value."""

from __future__ import annotations

from typing import Any

import pytest
from stand_ins import small_config

from distilbert.errors import InputError
from distilbert.pipelines.job import Setup, check_at_least, check_one_of, with_options
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


def test_window_lengths_are_bounded_by_the_model() -> None:
    tokenizer: Any = None
    setup = Setup(tokenizer, small_config(), 64)
    assert setup.window_length(None) == 64
    assert setup.window_length(10) == 10
    for wrong in (4, 65):
        with pytest.raises(InputError) as caught:
            setup.window_length(wrong)
        assert str(caught.value) == (
            "The window length must lie between 5 and 64, the most this model and tokenizer take: "
            f"got {wrong}."
        )


def test_numbers_and_names_are_checked() -> None:
    check_at_least(1, top_k=None, other=1)
    with pytest.raises(InputError) as caught:
        check_at_least(1, top_k=0)
    assert str(caught.value) == "`top_k` must be an integer of at least 1: got 0."
    with pytest.raises(InputError) as caught:
        check_one_of(["mean", "cls"], pooling="last")
    assert str(caught.value) == "`pooling` must be one of mean, cls: got 'last'."
