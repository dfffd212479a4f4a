"""Labels that a model of inference was never trained on."""

from __future__ import annotations

from typing import Any

import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert import pipeline
from distilbert.errors import InputError
from distilbert.pipelines.zero_shot import entailment_numbers
from distilbert.tasks.probability import softmax

NLI = ["contradiction", "neutral", "entailment"]
LABELS = ["cat", "dog", "film"]


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    names = {"id2label": dict(enumerate(NLI)), "label2id": {n: i for i, n in enumerate(NLI)}}
    runner = ArithmeticRunner("sequence_classification", small_config(**names))
    return pipeline("zero-shot-classification", runner, tokenizer)


def test_scores_are_those_of_entailment(pipe: Any, tokenizer: Any) -> None:
    found = pipe("the cat sat", LABELS, hypothesis_template="the {} .")
    logits = pipeline("text-classification", pipe.runner, tokenizer)(
        [("the cat sat", f"the {label} .") for label in LABELS],
        return_all_scores=True,
        function_to_apply="none",
    )
    import numpy as np

    expected = softmax(np.array([of_pair[2]["score"] for of_pair in logits]))
    by_label = dict(zip(found["labels"], found["scores"], strict=True))
    assert [by_label[label] for label in LABELS] == pytest.approx(expected.tolist())
    assert found["scores"] == sorted(found["scores"], reverse=True)
    assert found["sequence"] == "the cat sat"
    several = pipe("the cat sat", LABELS, hypothesis_template="the {} .", multi_label=True)
    pairs = np.array([[of_pair[0]["score"], of_pair[2]["score"]] for of_pair in logits])
    by_label = dict(zip(several["labels"], several["scores"], strict=True))
    assert [by_label[label] for label in LABELS] == pytest.approx(softmax(pairs)[:, 1].tolist())


def test_labels_may_be_one_text_and_texts_a_list(pipe: Any) -> None:
    found = pipe(["the cat sat", "a film"], candidate_labels="cat, dog,film")
    assert [set(one["labels"]) for one in found] == [set(LABELS)] * 2
    assert pipe("a film", candidate_labels=LABELS) == found[1]
    assert pipe(sequences="a film", candidate_labels=LABELS) == found[1]
    (alone,) = pipe("a film", candidate_labels=["cat"])["scores"]
    assert 0 < alone < 1


def test_what_is_missing_is_named(pipe: Any, tokenizer: Any) -> None:
    with pytest.raises(InputError, match="`candidate_labels` must hold at least one label"):
        pipe("a film")
    with pytest.raises(InputError, match=r"`hypothesis_template` must contain \{\}"):
        pipe("a film", LABELS, hypothesis_template="no place")
    with pytest.raises(TypeError, match="got 3 positional arguments"):
        pipe("a film", LABELS, "x")
    runner = ArithmeticRunner("sequence_classification", small_config())
    other = pipeline("zero-shot-classification", runner, tokenizer)
    with pytest.raises(
        InputError, match=r"labels are entailment and contradiction .*: got LABEL_0"
    ):
        other("a film", LABELS)


def test_labels_of_inference_are_found_by_name() -> None:
    assert entailment_numbers({"ENTAILMENT": 0, "neutral": 1, "Contradiction": 2}) == (0, 2)
    assert entailment_numbers({"not_entailment": 1, "entailment": 0}) == (0, 1)
