"""Models scored and compared, from folders and in hand, of every task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilbert import (
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
)
from distilbert.errors import DataError, InputError, RunCardError
from distilbert.finetuning.evaluate import evaluate
from distilbert.finetuning.finetune import finetune
from distilbert.opening import as_runner
from distilbert.tasks.masked_lm.pseudo_perplexity import pseudo_perplexity

WORDS = ("good film", "bad film")
QUICK: dict[str, Any] = {"framework": "torch", "device": "cpu", "bootstrap": 20}
TASKS = {
    "sentiment": ("text-classification", "jsonl"),
    "several": ("text-classification", "jsonl"),
    "rating": ("text-classification", "jsonl"),
    "names": ("token-classification", "conll"),
    "texts": ("masked-lm", "jsonl"),
    "questions": ("question-answering", "json"),
    "endings": ("multiple-choice", "jsonl"),
}


def trained(name: str, encoder: Path, data: Path, output: Path, **changes: Any) -> Path:
    task, suffix = TASKS[name]
    given = {
        "task": task,
        "model": str(encoder),
        "train": str(data / f"{name}.train.{suffix}"),
        "dev": str(data / f"{name}.dev.{suffix}"),
        "output": str(output),
        "epochs": 2,
        "learning_rate": 2e-3,
        "max_length": 32,
        "tensorboard": False,
        "report": False,
        **QUICK,
        **changes,
    }
    if name == "questions":
        given["overlap"] = 8
    return finetune(**given).output


@pytest.fixture(scope="module")
def sentiment(encoder: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "out"
    return trained("sentiment", encoder, data, output, epochs=8, batch_size=16)


# Options that are not the defaults, and change windows, answers or what is masked.
OPTIONS: dict[str, dict[str, Any]] = {
    "sentiment": {"max_length": 6, "long_texts": "cut"},
    "names": {"label_all_tokens": True},
    "texts": {"mask_probability": 0.4, "whole_words": False, "join_texts": True},
    "questions": {"max_question_length": 1, "max_answer_length": 1, "n_best": 2},
}


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in TASKS), *OPTIONS.items()])
def test_a_result_folder_scores_as_its_run_did(
    name: str, options: dict[str, Any], encoder: Path, data: Path, tmp_path: Path
) -> None:
    folder = trained(name, encoder, data, tmp_path / "out", **options)
    found = evaluate(str(folder), str(data / f"{name}.dev.{TASKS[name][1]}"), **QUICK)
    report = json.loads((folder / "report.json").read_text())["splits"]["dev"]
    assert found.task == TASKS[name][0]
    assert found.scores == pytest.approx(report["scores"])
    assert found.intervals[found.metric] == pytest.approx(report["intervals"][found.metric])
    assert len(found.answers) == found.n_examples == report["n"]


def test_options_that_are_given_stand_above_those_of_the_run(sentiment: Path, data: Path) -> None:
    rows = str(data / "sentiment.dev.jsonl")
    as_run = evaluate(str(sentiment), rows, **QUICK).scores["loss"]
    cut = evaluate(str(sentiment), rows, max_length=4, long_texts="cut", **QUICK).scores["loss"]
    assert evaluate(str(sentiment), rows, max_length=32, **QUICK).scores["loss"] == as_run
    assert cut != pytest.approx(as_run, rel=1e-3)


def test_columns_of_the_run_are_remembered_and_can_be_replaced(
    encoder: Path, data: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in (data / "sentiment.dev.jsonl").open()]
    for name, columns in (("train", ("said", "mood")), ("other", ("words", "mood"))):
        lines = [dict(zip(columns, (row["text"], row["label"]), strict=True)) for row in rows]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{name}.jsonl").write_text(text)
    files = {split: str(tmp_path / "train.jsonl") for split in ("train", "dev")}
    options = {**files, "text": "said", "label": "mood", "max_steps": 1}
    folder = trained("sentiment", encoder, data, tmp_path / "out", **options)
    scores = evaluate(str(folder), str(tmp_path / "train.jsonl"), **QUICK).scores
    again = evaluate(str(folder), str(tmp_path / "other.jsonl"), text="words", **QUICK).scores
    assert again == scores
    with pytest.raises(DataError, match="which has: words, mood"):
        evaluate(str(folder), str(tmp_path / "other.jsonl"), **QUICK)


def test_a_model_in_hand_scores_as_its_folder(sentiment: Path, data: Path) -> None:
    rows = str(data / "sentiment.dev.jsonl")
    model = DistilBertForSequenceClassification.from_pretrained(sentiment)
    found = evaluate(
        model, rows, tokenizer=AutoTokenizer.from_pretrained(sentiment), bootstrap=20, max_length=32
    )
    assert found.scores == pytest.approx(evaluate(str(sentiment), rows, **QUICK).scores)
    with pytest.raises(InputError, match="`tokenizer` must be given"):
        evaluate(model, rows)


def test_answers_and_a_report_are_written_to_a_new_folder(
    sentiment: Path, data: Path, tmp_path: Path
) -> None:
    rows = str(data / "sentiment.dev.jsonl")
    found = evaluate(str(sentiment), rows, output=tmp_path / "scores", **QUICK)
    answers = [
        json.loads(line)
        for line in (tmp_path / "scores" / "answers.jsonl").read_text().splitlines()
    ]
    assert [{name: line[name] for name in found.answers[0]} for line in answers] == found.answers
    first = json.loads((data / "sentiment.dev.jsonl").open().readline())
    assert (answers[0]["text"], answers[0]["true_label"]) == (first["text"], first["label"])
    assert answers[0]["row"] == f"{rows} line 1"
    report = json.loads((tmp_path / "scores" / "report.json").read_text())
    assert report["splits"]["test"]["scores"] == found.scores
    assert (tmp_path / "scores" / "report.html").is_file()
    with pytest.raises(InputError, match="Replace an evaluation with `overwrite`"):
        evaluate(str(sentiment), rows, output=tmp_path / "scores", **QUICK)
    again = {"output": tmp_path / "scores", "overwrite": True, "report": False, "max_dev_rows": 4}
    assert evaluate(str(sentiment), rows, **again, **QUICK).n_examples == 4
    assert len((tmp_path / "scores" / "answers.jsonl").read_text().splitlines()) == 4
    assert not (tmp_path / "scores" / "report.html").exists()
    with pytest.raises(InputError, match="must not contain what is read"):
        evaluate(str(sentiment), rows, **{**again, "output": sentiment}, **QUICK)
    (tmp_path / "scores" / "plots").mkdir()
    (tmp_path / "scores" / "plots" / "mine.svg").touch()
    with pytest.raises(InputError, match=r"the folder of an evaluation: .* plots/mine\.svg"):
        evaluate(str(sentiment), rows, **again, **QUICK)


def test_two_models_are_compared_on_the_same_examples(
    sentiment: Path, encoder: Path, data: Path, tmp_path: Path
) -> None:
    rows = str(data / "sentiment.dev.jsonl")
    worse = trained("sentiment", encoder, data, tmp_path / "out", max_steps=1)
    found = evaluate(str(worse), rows, against=str(sentiment), **QUICK)
    assert found.comparison is not None
    difference = found.comparison["differences"]["accuracy"]
    expected = found.comparison["scores_against"]["accuracy"] - found.scores["accuracy"]
    assert difference["difference"] == pytest.approx(expected)
    assert difference["difference"] > 0
    low, high = difference["interval"]
    assert low <= difference["difference"] <= high
    same = evaluate(str(sentiment), rows, compare=str(sentiment), **QUICK).comparison
    assert same is not None
    assert same["differences"]["accuracy"]["difference"] == 0


def test_models_of_other_labels_are_not_compared(
    sentiment: Path, encoder: Path, data: Path, tmp_path: Path
) -> None:
    other = trained("rating", encoder, data, tmp_path / "out", max_steps=1)
    with pytest.raises(InputError, match="must have the same head and labels"):
        evaluate(str(sentiment), str(data / "sentiment.dev.jsonl"), against=str(other), **QUICK)


def test_a_model_without_a_task_needs_to_be_told(encoder: Path, data: Path) -> None:
    rows = str(data / "sentiment.dev.jsonl")
    with pytest.raises(InputError, match="`task` must be given, because the config"):
        evaluate(str(encoder), rows, **QUICK)
    with pytest.raises(InputError, match="`task` must be one of"):
        evaluate(str(encoder), rows, task="sentiment", **QUICK)


def test_bad_rows_are_told_or_left_out_and_counted(
    sentiment: Path, data: Path, tmp_path: Path
) -> None:
    rows = (data / "sentiment.dev.jsonl").read_text() + '{"text": "good", "label": "sideways"}\n'
    (tmp_path / "rows.jsonl").write_text(rows)
    with pytest.raises(
        DataError, match="A label must be one of those to learn, or of the model: down, up"
    ):
        evaluate(str(sentiment), str(tmp_path / "rows.jsonl"), **QUICK)
    found = evaluate(str(sentiment), str(tmp_path / "rows.jsonl"), skip_bad_rows=True, **QUICK)
    assert (found.skipped, found.n_examples) == (1, 32)


def test_pseudo_perplexity_is_that_of_the_texts(encoder: Path, data: Path, tmp_path: Path) -> None:
    folder = trained("texts", encoder, data, tmp_path / "out")
    rows = data / "texts.dev.jsonl"
    found = evaluate(str(folder), str(rows), pseudo_perplexity=True, **QUICK)
    texts = [json.loads(line)["text"] for line in rows.read_text().splitlines()]
    model = DistilBertForMaskedLM.from_pretrained(folder)
    expected = pseudo_perplexity(
        as_runner(model), AutoTokenizer.from_pretrained(folder), texts, max_length=32
    )
    assert found.scores["pseudo_perplexity"] == pytest.approx(expected.perplexity, rel=1e-5)


def test_pseudo_perplexity_needs_a_masked_lm(sentiment: Path, data: Path) -> None:
    rows = str(data / "sentiment.dev.jsonl")
    with pytest.raises(InputError, match="is for masked-lm: got text-classification"):
        evaluate(str(sentiment), rows, pseudo_perplexity=True, **QUICK)


def test_a_classifier_without_a_problem_type_has_one_label_per_text(
    encoder: Path, tmp_path: Path
) -> None:
    config = DistilBertConfig.from_pretrained(encoder)
    DistilBertForSequenceClassification(config).save_pretrained(tmp_path / "plain")
    AutoTokenizer.from_pretrained(encoder).save_pretrained(tmp_path / "plain")
    expected = None
    for labels, options in (
        (("LABEL_1", "LABEL_0"), {}),
        ((1, 0), {}),
        (("good", "bad"), {"labels": ["bad", "good"]}),
        ((1, 0), {"glue": "sst2"}),
        (("positive", "negative"), {"glue": "sst2"}),
    ):
        name = "sentence" if options.get("glue") else "text"
        rows = [{name: word, "label": label} for word, label in zip(WORDS, labels, strict=True)]
        found = evaluate(tmp_path / "plain", rows, **QUICK, **options)
        expected = expected or found.scores
        assert found.scores == expected
    assert set(found.scores) == {"loss", "accuracy", "f1_macro", "matthews", "f1"}
    with pytest.raises(
        RunCardError, match=r"`labels` must name the labels of the model .* 2: got 1"
    ):
        evaluate(tmp_path / "plain", rows, labels=["x"], **QUICK)
