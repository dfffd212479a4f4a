"""Options are checked by name and value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert.errors import InputError
from distilbert.pipelines.embedding import FeatureExtraction, SentenceEmbedding
from distilbert.pipelines.fill_mask import FillMask
from distilbert.pipelines.multiple_choice import MultipleChoice
from distilbert.pipelines.option_checks import check_at_least, with_options
from distilbert.pipelines.question_answering import QuestionAnswering
from distilbert.pipelines.text_classification import TextClassification
from distilbert.pipelines.token_classification import TokenClassification


def test_options_replace_defaults_without_touching_the_job() -> None:
    job = QuestionAnswering()
    assert with_options(job, {"top_k": 3}, "qa").top_k == 3
    assert job.top_k == 1
    assert with_options(job, {}, "qa") is job


def test_a_misspelled_option_is_named_with_the_right_one() -> None:
    with pytest.raises(TypeError) as caught:
        with_options(QuestionAnswering(), {"top_n": 3}, "question-answering")
    assert str(caught.value) == (
        "`question-answering` takes no option `top_n`: its options are top_k, doc_stride, "
        "max_answer_len, max_seq_len, max_question_len, handle_impossible_answer, null_threshold, "
        "normalize_over, align_to_words. Did you mean `top_k`?"
    )


@pytest.mark.parametrize(
    ("job", "option", "rule"),
    [
        (QuestionAnswering(), {"top_k": 0}, "an integer of at least 1"),
        (QuestionAnswering(), {"top_k": "all"}, "an integer of at least 1"),
        (QuestionAnswering(), {"max_seq_len": "128"}, "an integer"),
        (QuestionAnswering(), {"align_to_words": 1}, "True or False"),
        (QuestionAnswering(), {"null_threshold": "0"}, "a number"),
        (SentenceEmbedding(), {"normalize": "false"}, "True or False"),
        (SentenceEmbedding(), {"pooling": "last"}, "one of mean, cls, max"),
        (SentenceEmbedding(), {"max_length": 1.5}, "an integer"),
        (SentenceEmbedding(), {"stride": True}, "an integer of at least 0"),
        (FeatureExtraction(), {"return_tensors": "pt"}, "'np'"),
        (TextClassification(), {"top_k": "three"}, "an integer of at least 1 or 'best'"),
        (TextClassification(), {"thresholds": "0.5"}, "a number or a list of numbers"),
        (TextClassification(), {"function_to_apply": "tanh"}, "one of softmax, sigmoid, none"),
        (TokenClassification(), {"ignore_labels": "O"}, "a list of texts"),
        (TokenClassification(), {"aggregation_strategy": "best"}, "one of none, simple, first"),
        (FillMask(), {"targets": [1]}, "a text or a list of texts"),
        (MultipleChoice(), {"top_k": -1}, "an integer of at least 1"),
    ],
)
def test_values_are_checked(job: Any, option: dict[str, Any], rule: str) -> None:
    ((name, value),) = option.items()
    with pytest.raises(InputError) as caught:
        with_options(job, option, "task")
    assert str(caught.value).startswith(f"`{name}` must be {rule}")
    assert str(caught.value).endswith(f": got {value!r}.")


def test_none_leaves_an_option_at_its_default_unless_it_is_a_value() -> None:
    assert with_options(QuestionAnswering(top_k=2), {"top_k": None}, "qa").top_k == 2
    assert with_options(FillMask(), {"top_k": None}, "fill-mask").top_k == 5
    job = with_options(
        TokenClassification(), {"ignore_labels": None, "aggregation_strategy": None}, "ner"
    )
    assert (job.ignore_labels, job.aggregation_strategy) == (("O",), "first")
    assert with_options(TextClassification(), {"top_k": None}, "texts").top_k is None


def test_numbers_of_numpy_are_numbers() -> None:
    job = with_options(QuestionAnswering(), {"top_k": np.int64(2)}, "qa")
    assert type(job.top_k) is int
    given = {"thresholds": np.array([0.5, 0.5]), "max_length": np.int32(8)}
    assert with_options(TextClassification(), given, "texts").max_length == 8
    assert with_options(SentenceEmbedding(), {"normalize": np.bool_(True)}, "x").normalize is True
    check_at_least(1, top_k=None, other=np.int64(1))
    with pytest.raises(InputError) as caught:
        check_at_least(1, batch_tokens=0)
    assert str(caught.value) == "`batch_tokens` must be an integer of at least 1: got 0."
