"""Texts become windows with hidden tokens: fresh ones in training, fixed ones in evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.masked_lm.train import NOT_A_TEXT, MaskedLMTask, Text
from distilbert.tasks.task import Feature, Task, higher_is_better

TEXT = "wolfgang lives in new york . the cat sat on the mat"  # wolf ##gang: 13 tokens
EXAMPLES = [Text(TEXT, "x"), Text("the big city", "x"), Text(" ".join([TEXT] * 5), "x")]


def test_it_keeps_the_protocol() -> None:
    task: Task = MaskedLMTask()
    assert (task.head, task.metric, higher_is_better(task.metric)) == ("masked_lm", "loss", False)
    assert higher_is_better(MaskedLMTask(chosen_metric="accuracy").metric)
    assert task.with_labels_of([]) is task
    assert task.config_changes() == {}


def test_texts_must_hold_something() -> None:
    problems = Problems()
    rows = [Row({"text": text}, "x") for text in ("a b", " ", None, 3)]
    assert [text.text for text in MaskedLMTask().examples(rows, problems)] == ["a b"]
    assert len(problems.found[NOT_A_TEXT]) == 3


@pytest.mark.parametrize("whole_words", [True, False])
def test_training_masks_anew_for_each_batch(tokenizer: Any, *, whole_words: bool) -> None:
    task = MaskedLMTask(whole_words=whole_words)
    features = task.features(tokenizer, EXAMPLES[:2], training=True)
    rngs = [np.random.default_rng(seed) for seed in range(2)]
    first, second = (task.batch(tokenizer, features, rngs) for _ in range(2))
    again = task.batch(tokenizer, features, [np.random.default_rng(seed) for seed in range(2)])
    assert first["labels"].shape == first["input_ids"].shape == (2, 15)
    assert first["labels"].tolist() == again["labels"].tolist() != second["labels"].tolist()
    assert first["input_ids"].tolist() == again["input_ids"].tolist()
    hidden = first["labels"] >= 0
    assert hidden.sum(axis=1).tolist() in ([2, 1], [1, 1])  # 15 % of 13 and of 3 tokens
    for row, feature in zip(first["labels"], features, strict=True):
        ids = feature.sequences[0]
        assert row[: len(ids)][row[: len(ids)] >= 0].tolist() == ids[row[: len(ids)] >= 0].tolist()
    assert first["attention_mask"].sum(axis=1).tolist() == [15, 5]


def test_whole_words_hide_all_pieces(tokenizer: Any) -> None:
    task = MaskedLMTask(mask_probability=0.5)
    features = task.features(tokenizer, [Text("wolfgang wolfgang wolfgang", "x")], training=True)
    for seed in range(10):
        labels = task.batch(tokenizer, features, [np.random.default_rng(seed)])["labels"][0]
        hidden = (labels >= 0)[1:-1].reshape(3, 2)
        assert (hidden.all(axis=1) == hidden.any(axis=1)).all()
        assert hidden.sum() == 2  # half of six is three; a second word would make it four


def test_long_rows_are_cut_and_lose_nothing(tokenizer: Any) -> None:
    features = MaskedLMTask(max_length=12).features(tokenizer, EXAMPLES, training=True)
    assert [feature.example for feature in features] == [0, 0, 1, *[2] * 7]
    ids = np.concatenate([f.sequences[0][1:-1] for f in features if f.example == 2])
    whole = MaskedLMTask(max_length=99).features(tokenizer, EXAMPLES, training=True)[2]
    assert ids.tolist() == whole.sequences[0][1:-1].tolist()
    shared = MaskedLMTask(max_length=12, overlap=4).features(tokenizer, EXAMPLES, training=True)
    assert shared[0].sequences[0][-5:-1].tolist() == shared[1].sequences[0][1:5].tolist()


def test_joined_rows_fill_their_windows(tokenizer: Any) -> None:
    features = MaskedLMTask(max_length=12, join_texts=True).features(
        tokenizer, EXAMPLES, training=True
    )
    lengths = [len(feature.sequences[0]) for feature in features]
    assert lengths == [12] * 8 + [3]  # 13 + 3 + 65 tokens, ten a window
    assert [feature.example for feature in features] == [0, 0, *[2] * 7]
    # the second window holds the end of the first text, the second text, and the third's begin
    own = features[1].detail
    assert len(set(own[1:-1].tolist())) == 9  # wolf ##gang is one word


def test_no_rows_have_no_windows(tokenizer: Any) -> None:
    for join in (True, False):
        assert MaskedLMTask(join_texts=join).features(tokenizer, [], training=False) == []


@pytest.mark.parametrize("join", [True, False])
def test_evaluation_hides_the_same_tokens_in_every_run(tokenizer: Any, *, join: bool) -> None:
    task = MaskedLMTask(max_length=12, join_texts=join)
    first, again = (task.features(tokenizer, EXAMPLES, training=False) for _ in range(2))
    plain = task.features(tokenizer, EXAMPLES, training=True)
    for one, two, true in zip(first, again, plain, strict=True):
        assert one.sequences[0].tolist() == two.sequences[0].tolist()
        restored = one.sequences[0].copy()
        restored[one.positions] = one.detail
        assert restored.tolist() == true.sequences[0].tolist()
    same_text = [np.array(f.positions).tolist() for f in first if f.example == 2]
    assert len({tuple(positions) for positions in same_text}) > 1  # windows differ
    other = replace(task, seed=1).features(tokenizer, EXAMPLES, training=False)
    found = [np.array(f.positions).tolist() for f in other if f.example == 2]
    assert found != same_text


def outputs(feature: Feature, lead: float, n_words: int, *, right: int) -> dict[str, np.ndarray]:
    """Logits `lead` at the truth of the first `right` hidden tokens, and at id 0 of the others."""
    logits = np.zeros((len(feature.detail), n_words), dtype=np.float32)
    for i, true in enumerate(feature.detail):
        logits[i, true if i < right else 0] = lead
    return {"logits": logits}


def test_scores_are_means_over_hidden_tokens(tokenizer: Any) -> None:
    task = MaskedLMTask(mask_probability=0.3, whole_words=False)
    examples = EXAMPLES[:2]
    features = task.features(tokenizer, examples, training=False)
    n_hidden = [len(feature.detail) for feature in features]
    assert n_hidden == [4, 1]  # 30 % of 13 and of 3
    kept = [
        task.reduce(feature, outputs(feature, 3.0, 86, right=right))
        for feature, right in zip(features, (3, 0), strict=True)
    ]
    answers = task.answers(examples, features, kept)
    good, bad = np.log(np.exp(3) + 85) - 3, np.log(np.exp(3) + 85)
    scores = task.scorer(examples, answers)()
    assert scores["loss"] == pytest.approx((3 * good + 2 * bad) / 5)
    assert scores["perplexity"] == pytest.approx(np.exp(scores["loss"]))
    assert scores["accuracy"] == pytest.approx(3 / 5)
    resampled = task.scorer(examples, answers)(np.array([1, 1]))
    assert resampled["loss"] == pytest.approx(bad)
    expected = [(3 * good + bad) / 4, bad]
    assert task.losses(examples, answers) == pytest.approx(expected)
    assert task.tables(examples, answers) == {"hidden_tokens": 5}


def test_losses_of_joined_texts_are_floats_even_of_a_text_in_which_no_window_begins(
    tokenizer: Any,
) -> None:
    task = MaskedLMTask(join_texts=True)
    examples = [Text("the cat", "x"), Text("a dog", "x")]
    features = task.features(tokenizer, examples, training=False)
    kept = [task.reduce(feature, outputs(feature, 0.0, 86, right=0)) for feature in features]
    answers = task.answers(examples, features, kept)
    assert answers[1] == {"hidden": 0, "correct": 0, "loss": 0.0}
    assert [type(answer["loss"]) for answer in answers] == [float, float]


def test_an_example_without_hidden_tokens_has_the_mean_loss(tokenizer: Any) -> None:
    task = MaskedLMTask()
    examples = [Text("the cat", "x"), Text("\u4e00", "x")]  # the second is one [UNK]
    features = task.features(tokenizer, examples, training=False)
    kept = [task.reduce(feature, outputs(feature, 0.0, 86, right=0)) for feature in features]
    answers = task.answers(examples, features, kept)
    assert [answer["hidden"] for answer in answers] == [1, 0]
    assert task.losses(examples, answers) == pytest.approx([np.log(86)] * 2)


def test_a_huge_loss_has_a_finite_perplexity() -> None:
    answers = [{"hidden": 1, "correct": 0, "loss": 1e6}]
    assert np.isfinite(MaskedLMTask().scorer(EXAMPLES[:1], answers)()["perplexity"])


def test_an_example_is_shown_in_one_line() -> None:
    assert MaskedLMTask().describe(Text("a\n b", "x")) == "a b"
