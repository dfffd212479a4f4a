"""Metrics of every head, and points lost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from distilbert.errors import InputError, QuantizationError
from distilbert.finetuning.evaluate import evaluate
from distilbert.heads import HEADS
from distilbert.opening import open_model
from distilbert.pipelines import pipeline
from distilbert.quantizing.metric import (
    first_windows,
    interval_of_loss,
    points_lost,
    read_metric,
    sentence_vectors,
)
from distilbert.tasks.embedding import normalize
from distilbert.tasks.sequence_classification.metrics import value_scores

HOW = {"pooling": None, "card": None, "batch_tokens": None, "changes": {"bootstrap": 20}}
TASKS = [head for head in HEADS if head != "base"]


@pytest.mark.parametrize("head", TASKS)
def test_scores_are_those_of_evaluate(exported, rows, head: str) -> None:
    folder = exported(head)
    model = open_model(folder, head)
    metric = read_metric(model, rows[head], **HOW)
    expected = evaluate(folder, rows[head], bootstrap=20)
    assert metric.name == expected.metric
    assert metric.n_examples == expected.n_examples == len(rows[head])
    found = metric.score(model.runner)
    assert found.scores == pytest.approx(expected.scores, nan_ok=True)
    assert metric.data == f"memory:list of {len(rows[head])} rows"
    assert all(ids.ndim == 1 for ids in metric.sequences)


def test_an_encoder_is_scored_by_the_cosines_of_pairs(exported, rows) -> None:
    folder = exported("base", pooling="max")
    model = open_model(folder, "base")
    metric = read_metric(model, rows["base"], **{**HOW, "pooling": "max"})
    embed = pipeline("sentence-embedding", folder)
    first, second = (
        normalize(np.array(embed([row[name] for row in rows["base"]])))
        for name in ("text", "text_pair")
    )
    truth = np.array([row["label"] for row in rows["base"]])
    expected = value_scores(truth, (first * second).sum(axis=1))
    found = metric.score(model.runner)
    assert metric.name == "spearman"
    assert found.scores == pytest.approx(
        {n: expected[n] for n in ("spearman", "pearson")}, abs=1e-6
    )
    other = read_metric(model, rows["base"], **{**HOW, "changes": {"metric": "pearson"}})
    assert other.name == "pearson"


def test_rows_without_a_second_text_and_other_metrics_are_refused(exported, rows) -> None:
    model = open_model(exported("base"), "base")
    singles = [{"text": row["text"], "label": row["label"]} for row in rows["base"]]
    with pytest.raises(InputError, match="must be pairs of texts"):
        read_metric(model, singles, **HOW)
    with pytest.raises(InputError, match="`metric` must be one of spearman, pearson"):
        read_metric(model, rows["base"], **{**HOW, "changes": {"metric": "accuracy"}})


def test_pairs_for_the_masked_lm_of_an_encoder_name_the_other_head(exported) -> None:
    how = HOW | {"changes": {"glue": "stsb"}}
    with pytest.raises(InputError, match="--head base"):
        read_metric(open_model(exported("masked_lm"), "masked_lm"), "pairs.tsv", **how)


def test_vectors_do_not_depend_on_the_batch(exported) -> None:
    model = open_model(exported("base"), "base")
    sequences = first_windows(model, ["the cat sat", "berlin", "the dog ran home ."])
    options = {"pooling": "mean", "pad_id": 0}
    together = sentence_vectors(model.runner, sequences, **options)
    alone = sentence_vectors(model.runner, sequences, batch_tokens=1, **options)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_long_text_is_cut(exported) -> None:
    model = open_model(exported("base"), "base")
    assert len(first_windows(model, ["the cat " * 200])[0]) == model.max_length == 64


@pytest.mark.parametrize(
    ("name", "head", "before", "after", "points"),
    [
        ("accuracy", "sequence_classification", 0.90, 0.88, 2.0),
        ("spearman", "base", 0.80, 0.81, -1.0),
        ("f1", "question_answering", 88.0, 87.5, 0.5),
        ("loss", "masked_lm", 2.0, 2.1, 5.0),
        ("rmse", "sequence_classification", 0.5, 0.45, -10.0),
        ("loss", "masked_lm", 0.0, 0.1, 100.0),
    ],
)
def test_points_are_percent_of_the_scale_or_of_a_loss(name, head, before, after, points) -> None:
    assert points_lost(name, head, before, after) == pytest.approx(points)


def test_a_metric_that_is_no_number_cannot_hold() -> None:
    with pytest.raises(QuantizationError, match="must be a number before and after: f1 is nan"):
        points_lost("f1", "token_classification", math.nan, 0.5)


def test_the_interval_is_that_of_the_points_lost(exported, rows) -> None:
    head = "sequence_classification"
    model = open_model(exported(head), head)
    metric = read_metric(model, rows[head], **HOW)
    same = metric.score(model.runner)
    assert interval_of_loss(metric, head, same, same) == (0, 0)
    masked = open_model(exported("masked_lm"), "masked_lm")
    loss = read_metric(masked, rows["masked_lm"], **HOW)
    scored = loss.score(masked.runner)
    assert loss.name == "loss"
    assert all(map(math.isnan, interval_of_loss(loss, "masked_lm", scored, scored)))
