"""Windows learn where the answer stands, and give it back with its raw score."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert import DistilBertTokenizerFast
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.squad import read_squad
from distilbert.tasks.question_answering.metrics import normalize
from distilbert.tasks.question_answering.train import (
    Question,
    QuestionAnsweringTask,
)
from distilbert.tasks.task import Feature, Task, higher_is_better

# pieces: the cat sat in berlin . wolf ##gang lives in paris .
CONTEXT = "The cat sat in Berlin. Wolfgang lives in Paris."


def question(text: str | None, *, name: str = "q", context: str = CONTEXT) -> Question:
    answers = () if text is None else ((text, context.index(text)),)
    return Question(name, "Where?", context, answers, "x")


def logits(
    feature: Feature, starts: dict[int, float], ends: dict[int, float], *, null: float = 0.0
) -> dict[str, np.ndarray]:
    """Numbers at tokens of the context, `null` / 2 at [CLS] twice, and loud nonsense elsewhere."""
    window = feature.detail.window
    outputs = {}
    for name, values in (("start_logits", starts), ("end_logits", ends)):
        row = np.full(len(feature.sequences[0]) + 2, 50.0, dtype=np.float32)
        row[window.at : window.at + window.stop - window.start] = 0.0
        row[0] = null / 2
        for token, value in values.items():
            if window.start <= token < window.stop:
                row[token - window.start + window.at] = value
        outputs[name] = row
    return outputs


def answered(
    task: QuestionAnsweringTask, tokenizer: Any, examples: list[Question], *outputs: Any
) -> list[dict[str, Any]]:
    features = task.features(tokenizer, examples, training=False)
    kept = [
        task.reduce(f, logits(f, *outputs[f.example][:2], null=outputs[f.example][2]))
        for f in features
    ]
    return task.answers(examples, features, kept)


def test_it_keeps_the_protocol() -> None:
    task: Task = QuestionAnsweringTask()
    assert (task.head, task.metric, task.config_changes()) == ("question_answering", "f1", {})
    assert QuestionAnsweringTask(chosen_metric="exact").metric == "exact"


@pytest.mark.parametrize(
    ("answer", "span"),
    [
        ("Berlin", (8, 8)),  # [CLS] where ? [SEP] the ...
        ("Wolfgang", (10, 11)),
        ("gang", (11, 11)),
        ("erlin", (8, 8)),  # a token that the answer begins in counts whole
        ("Berlin. Wolf", (8, 10)),
        (None, (0, 0)),
    ],
)
def test_labels_are_positions_of_the_answer(
    tokenizer: Any, answer: str | None, span: tuple[int, int]
) -> None:
    task = QuestionAnsweringTask()
    (feature,) = task.features(tokenizer, [question(answer)], training=True)
    assert (feature.labels["start_positions"], feature.labels["end_positions"]) == span
    batch = task.batch(tokenizer, [feature, feature], ())
    assert batch["start_positions"].tolist() == [span[0]] * 2
    (feature,) = task.features(tokenizer, [question(answer)], training=False)
    assert feature.labels == {}


def test_windows_without_the_whole_answer_say_none(tokenizer: Any) -> None:
    task = QuestionAnsweringTask(max_length=10, overlap=2)  # five tokens of context each
    features = task.features(tokenizer, [question("Wolfgang lives")], training=True)
    spans = [(f.detail.window.start, f.labels["start_positions"]) for f in features]
    # tokens 6 to 8; the windows begin at 0, 3, 6, 9
    assert spans == [(0, 0), (3, 0), (6, 4), (9, 0)]
    assert features[2].labels["end_positions"] == 6


def test_the_best_stretch_is_the_answer_with_its_raw_score(tokenizer: Any) -> None:
    task = QuestionAnsweringTask(unanswerable=False)
    outputs = ({4: 6.0, 10: 5.0}, {4: 2.0, 10: 5.5}, 30.0)
    (answer,) = answered(task, tokenizer, [question("Paris")], outputs)
    assert answer["text"] == CONTEXT[answer["start"] : answer["end"]]
    # 4 to 10 wins: 6 + 5.5; then Paris alone: 5 + 5.5; then Berlin alone: 6 + 2
    texts = [found["text"] for found in answer["n_best"][:3]]
    assert texts == ["Berlin. Wolfgang lives in Paris", "Paris", "Berlin"]
    scores = [found["score"] for found in answer["n_best"][:3]]
    assert scores == pytest.approx([11.5, 10.5, 8.0], abs=1e-5)
    assert answer["null_score"] == pytest.approx(30.0)
    assert (answer["id"], answer["score"]) == ("q", pytest.approx(11.5, abs=1e-5))


def test_answers_have_a_longest_length_and_a_number(tokenizer: Any) -> None:
    task = QuestionAnsweringTask(unanswerable=False, max_answer_length=3, n_best=2)
    outputs = ({4: 6.0, 10: 5.0}, {4: 2.0, 10: 5.5}, 0.0)
    (answer,) = answered(task, tokenizer, [question("Paris")], outputs)
    assert [found["text"] for found in answer["n_best"]] == ["Paris", "Berlin"]


def test_no_answer_is_given_above_the_threshold_only(tokenizer: Any) -> None:
    outputs = ({10: 5.0}, {10: 5.0}, 12.0)
    for threshold, text in ((None, ""), (1.9, ""), (2.1, "Paris")):
        task = QuestionAnsweringTask(unanswerable=True, null_threshold=threshold)
        (answer,) = answered(task, tokenizer, [question("Paris")], outputs)
        assert answer["text"] == task.text_of(answer) == text
        assert answer["n_best"][0]["text"] == "Paris"
        assert (answer["end"] - answer["start"]) == len(text)


def test_windows_are_compared_by_raw_scores_and_the_most_doubting_null(tokenizer: Any) -> None:
    task = QuestionAnsweringTask(unanswerable=True, max_length=10, overlap=2)
    examples = [question("Paris")]
    features = task.features(tokenizer, examples, training=False)
    kept = [
        task.reduce(f, logits(f, {4: 3.0, 10: 4.0}, {4: 3.0, 10: 4.0}, null=null))
        for f, null in zip(features, (9.0, 8.5, 7.0, 8.2), strict=True)
    ]
    (answer,) = task.answers(examples, features, kept)
    assert (answer["text"], answer["null_score"]) == ("Paris", pytest.approx(7.0))
    assert answer["score"] == pytest.approx(8.0, abs=1e-5)


def test_extreme_logits_have_finite_scores(tokenizer: Any) -> None:
    task = QuestionAnsweringTask(unanswerable=False)
    outputs = (dict.fromkeys(range(1, 12), -10000.0) | {0: 1e4}, {0: 1e4}, 0.0)
    (answer,) = answered(task, tokenizer, [question("The")], outputs)
    assert answer["score"] == pytest.approx(2e4)
    assert np.isfinite([found["score"] for found in answer["n_best"]]).all()


def test_a_context_without_tokens_has_the_empty_answer(tokenizer: Any) -> None:
    task = QuestionAnsweringTask(unanswerable=False)
    example = Question("q", "Where?", "\u200b", (), "x")
    (answer,) = answered(task, tokenizer, [example], ({}, {}, 3.0))
    assert (answer["text"], answer["n_best"], answer["score"]) == ("", [], 3.0)


def test_losses_are_those_of_training(tokenizer: Any) -> None:
    task = QuestionAnsweringTask()
    examples = [question("Paris")]
    (feature,) = task.features(tokenizer, examples, training=False)
    length = len(feature.sequences[0])
    outputs = {name: np.zeros(length + 3) for name in ("start_logits", "end_logits")}
    answers = task.answers(examples, [feature], [task.reduce(feature, outputs)])
    assert task.losses(examples, answers) == pytest.approx([np.log(length)])


def test_the_threshold_is_learned_on_dev_and_counts_for_stored_answers(tokenizer: Any) -> None:
    examples = [question("Paris"), question(None, name="r"), question("Berlin", name="s")]
    task = QuestionAnsweringTask(unanswerable=True)
    answers = answered(
        task,
        tokenizer,
        examples,
        ({10: 5.0}, {10: 5.0}, 12.0),  # right, but refused at threshold 0
        ({10: 1.0}, {10: 1.0}, 9.0),
        ({4: 5.0}, {4: 5.0}, 1.0),
    )
    before = task.scorer(examples, answers)()
    assert before["f1"] == pytest.approx(200 / 3)
    assert (before["HasAns_f1"], before["NoAns_f1"]) == (50.0, 100.0)
    tuned = task.tuned(examples, answers)
    assert tuned.null_threshold == pytest.approx(2.0, abs=1e-5)
    scorer = tuned.scorer(examples, answers)
    assert scorer()["f1"] == 100.0
    assert scorer(np.array([0, 0])) == {"exact": 100.0, "f1": 100.0}
    assert [tuned.text_of(answer) for answer in answers] == ["Paris", "", "Berlin"]
    assert [answer["text"] for answer in answers] == ["", "", "Berlin"]
    assert [answer["text"] for answer in tuned.decided(answers)] == ["Paris", "", "Berlin"]
    assert task.tables(examples, answers)["best_exact"] == 100.0
    assert tuned.tuned(examples, answers) is tuned


def test_the_search_counts_any_text_wrong_where_there_is_no_answer(tokenizer: Any) -> None:
    """The official script does, though "." scores as the empty answer it is normalized to."""
    examples = [question(None)]
    task = QuestionAnsweringTask(unanswerable=True)
    answers = answered(task, tokenizer, examples, ({5: 9.0}, {5: 9.0}, 0.0))
    assert answers[0]["text"] == "."
    assert task.scorer(examples, answers)()["NoAns_f1"] == 100.0
    tables = task.tables(examples, answers)
    assert tables["best_f1"] == 100.0
    assert tables["best_f1_threshold"] < -18.0  # by refusing


def test_data_say_whether_there_may_be_no_answer() -> None:
    rows = [
        Row({"id": "a", "question": "q", "context": "A b", "answers": answers}, "x")
        for answers in ([{"text": "A", "answer_start": 0}], [])
    ]
    task = QuestionAnsweringTask()
    assert not task.with_labels_of(rows[:1]).may_refuse
    assert task.with_labels_of(rows[1:]).may_refuse
    assert QuestionAnsweringTask(null_threshold=1.0).may_refuse
    settled = QuestionAnsweringTask(unanswerable=False)
    assert settled.with_labels_of(rows[1:]) is settled
    assert settled.tuned([], []) is settled
    problems = Problems()
    assert len(task.examples(rows[:1], problems)) == 1


def test_version_1_scores_have_no_kinds(tokenizer: Any) -> None:
    task = QuestionAnsweringTask(unanswerable=False)
    examples = [question("in Paris")]
    answers = answered(task, tokenizer, examples, ({10: 5.0}, {10: 5.0}, 0.0))
    scores = task.scorer(examples, answers)()
    assert scores == {"exact": 0.0, "f1": pytest.approx(200 / 3)}
    assert task.tables(examples, answers) == {}


def test_windows_of_real_questions_hold_their_answers(shared: Path, tmp_path: Path) -> None:
    vocab = (shared / "data" / "vocab" / "bert-base-uncased-vocab.txt").read_bytes()
    (tmp_path / "vocab.txt").write_bytes(vocab)
    tokenizer: Any = DistilBertTokenizerFast.from_pretrained(tmp_path)
    with gzip.open(shared / "data/xquad/xquad.en.dev.json.gz", "rt", encoding="utf-8") as stream:
        rows = list(read_squad(json.load(stream), "x", Problems()))
    task = QuestionAnsweringTask(max_length=200, overlap=64)
    problems = Problems()
    examples = task.examples(rows, problems)
    assert not len(problems)
    learned = set()
    for feature in task.features(tokenizer, examples, training=True):
        start, end = feature.labels["start_positions"], feature.labels["end_positions"]
        if start:
            window, example = feature.detail.window, examples[feature.example]
            offsets = feature.detail.encoded.context.offsets[window.start : window.stop]
            text = example.context[offsets[start - window.at, 0] : offsets[end - window.at, 1]]
            assert normalize(text) == normalize(example.answers[0][0])
            learned.add(feature.example)
    assert learned == set(range(451))


def test_an_example_is_shown_in_one_line() -> None:
    assert (
        QuestionAnsweringTask().describe(question("Paris")).startswith("Where? -> Paris [The cat")
    )
    assert "(no answer)" in QuestionAnsweringTask().describe(question(None))


def test_of_losses_the_lowest_is_best() -> None:
    assert higher_is_better(QuestionAnsweringTask(chosen_metric="f1").metric)
    assert not higher_is_better(QuestionAnsweringTask(chosen_metric="loss").metric)
