"""Every word gets its tag, whatever pieces, windows and invisible words do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.task import Feature, Task, higher_is_better
from distilbert.tasks.token_classification.rows import NOT_TEXTS
from distilbert.tasks.token_classification.train import (
    EMPTY,
    FOREIGN,
    NUMBERS,
    UNEQUAL,
    Sentence,
    TokenClassificationTask,
)

WORDS = ["Wolfgang", "lives", "in", "New", "York", "."]  # pieces: wolf ##gang lives ...
TAGS = ["B-PER", "O", "O", "B-LOC", "I-LOC", "O"]


def row(tokens: Any, tags: Any) -> Row:
    return Row({"tokens": tokens, "tags": tags}, "x line 1")


def learned(*rows: Row, **options: Any) -> tuple[TokenClassificationTask, list[Sentence]]:
    task = TokenClassificationTask(**options).with_labels_of(rows)
    problems = Problems()
    examples = task.examples(rows, problems)
    assert not len(problems)
    return task, examples


def logits(task: TokenClassificationTask, feature: Feature, tags: list[str]) -> np.ndarray:
    """Two for the tag of each word at its first piece; nonsense everywhere else, and padding."""
    rows = np.full((len(feature.sequences[0]) + 3, len(task.labels)), 7.0, dtype=np.float32)
    assert feature.positions is not None
    rows[feature.positions] = 0.0
    for word, position in zip(feature.detail, feature.positions, strict=True):
        rows[position, task.labels.index(tags[word])] = 2.0
    return rows[feature.positions]


def answered(
    task: TokenClassificationTask, tokenizer: Any, examples: list[Sentence], said: list[list[str]]
) -> list[dict[str, Any]]:
    features = task.features(tokenizer, examples, training=False)
    kept = [task.reduce(f, {"logits": logits(task, f, said[f.example])}) for f in features]
    return task.answers(examples, features, kept)


def test_it_keeps_the_protocol() -> None:
    task: Task = TokenClassificationTask()
    assert task.head == "token_classification"
    assert higher_is_better(task.metric)


def test_labels_are_sorted_with_o_first_and_tell_the_scheme() -> None:
    task, _ = learned(row(WORDS, TAGS))
    assert task.labels == ("O", "B-LOC", "B-PER", "I-LOC")
    assert (task.scheme, task.metric, task.usual_tag) == ("IOB2", "f1", "O")
    assert task.config_changes()["id2label"][2] == "B-PER"
    assert task.with_labels_of([row(["a"], ["B-X"])]) is task


@pytest.mark.parametrize("column", ["tokens", "tags"])
def test_a_column_that_is_not_there_is_told_once(column: str) -> None:
    options: Any = {column: "wrong"}
    rows = [row(WORDS, TAGS)] * 3
    problems = Problems()
    task = TokenClassificationTask(**options).with_labels_of(rows)
    assert task.examples(rows, problems) == []
    assert problems.of_sources == [
        f"`{column}` must name a column of the data, which has: tokens, tags. Got 'wrong'. "
        "In x line 1."
    ]


def test_bare_tags_are_scored_by_accuracy_and_have_a_usual_one() -> None:
    task, _ = learned(row(["the", "cat", "sat"], ["DET", "NOUN", "NOUN"]))
    assert (task.scheme, task.metric, task.usual_tag) == (None, "accuracy", "NOUN")


def test_labels_that_are_given_keep_their_order() -> None:
    rows = [row(["the", "cat", "sat"], ["DET", "NOUN", "NOUN"])]
    task = TokenClassificationTask(labels=("VERB", "NOUN", "DET")).with_labels_of(rows)
    assert (task.labels, task.usual_tag) == (("VERB", "NOUN", "DET"), "NOUN")
    given = TokenClassificationTask(labels=("B-A", "O"))
    assert given.with_labels_of(rows) is given
    assert TokenClassificationTask().with_labels_of([]).labels == ()


def test_the_metric_can_be_chosen() -> None:
    assert TokenClassificationTask(("O",), chosen_metric="strict_f1").metric == "strict_f1"


def test_only_the_first_piece_of_a_word_is_labelled(tokenizer: Any) -> None:
    task, examples = learned(row(WORDS, TAGS))
    (feature,) = task.features(tokenizer, examples, training=True)
    assert feature.labels["labels"].tolist() == [-100, 2, -100, 0, 0, 1, 3, 0, -100]
    (feature,) = task.features(tokenizer, examples, training=False)
    assert feature.labels == {}


def test_each_word_that_a_raw_text_would_have_is_labelled(tokenizer: Any) -> None:
    task, examples = learned(row(["Wolfgang.", "lives"], ["B-PER", "O"]), row(["York"], ["I-PER"]))
    o, begin, inside = (task.labels.index(tag) for tag in ("O", "B-PER", "I-PER"))
    features = task.features(tokenizer, examples, training=True)
    # Wolf ##gang . lives
    assert features[0].labels["labels"].tolist() == [-100, begin, -100, inside, o, -100]
    assert features[0].detail.tolist() == [0, 1]


def test_numbers_of_tags_need_names(tokenizer: Any) -> None:
    rows = [row(["a", "b"], [0, 1]), row(["c"], [2])]
    task = TokenClassificationTask(labels=("O", "B-PER", "I-PER")).with_labels_of(rows)
    assert [one.tags for one in task.examples(rows, Problems())] == [("O", "B-PER"), ("I-PER",)]
    problems = Problems()
    unnamed = TokenClassificationTask().with_labels_of(rows)
    assert unnamed.examples(rows, problems) == []
    assert list(problems.found) == [NUMBERS]
    learned_names, _ = learned(row(["a"], ["B-PER"]))
    assert learned_names.examples(rows, Problems()) == []


def test_all_pieces_can_be_labelled_and_go_on_with_i(tokenizer: Any) -> None:
    task, examples = learned(
        row(WORDS, TAGS), row(["wolfgang"] * 2, ["B-PER", "I-PER"]), label_all_tokens=True
    )
    b_per, i_per = task.labels.index("B-PER"), task.labels.index("I-PER")
    features = task.features(tokenizer, examples, training=True)
    assert features[0].labels["labels"].tolist()[:4] == [-100, b_per, i_per, 0]
    assert features[1].labels["labels"].tolist() == [-100, b_per, i_per, i_per, i_per, -100]


def test_words_without_tokens_shift_no_label(tokenizer: Any) -> None:
    words = ["\u200b", "Berlin", "\u0000", "the", "\u00ad"]
    tags = ["O", "B-LOC", "O", "O", "B-LOC"]
    task, examples = learned(row(words, tags))
    (feature,) = task.features(tokenizer, examples, training=True)
    assert feature.labels["labels"].tolist() == [-100, 1, 0, -100]
    (answer,) = answered(task, tokenizer, examples, [tags])
    assert answer["tags"] == ["O", "B-LOC", "O", "O", "O"]  # the last cannot be known


def test_a_sentence_without_any_token_is_not_trained_but_scored(tokenizer: Any) -> None:
    task, examples = learned(row(["\u200b"], ["O"]), row(["the"], ["B-A"]))
    assert [f.example for f in task.features(tokenizer, examples, training=True)] == [1]
    said = answered(task, tokenizer, examples, [["O"], ["B-A"]])
    assert said[0] == {"tags": ["O"], "entities": [], "loss": 0.0}


@pytest.mark.parametrize("label_all_tokens", [False, True])
def test_every_word_of_a_long_sentence_is_learned_and_answered_once(
    tokenizer: Any, *, label_all_tokens: bool
) -> None:
    words, tags = WORDS * 9, TAGS * 9
    task, examples = learned(
        row(words, tags), max_length=12, overlap=4, label_all_tokens=label_all_tokens
    )
    features = task.features(tokenizer, examples, training=True)
    assert len(features) > 8
    assert all(len(feature.sequences[0]) <= 12 for feature in features)
    assert sorted(np.concatenate([f.detail for f in features])) == list(range(54))
    trained = [label for f in features for label in f.labels["labels"] if label >= 0]
    assert len(trained) == 54 if not label_all_tokens else len(trained) > 54
    (answer,) = answered(task, tokenizer, examples, [tags])
    assert answer["tags"] == tags


def test_answers_hold_entities_and_the_loss_of_the_truth(tokenizer: Any) -> None:
    task, examples = learned(row(WORDS, TAGS))
    said = [*TAGS[:3], "O", "B-LOC", "O"]
    (answer,) = answered(task, tokenizer, examples, [said])
    assert answer["entities"] == [
        {"type": "PER", "text": "Wolfgang", "first": 0, "last": 0},
        {"type": "LOC", "text": "York", "first": 4, "last": 4},
    ]
    right = np.log(np.exp(2) + 3) - 2  # four labels, the truth leads by two
    wrong = np.log(np.exp(2) + 3)
    expected = (4 * right + 2 * wrong) / 6
    assert task.losses(examples, [answer]) == pytest.approx([expected], abs=1e-6)


def test_scores_count_whole_sentences(tokenizer: Any) -> None:
    task, examples = learned(row(WORDS, TAGS), row(["Berlin"], ["B-LOC"]))
    answers = answered(task, tokenizer, examples, [[*TAGS[:4], "O", "O"], ["B-LOC"]])
    scorer = task.scorer(examples, answers)
    scores = scorer()
    # true: PER, LOC, LOC; found: PER, LOC (too short), LOC
    assert scores["f1"] == scores["strict_f1"] == pytest.approx(2 / 3)
    assert scores["accuracy"] == pytest.approx(6 / 7)
    assert scorer(np.array([1, 1]))["f1"] == 1.0
    tables = task.tables(examples, answers)
    assert tables["scheme"] == "IOB2"
    assert tables["per_type"]["LOC"]["support"] == 2
    assert tables["per_type"]["PER"]["f1"] == 1.0


def test_bare_tags_are_shown_with_their_confusions(tokenizer: Any) -> None:
    task, examples = learned(row(["the", "cat"], ["DET", "NOUN"]))
    answers = answered(task, tokenizer, examples, [["DET", "DET"]])
    assert task.scorer(examples, answers)() == pytest.approx(
        {"accuracy": 0.5, "f1_macro": 1 / 3}  # DET: precision 1/2, recall 1; NOUN: nothing
    )
    assert answers[0]["entities"] == []
    tables = task.tables(examples, answers)
    assert tables["confusions"] == [{"true": "NOUN", "predicted": "DET", "count": 1}]
    assert tables["per_tag"]["DET"]["predicted"] == 2


def test_broken_rows_are_told_by_rule() -> None:
    task = TokenClassificationTask(labels=("O", "B-A"))
    problems = Problems()
    rows = [
        row(["a"], ["O", "O"]),
        row(["a", "b"], ["O"]),
        row([], []),
        row(["a"], ["B-X"]),
        row(["a", 3], ["O", "O"]),
        row("a", "O"),
        row(None, None),
        row([""], ["O"]),
        row(np.array(["a"], dtype=object), np.array(["O"], dtype=object)),
    ]
    assert [example.words for example in task.examples(rows, problems)] == [("a",)]
    assert {rule: len(places) for rule, places in problems.found.items()} == {
        UNEQUAL.format("longer"): 1,
        UNEQUAL.format("shorter"): 1,
        EMPTY: 1,
        FOREIGN.format("O, B-A"): 1,
        NOT_TEXTS: 4,
    }


def test_batches_pad_labels_with_what_no_loss_counts(tokenizer: Any) -> None:
    task, examples = learned(row(WORDS, TAGS), row(["Berlin"], ["B-LOC"]))
    features = task.features(tokenizer, examples, training=True)
    batch = task.batch(tokenizer, features, ())
    assert batch["labels"][1].tolist() == [-100, 1, *[-100] * 7]
    assert batch["attention_mask"].sum(axis=1).tolist() == [9, 3]


def test_an_example_is_shown_in_one_line() -> None:
    _, (example,) = learned(row(WORDS, TAGS))
    text = "Wolfgang/B-PER lives in New/B-LOC York/I-LOC ."
    assert TokenClassificationTask().describe(example) == text


def test_of_losses_the_lowest_is_best() -> None:
    assert higher_is_better(TokenClassificationTask(chosen_metric="f1").metric)
    assert not higher_is_better(TokenClassificationTask(chosen_metric="loss").metric)
