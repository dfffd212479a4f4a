"""Result shapes and options of text classification."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.errors import InputError
from distilbert.pipelines.factory import pipeline

LONG = "the cat sat on a mat in berlin . " * 40  # far more than the 64 positions


def make(tokenizer: Any, *, config: dict[str, Any] | None = None, **options: Any) -> Any:
    runner = ArithmeticRunner("sequence_classification", small_config(**(config or {})))
    return pipeline("text-classification", runner, tokenizer, **options)


def test_a_single_text_or_row_has_the_shape_of_the_reference(tokenizer: Any) -> None:
    pipe = make(tokenizer)
    for single in ("cat", {"text": "cat"}, {"text": "cat", "text_pair": "dog"}):
        result = pipe(single)
        answers = result if isinstance(single, str) else [result]
        assert [list(answer) for answer in answers] == [["label", "score"]]
        for top_k, length in ((1, 1), (None, 2)):
            answers = pipe(single, top_k=top_k)
            assert [list(answer) for answer in answers] == [["label", "score"]] * length


def test_a_list_gives_dicts_or_lists_of_dicts(tokenizer: Any) -> None:
    pipe = make(tokenizer)
    assert [list(answer) for answer in pipe(["cat", "dog"])] == [["label", "score"]] * 2
    assert [len(answers) for answers in pipe(["cat", ("a", "b")], top_k=None)] == [2, 2]


def test_the_ways_to_give_a_pair_agree(tokenizer: Any) -> None:
    pipe = make(tokenizer)
    row = pipe({"text": "cat", "text_pair": "the dog"})
    assert pipe([("cat", "the dog")]) == [row]
    assert pipe(text="cat", text_pair="the dog") == row
    assert pipe([["cat", "the dog"]]) == [row]
    assert pipe(["cat"]) != [row]
    assert pipe(("cat", "the dog")) == pipe(["cat", "the dog"])


def test_multi_label_models_get_a_sigmoid(tokenizer: Any) -> None:
    several = {"num_labels": 3, "problem_type": "multi_label_classification"}
    answers = make(tokenizer, config=several)("cat dog", top_k=None)
    raw = make(tokenizer, config=several)("cat dog", top_k=None, function_to_apply="none")
    assert sum(answer["score"] for answer in answers) != pytest.approx(1.0)
    assert all(0 < answer["score"] < 1 for answer in answers)
    assert [a["label"] for a in raw] == [a["label"] for a in answers]


def test_regression_gives_the_value_itself(tokenizer: Any) -> None:
    one = {"num_labels": 1, "problem_type": "regression"}
    assert make(tokenizer, config=one)("cat") == make(tokenizer, config=one)(
        "cat", function_to_apply="none"
    )


def test_long_texts_and_pairs_are_windowed_by_the_rule_asked_for(tokenizer: Any) -> None:
    pipe = make(tokenizer, top_k=None, function_to_apply="none")
    scores = {}
    for rule in ("mean", "max", "first"):
        (answers,) = pipe([LONG], window_combination=rule)
        scores[rule] = {answer["label"]: answer["score"] for answer in answers}
    assert all(scores["max"][label] >= scores["mean"][label] for label in scores["max"])
    cut = tokenizer(LONG, truncation=True, max_length=64)["input_ids"][1:-1]
    (first,) = pipe([tokenizer.decode(cut)])
    assert scores["first"] == pytest.approx({a["label"]: a["score"] for a in first})
    assert len(pipe([(LONG, LONG), (LONG, "cat"), ("cat", LONG)])) == 3
    runner: Any = pipe.runner
    assert max(shape[-1] for shape in runner.batches) == 64


def test_wrong_pairs_and_options_are_named(tokenizer: Any) -> None:
    pipe = make(tokenizer)
    with pytest.raises(InputError) as caught:
        pipe([("a", "b", "c")])
    assert str(caught.value) == (
        "A pair for `text-classification` must hold two texts: got 3 values. "
        "Pass several texts as a list of str."
    )
    with pytest.raises(InputError) as caught:
        pipe("a", function_to_apply="tanh")
    assert str(caught.value) == (
        "`function_to_apply` must be one of softmax, sigmoid, none: got 'tanh'."
    )
    with pytest.raises(InputError, match="`window_combination` must be one of mean, max, first"):
        pipe("a", window_combination="last")


def test_a_lone_surrogate_is_read_as_nothing(tokenizer: Any) -> None:
    pipe = make(tokenizer)
    assert pipe(["the \ud83d cat", "dog"]) == pipe(["the cat", "dog"])
    assert pipe([("the \ud83d cat", "a \udc00")]) == pipe([("the cat", "a")])


def test_labels_that_reach_their_thresholds_are_assigned(tokenizer: Any) -> None:
    several = {"num_labels": 3, "problem_type": "multi_label_classification"}
    pipe = make(tokenizer, config=several)
    scores = {one["label"]: one["score"] for one in pipe("cat dog", top_k=None)}
    for thresholds in (0.5, [0.1, 0.9, 0.5], 0.0, 1.0):
        limits = thresholds if isinstance(thresholds, list) else [thresholds] * 3
        expected = {
            label
            for label, limit in zip(sorted(scores), limits, strict=True)
            if scores[label] >= limit
        }
        (assigned,) = pipe("cat dog", thresholds=thresholds)
        assert {one["label"] for one in assigned} == expected
    for two in ([0.5, 0.5], np.array([0.5, 0.5])):
        with pytest.raises(InputError, match="one for each of the 3 labels: got 2"):
            pipe("cat", thresholds=two)


def test_a_model_of_pairs_refuses_a_text_alone(tokenizer: Any) -> None:
    pipe = make(tokenizer, pairs=True)
    assert pipe({"text": "cat", "text_pair": "dog"})
    with pytest.raises(InputError) as caught:
        pipe("cat")
    assert str(caught.value) == (
        "This model was trained on pairs of texts: got one, 'cat'. Pass "
        '{"text": ..., "text_pair": ...}, or `pairs=False` to classify a text alone.'
    )
    assert pipe("cat", pairs=False)


def test_answers_become_columns(tokenizer: Any) -> None:
    pipe = make(tokenizer)
    (best,) = pipe(["cat"])
    assert pipe.job.columns(best) == {"prediction": best["label"], "score": best["score"]}
    every = make(tokenizer, top_k=None)
    columns = every.job.columns(every(["cat"])[0])
    assert list(columns) == ["prediction", "score", "score_LABEL_0", "score_LABEL_1"]
    assert columns["prediction"] == best["label"]
    assigned = make(tokenizer, thresholds=0.0)
    columns = assigned.job.columns(assigned(["cat"])[0])
    assert columns["prediction"][0] == best["label"]
    assert len(columns["scores"]) == 2
    both = make(tokenizer, thresholds=(0.0, 2.0), top_k=None)
    columns = both.job.columns(both(["cat"])[0], ["LABEL_1", "LABEL_0"])
    assert list(columns) == ["prediction", "scores", "score_LABEL_1", "score_LABEL_0"]
    assert columns["prediction"] == ["LABEL_1"]
