"""Texts with labels and values: what is learned from rows, refused in them, and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from distilbert import DistilBertConfig, DistilBertTokenizerFast
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.sequence_classification.rows import MULTI, Columns
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.tasks.task import higher_is_better

VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join(VOCAB))
    return DistilBertTokenizerFast(str(path))


def rows(labels: Sequence[Any], **more: Sequence[Any]) -> list[Row]:
    columns = {"text": [f"a b {'c ' * i}" for i in range(len(labels))], "label": labels, **more}
    return [
        Row({name: values[i] for name, values in columns.items()}, f"file line {i + 2}")
        for i in range(len(labels))
    ]


def learned(given: Sequence[Any], **options: Any) -> tuple[SequenceClassificationTask, list[Any]]:
    task = SequenceClassificationTask(**options).with_labels_of(rows(given))
    problems = Problems()
    examples = task.examples(rows(given), problems)
    assert not len(problems), problems.report()
    return task, examples


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        (["pos", "neg", "pos"], "single_label_classification", ("neg", "pos")),
        ([10, 9, 1], "single_label_classification", ("1", "9", "10")),
        (["1", "0"], "single_label_classification", ("0", "1")),
        ([True, False], "single_label_classification", ("0", "1")),
        ([["b"], ["a", "b"], []], "multi_label_classification", ("a", "b")),
        ([0.5, 3, 2.25], "regression", ()),
        (["3.800", "0.000"], "regression", ()),
        (["1.0", "0.0"], "single_label_classification", ("0.0", "1.0")),
    ],
)
def test_labels_say_what_kind_of_problem_it_is(
    labels: list[Any], kind: str, names: tuple[str, ...]
) -> None:
    task, examples = learned(labels)
    assert (task.problem_type, task.labels) == (kind, names)
    assert len(examples) == len(labels)


def test_numbers_that_are_none_are_told_instead_of_making_classes_of_the_others() -> None:
    given = rows(["1.5", "nan", "inf", "0.5"])
    task = SequenceClassificationTask().with_labels_of(given)
    assert task.problem_type == "regression"
    rule = "The label of a regression must be a finite number."
    assert told(task, given) == {rule: ["file line 3", "file line 4"]}


def test_the_config_gets_names_numbers_and_kind() -> None:
    task, _ = learned(["b", "a"])
    assert task.config_changes() == {
        "id2label": {0: "a", 1: "b"},
        "label2id": {"a": 0, "b": 1},
        "problem_type": "single_label_classification",
    }
    task, _ = learned([0.5, 1.5])
    assert task.config_changes() == {
        "id2label": {0: "value"},
        "label2id": {"value": 0},
        "problem_type": "regression",
    }


def test_declared_labels_keep_their_order_and_learn_nothing() -> None:
    task = SequenceClassificationTask(labels=("yes", "no")).with_labels_of(rows(["no", "yes"]))
    assert task.labels == ("yes", "no")
    assert [one.truth for one in task.examples(rows(["no", "yes"]), Problems())] == [1, 0]


def test_every_bad_row_is_told_at_once_and_the_good_ones_kept() -> None:
    task, _ = learned(["a", "b"])
    given = rows(["a", "c", None, ["a", "b"], "b"])
    given.append(Row({"text": "  ", "label": "a"}, "file line 7"))
    given.append(Row({"text": 5, "label": "a"}, "file line 8"))
    problems = Problems()
    good = task.examples(given, problems)
    assert [one.place for one in good] == ["file line 2", "file line 6"]
    assert {rule: [place for place, _ in places] for rule, places in problems.found.items()} == {
        "A label must be one of those to learn, or of the model: a, b.": [
            "file line 3",
        ],
        "A row must have a label: a text or a finite number.": ["file line 4"],
        "Labels must be of one kind.": ["file line 5"],
        "A text must not be empty.": ["file line 7"],
        "A text must be text.": ["file line 8"],
    }


def told(task: SequenceClassificationTask, given: Sequence[Row]) -> dict[str, list[str]]:
    problems = Problems()
    task.examples(given, problems)
    return {rule: [place for place, _ in places] for rule, places in problems.found.items()}


@pytest.mark.parametrize(
    ("labels", "kind", "names"),
    [
        (["pos", "neg", "pos", ["pos", "neg"]], "single_label_classification", ("neg", "pos")),
        ([["a"], ["b"], ["a", "b"], "c"], "multi_label_classification", ("a", "b")),
        (["pos", "neg", "pos", 3], "single_label_classification", ("neg", "pos")),
        ([1, 0, 1, "one"], "single_label_classification", ("0", "1")),
    ],
)
def test_few_labels_of_another_kind_do_not_decide_what_the_problem_is(
    labels: list[Any], kind: str, names: tuple[str, ...]
) -> None:
    task = SequenceClassificationTask().with_labels_of(rows(labels))
    assert (task.problem_type, task.labels) == (kind, names)
    assert told(task, rows(labels)) == {"Labels must be of one kind.": ["file line 5"]}


@pytest.mark.parametrize("labels", [["0.5", "1.5", "2", "n/a"], [0.5, 1.5, 2, "n/a"]])
def test_a_word_among_values_is_told_and_makes_no_labels_of_them(labels: list[Any]) -> None:
    task = SequenceClassificationTask().with_labels_of(rows(labels))
    assert (task.problem_type, task.labels) == ("regression", ())
    rule = "The label of a regression must be a finite number."
    assert told(task, rows(labels)) == {rule: ["file line 5"]}


def test_files_may_write_the_same_labels_in_different_ways() -> None:
    task = SequenceClassificationTask().with_labels_of(rows([0, 1]))
    assert told(task, rows(["0", "1"])) == {}


@pytest.mark.parametrize("option", ["text", "text_pair", "label"])
def test_a_column_that_is_not_there_is_told_and_no_other_is_guessed(option: str) -> None:
    wrong = ("wrong",) if option == "label" else "wrong"
    columns = replace(Columns(text="text", label=("label",)), **{option: wrong})
    task = SequenceClassificationTask(columns=columns).with_labels_of(rows(["a", "b"]))
    problems = Problems()
    assert task.examples(rows(["a", "b"]), problems) == []
    (rule,) = problems.of_sources
    assert rule.startswith(f"`{option}` must name a column of the data")


@pytest.mark.parametrize("value", ["x", None, float("nan"), float("inf"), True])
def test_a_value_must_be_a_finite_number(value: Any) -> None:
    task, _ = learned([0.5, 1.5])
    problems = Problems()
    assert task.examples(rows([value]), problems) == []
    assert list(problems.found) == ["The label of a regression must be a finite number."]


def test_pairs_become_two_segments(tokenizer: Any) -> None:
    task = SequenceClassificationTask(columns=Columns(text_pair="other"))
    given = rows(["x", "y"], other=["d", "e f"])
    task = task.with_labels_of(given)
    features = task.features(tokenizer, task.examples(given, Problems()), training=True)
    assert tokenizer.convert_ids_to_tokens(features[1].sequences[0].tolist()) == [
        *("[CLS]", "a", "b", "c", "[SEP]", "e", "f", "[SEP]")
    ]
    assert [feature.labels for feature in features] == [{"labels": 0}, {"labels": 1}]


def test_long_texts_have_windows_that_all_learn_or_only_their_beginning(
    tokenizer: Any,
) -> None:
    task, examples = learned(["x"] * 9, max_length=6, overlap=1)
    features = task.features(tokenizer, examples, training=True)
    counts = np.bincount([feature.example for feature in features])
    assert counts.tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    cut, examples = learned(["x"] * 9, max_length=6, long_texts="cut")
    assert len(cut.features(tokenizer, examples, training=True)) == 9


def test_windows_are_combined_weighed_by_what_each_alone_shows(
    tokenizer: Any,
) -> None:
    task, examples = learned(["x", "y"] * 4, max_length=6, overlap=1)
    features = task.features(tokenizer, examples, training=False)
    kept = [np.array([float(i), 0.0], dtype=np.float32) for i in range(len(features))]
    answers = task.answers(examples, features, kept)
    own = [i for i, feature in enumerate(features) if feature.example == 7]
    weights = [features[i].detail for i in own]
    logit = np.average([float(i) for i in own], weights=weights)
    expected = 1 / (1 + np.exp(-logit))
    assert answers[7]["probabilities"][0] == pytest.approx(expected)


def test_batches_hold_the_labels_each_kind_needs(tokenizer: Any) -> None:
    for labels, shape, dtype in (
        (["x", "y"], (2,), np.int64),
        ([["x"], ["x", "y"]], (2, 2), np.float32),
        ([0.5, 1.5], (2, 1), np.float32),
    ):
        task, examples = learned(labels)
        features = task.features(tokenizer, examples, training=True)
        batch = task.batch(tokenizer, features, ())
        assert batch["labels"].shape == shape
        assert batch["labels"].dtype == dtype
        assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 5)
        assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]


def test_losses_and_scores_follow_from_the_answers() -> None:
    task, examples = learned(["x", "y", "y"])
    answers = [
        {"label": "x", "probabilities": [0.75, 0.25]},
        {"label": "x", "probabilities": [0.5, 0.5]},
        {"label": "y", "probabilities": [0.25, 0.75]},
    ]
    np.testing.assert_allclose(task.losses(examples, answers), -np.log([0.75, 0.5, 0.75]))
    scorer = task.scorer(examples, answers)
    assert scorer()["accuracy"] == pytest.approx(2 / 3)
    assert scorer(np.array([0, 0, 2]))["accuracy"] == 1.0
    assert task.tables(examples, answers)["confusion"]["counts"] == [[1, 0], [1, 1]]


def test_the_threshold_of_several_labels_is_searched_and_then_used() -> None:
    labels = [["x"], ["x", "y"], ["y"], []]
    task, examples = learned(labels)
    probabilities = [[0.4, 0.1], [0.35, 0.3], [0.2, 0.45], [0.1, 0.2]]
    answers = [{"labels": [], "probabilities": row} for row in probabilities]
    assert task.scorer(examples, answers)()["f1_micro"] == 0.0
    better = task.tuned(examples, answers)
    assert better.thresholds == pytest.approx((0.25, 0.25))
    assert better.scorer(examples, answers)()["f1_micro"] == 1.0
    assert [answer["labels"] for answer in better.decided(answers)] == labels
    assert [answer["labels"] for answer in answers] == [[]] * 4
    assert better.tables(examples, answers)["thresholds"] == pytest.approx({"x": 0.25, "y": 0.25})


def test_values_are_scored_by_correlation_and_error() -> None:
    task, examples = learned([0.5, 1.5, 2.5])
    answers = [{"value": value} for value in (1.0, 2.0, 3.0)]
    scores = task.scorer(examples, answers)()
    assert scores["pearson_spearman"] == pytest.approx(1.0)
    assert scores["rmse"] == pytest.approx(0.5)
    np.testing.assert_allclose(task.losses(examples, answers), 0.25)
    assert task.metric == "pearson_spearman"
    assert higher_is_better(task.metric)
    assert not any(map(higher_is_better, ("loss", "rmse", "mae")))


def test_rare_labels_count_more() -> None:
    task, examples = learned(["x", "x", "x", "y"])
    weights = task.class_weights(examples)
    assert weights is not None
    np.testing.assert_allclose(weights, [4 / 6, 2.0])
    several = SequenceClassificationTask(problem_type=MULTI).with_labels_of(
        rows([["x"], ["x", "y"], ["x"], ["x"]])
    )
    found = several.class_weights(
        several.examples(rows([["x"], ["x", "y"], ["x"], ["x"]]), Problems())
    )
    assert found is not None
    np.testing.assert_allclose(found, [0.1, 3.0])


def test_an_example_is_shown_with_its_truth() -> None:
    task, examples = learned(["x", "y"])
    assert task.describe(examples[1]) == "a b c   ->  y"


def truths(
    rows_labels: Sequence[Any], **options: Any
) -> tuple[SequenceClassificationTask, list[Any]]:
    task, examples = learned(rows_labels, **options)
    return task, [example.truth for example in examples]


@pytest.mark.parametrize(
    "labels",
    [[[1, 0, 1], [0, 1, 0], [0, 0, 0]], ["[1, 0, 1]", "[0, 1, 0]", "[0, 0, 0]"]],
)
def test_multi_hot_labels_are_several_labels_that_can_be_named(labels: list[Any]) -> None:
    task, found = truths(labels)
    assert task.problem_type == MULTI
    assert task.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert found == [(0, 2), (1,), ()]
    named, found = truths(labels, labels=("c", "b", "a"))
    assert (named.labels, found) == (("c", "b", "a"), [(0, 2), (1,), ()])
    wrong = SequenceClassificationTask(labels=("a", "b")).with_labels_of(rows(labels))
    rule = "A list of 0 and 1 must have an item for each label: there are 2 labels."
    assert told(wrong, rows(labels)) == {rule: [f"file line {i}" for i in (2, 3, 4)]}


def test_one_multi_hot_list_of_another_length_is_reported() -> None:
    given = rows([[1, 0, 1], [0, 1, 0], [0, 1]])
    task = SequenceClassificationTask().with_labels_of(given)
    rule = "A list of 0 and 1 must have an item for each label: there are 3 labels."
    assert told(task, given) == {rule: ["file line 4"]}


def test_lists_of_names_written_as_text_are_several_labels() -> None:
    task, found = truths(["['a', 'b']", "['c']", "[]"])
    assert (task.problem_type, task.labels) == (MULTI, ("a", "b", "c"))
    assert found == [(0, 1), (2,), ()]


def test_a_separator_makes_the_task_one_of_several_labels() -> None:
    columns = Columns(separator=";")
    task, found = truths(["money; politics", "sport", ""], columns=columns)
    assert (task.problem_type, task.labels) == (MULTI, ("money", "politics", "sport"))
    assert found == [(0, 1), (2,), ()]


def test_a_column_per_label_makes_several_labels_in_the_order_of_the_columns() -> None:
    columns = Columns(text="text", label=("toxic", "insult"))
    cells = {"toxic": ["1", "0", "1"], "insult": ["0", "0", "1"]}
    given = rows(["", "", ""], **cells)
    task = SequenceClassificationTask(columns=columns).with_labels_of(given)
    assert (task.problem_type, task.labels) == (MULTI, ("toxic", "insult"))
    assert [one.truth for one in task.examples(given, Problems())] == [(0,), (), (0, 1)]
    bad = rows([""], toxic=["1"], insult=["yes"])
    assert told(task, bad) == {"Each of several label columns must hold 0 or 1.": ["file line 2"]}
    single = replace(task, problem_type="single_label_classification")
    assert [one.truth for one in single.examples(given, Problems())] == [0]


def test_labels_that_differ_in_white_space_are_one() -> None:
    task, found = truths(["up", "up ", " down"])
    assert (task.labels, found) == (("down", "up"), [1, 1, 0])


def test_missing_values_are_reported_unless_they_are_said_to_be_texts() -> None:
    given = rows(["a", "b", "NA"])
    given[1] = Row({"text": "nan", "label": "b"}, "file line 3")
    task = SequenceClassificationTask().with_labels_of(given)
    assert task.labels == ("a", "b")
    names = "(nan, NaN, NA, <NA>, unless `missing` names others)."
    assert told(task, given) == {
        f"A text must not be a missing value {names}": ["file line 3"],
        f"A label must not be a missing value {names}": ["file line 4"],
    }
    task = SequenceClassificationTask(columns=Columns(missing=("",))).with_labels_of(given)
    assert (task.labels, told(task, given)) == (("NA", "a", "b"), {})


@pytest.mark.parametrize("values", [[0, 1], ["0", "1"], ["0.0", "1.0"], [0.0, 1.0]])
def test_rows_may_have_the_numbers_of_labels_that_are_given(values: list[Any]) -> None:
    task, found = truths(values, labels=("bad", "good"))
    assert (task.labels, found) == (("bad", "good"), [0, 1])


def test_numbers_are_no_labels_where_names_were_learned() -> None:
    task, _ = learned(["down", "up"])
    rule = "A label must be one of those to learn, or of the model: down, up."
    assert told(task, rows(["0", "1"])) == {rule: ["file line 2", "file line 3"]}


def config(*names: str, **options: Any) -> DistilBertConfig:
    return DistilBertConfig(id2label=dict(enumerate(names)), **options)


def test_a_config_without_a_problem_type_has_one_label_per_text() -> None:
    task = SequenceClassificationTask().with_config(config("NEGATIVE", "POSITIVE"))
    assert task.problem_type == "single_label_classification"
    for written in (["NEGATIVE", "POSITIVE"], ["negative", "positive"], [0, 1], ["0", "1"]):
        examples = task.examples(rows(written), Problems())
        assert [one.truth for one in examples] == [0, 1]
    assert SequenceClassificationTask().with_config(config("x")).problem_type == "regression"


def test_rows_may_have_the_names_of_the_card_where_the_config_has_others() -> None:
    for names in (("LABEL_0", "LABEL_1"), ("no", "yes")):
        task = SequenceClassificationTask(labels=("bad", "good")).with_config(config(*names))
        assert task.labels == names
        assert [one.truth for one in task.examples(rows(["good", "bad"]), Problems())] == [1, 0]
        assert [one.truth for one in task.examples(rows([names[1], "0"]), Problems())] == [1, 0]
    # The same names in another order are those of the config.
    other = SequenceClassificationTask(labels=("good", "bad")).with_config(config("BAD", "GOOD"))
    assert [one.truth for one in other.examples(rows(["good", "bad"]), Problems())] == [1, 0]


def test_the_value_of_a_regression_has_the_name_of_its_column() -> None:
    columns = Columns(text="text", label=("stars",))
    given = rows(["", ""], stars=[0.5, 1.5])
    task = SequenceClassificationTask(columns=columns).with_labels_of(given)
    assert task.config_changes()["id2label"] == {0: "stars"}
