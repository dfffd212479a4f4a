"""Whole runs, from rows to a result folder, of every task; then killed, resumed, refused ones."""

from __future__ import annotations

import errno
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import ends, log_without_times, run_and_kill, started

from distilbert import DistilBertConfig, pipeline
from distilbert.checkpoint.format_safetensors import read
from distilbert.errors import (
    CheckpointError,
    DataError,
    InputError,
    MissingDependencyError,
    RunCardError,
    TrainingError,
)
from distilbert.finetuning.evaluate import evaluate
from distilbert.finetuning.finetune import FineTuneResult, finetune
from distilbert.finetuning.result import RUN
from distilbert.finetuning.tasks import as_trained, task_of
from distilbert.training.card_file import read_card
from distilbert.training.run_folder import is_finished

# Name of the files -> task, options, the score on dev that a run of some seconds must reach.
RUNS: dict[str, tuple[str, str, dict[str, Any], float]] = {
    "sentiment": ("text-classification", "jsonl", {}, 0.95),
    "several": ("text-classification", "jsonl", {"epochs": 14}, 0.9),
    "rating": ("text-classification", "jsonl", {}, 0.8),
    "names": ("token-classification", "conll", {}, 0.95),
    "texts": ("masked-lm", "jsonl", {"learning_rate": 3e-3}, 3.0),
    "questions": ("question-answering", "json", {"epochs": 12, "overlap": 8}, 90.0),
    "endings": ("multiple-choice", "jsonl", {}, 0.95),
}
WORDS_AND_MOODS = [("good", "up"), ("bad", "down"), ("great", "up"), ("poor", "down")]
FAST: dict[str, Any] = {
    "epochs": 8,
    "batch_size": 16,
    "learning_rate": 2e-3,
    "max_length": 32,
    "bootstrap": 20,
    "tensorboard": False,
    "report": False,
    "device": "cpu",
    "framework": "torch",
}


def run(name: str, encoder: Path, data: Path, output: Path, **changes: Any) -> FineTuneResult:
    task, suffix, options, _ = RUNS[name]
    files = {split: str(data / f"{name}.{split}.{suffix}") for split in ("train", "dev")}
    given = {"task": task, "model": str(encoder), "output": str(output), **files}
    return finetune(**{**given, **FAST, **options, **changes})


@pytest.mark.parametrize("name", RUNS)
def test_every_task_learns_and_leaves_a_whole_result(
    name: str, encoder: Path, data: Path, tmp_path: Path
) -> None:
    result = run(name, encoder, data, tmp_path / "out", report=name == "sentiment")
    wanted = RUNS[name][3]
    assert result.best_score is not None
    if result.metric == "loss":
        assert result.best_score < wanted
    else:
        assert result.best_score >= wanted
    there = {path.name for path in result.output.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "vocab.txt"} <= there
    assert {"card.toml", "task.json", "report.json", "README.md", "log.jsonl"} <= there
    assert "answers.dev.jsonl" in there
    assert {"best", "checkpoints"} & there == set()
    assert RUN.foreign(there) == []
    report = json.loads((result.output / "report.json").read_text(encoding="utf-8"))
    assert report["splits"]["dev"]["scores"][result.metric] == result.best_score
    task = as_trained(
        task_of(result.card), result.output, DistilBertConfig.from_pretrained(result.output)
    )
    assert set(result.scores["dev"]) == set(task.score_names)
    low, high = report["splits"]["dev"]["intervals"][result.metric]
    assert low <= result.best_score <= high
    assert read_card(result.output / "card.toml").task == RUNS[name][0]


def test_options_of_the_hub_find_the_model_and_the_teacher(
    encoder: Path, data: Path, tmp_path: Path
) -> None:
    nested = tmp_path / "model" / "inner"
    shutil.copytree(encoder, nested)
    with pytest.raises(CheckpointError, match="`subfolder` must exist"):
        run("sentiment", nested.parent, data, tmp_path / "none", subfolder="outer")
    first = run("sentiment", nested.parent, data, tmp_path / "one" / "inner", subfolder="inner")
    changes = {"teacher": str(first.output.parent), "subfolder": "inner"}
    second = run("sentiment", nested.parent, data, tmp_path / "two", **changes)
    assert second.scores["dev"]["accuracy"] > 0.5


def test_the_result_predicts_what_it_learned(encoder: Path, data: Path, tmp_path: Path) -> None:
    result = run("sentiment", encoder, data, tmp_path / "out")
    classify = pipeline("text-classification", str(result.output))
    labels = [answer["label"] for answer in classify(["good film great day", "bad cold dark road"])]
    assert labels == ["up", "down"]


def test_the_same_card_ends_in_the_same_bits(encoder: Path, data: Path, tmp_path: Path) -> None:
    ends = [
        read(
            run("sentiment", encoder, data, tmp_path / name, epochs=1).output / "model.safetensors"
        )
        for name in ("one", "other")
    ]
    for name, array in ends[0][0].items():
        np.testing.assert_array_equal(array, ends[1][0][name])


@pytest.mark.parametrize("framework", ["tensorflow", "flax"])
def test_other_frameworks_run_the_same_card_and_leave_the_same_files(
    framework: str, encoder: Path, data: Path, tmp_path: Path
) -> None:
    result = run("sentiment", encoder, data, tmp_path / "out", framework=framework, epochs=6)
    assert result.best_score is not None
    assert result.best_score >= 0.9
    files = {path.name for path in result.output.iterdir()}
    assert "model.safetensors" in files
    assert {"tf_model.h5", "flax_model.msgpack"} & files == set()
    classify = pipeline("text-classification", str(result.output), framework="torch")
    assert classify("good film great day")[0]["label"] == "up"
    with pytest.raises(RunCardError, match="lora_rank"):
        run("sentiment", encoder, data, tmp_path / "no", framework=framework, lora_rank=2)


def start(encoder: Path, data: Path, output: Path) -> Any:
    """The process of a run with a checkpoint every five updates; goes on where one was killed."""
    return started(
        finetune,
        task="text-classification",
        model=str(encoder),
        **{split: str(data / f"sentiment.{split}.jsonl") for split in ("train", "dev")},
        output=str(output),
        epochs=6,
        batch_size=4,
        learning_rate=1e-3,
        max_length=32,
        bootstrap=10,
        tensorboard=False,
        report=False,
        device="cpu",
        framework="torch",
        checkpoint_every=5,
        resume=True,
    )


def test_a_run_killed_at_any_moment_ends_bit_identical(
    encoder: Path, data: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    ends(start(encoder, data, whole))
    run_and_kill(cut, lambda: start(encoder, data, cut))
    names = ["model.safetensors", "config.json", "task.json", "answers.dev.jsonl", "vocab.txt"]
    for name in names:
        assert (whole / name).read_bytes() == (cut / name).read_bytes(), name
    assert log_without_times(whole) == log_without_times(cut)


class Stop(Exception):
    """Ends a run from within."""


@pytest.fixture(scope="module")
def interrupted(encoder: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an encoder, rows and a run in `out` that was interrupted after a checkpoint."""
    folder = tmp_path_factory.mktemp("interrupted")
    shutil.copytree(encoder, folder / "encoder")
    shutil.copytree(data, folder / "data")

    def stop(step: int, scores: Any) -> None:
        if any((folder / "out" / "checkpoints").glob("step-*")):
            raise Stop

    with pytest.raises(Stop):
        run_there(folder, on_scores=stop)
    return folder


def run_there(folder: Path, **changes: Any) -> FineTuneResult:
    files = {"encoder": folder / "encoder", "data": folder / "data", "output": folder / "out"}
    return run("sentiment", **files, **{"labels": ("down", "up"), "epochs": 3, **changes})


def swap_in(file: Path, one: str, other: str) -> None:
    text = file.read_text("utf-8").replace(one, "\0").replace(other, one)
    file.write_text(text.replace("\0", other), "utf-8")


def edit_weights(folder: Path) -> None:
    path = folder / "encoder" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def cut(file: Path) -> None:
    file.write_text("".join(file.read_text("utf-8").splitlines(True)[:-1]), "utf-8")


def another_tokenizer(folder: Path) -> None:
    (folder / "vocab.txt").unlink()  # which would have to agree
    swap_in(folder / "tokenizer.json", "film", "road")


CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "the rows of train": (
        lambda at: swap_in(at / "data" / "sentiment.train.jsonl", '"up"', '"down"'),
        {},
    ),
    "the rows of dev": (lambda at: cut(at / "data" / "sentiment.dev.jsonl"), {}),
    "the tokenizer": (lambda at: another_tokenizer(at / "encoder"), {}),
    "the weights of `model`": (edit_weights, {}),
    "the config of `model`": (
        lambda at: swap_in(at / "encoder" / "config.json", '"dropout": 0.1', '"dropout": 0.2'),
        {},
    ),
    "the labels": (lambda at: None, {"labels": ("up", "down")}),
    "learning_rate": (lambda at: None, {"learning_rate": 1e-3}),
    "patience": (lambda at: None, {"patience": 1}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_run_is_not_resumed_with_other_contents(
    interrupted: Path, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(interrupted, folder)
    change, options = CHANGES[name]
    change(folder)
    with pytest.raises(TrainingError, match=f"interrupted run: {name} differ from those that"):
        run_there(folder, resume=True, **options)


def test_a_run_is_resumed_from_other_folders_with_the_same_contents(
    interrupted: Path, tmp_path: Path
) -> None:
    shutil.copytree(interrupted, tmp_path / "copy")
    result = run_there(tmp_path / "copy", resume=True, log_every=3, bootstrap=10)
    assert result.steps == 18


def test_resume_alone_needs_the_folder_of_a_run(tmp_path: Path) -> None:
    for output in ({}, {"output": tmp_path / "none"}):
        with pytest.raises(InputError, match="`resume` needs the `output` of an interrupted run"):
            finetune(resume=True, **output)


def test_a_finished_run_has_nothing_to_resume(encoder: Path, data: Path, tmp_path: Path) -> None:
    run("sentiment", encoder, data, tmp_path / "out", epochs=1)
    with pytest.raises(InputError, match="contains a finished run"):
        run("sentiment", encoder, data, tmp_path / "out", epochs=1, resume=True)


def test_a_folder_with_files_is_not_written_over(encoder: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="`output` must be a new or empty folder"):
        run("sentiment", encoder, data, tmp_path)
    with pytest.raises(InputError, match=r"`output` must be a new or empty folder: .* is a file"):
        run("sentiment", encoder, data, tmp_path / "mine.txt")


def test_a_run_is_replaced_on_request_once_the_new_one_starts(interrupted: Path) -> None:
    output, cards = interrupted.parent / "again" / "out", []
    shutil.copytree(interrupted, output.parent)
    with pytest.raises(InputError, match="either `resume` or `overwrite`"):
        run_there(output.parent, resume=True, overwrite=True)
    with pytest.raises(DataError):
        run_there(output.parent, overwrite=True, train="no-such-file.csv")
    with pytest.raises(InputError, match="must not contain what is read"):
        run_there(output.parent, overwrite=True, dev=str(output / "log.jsonl"))
    assert any((output / "checkpoints").glob("step-*"))

    def stop(step: int, scores: Any) -> None:
        cards.append(read_card(output / "card.toml").seed)
        assert not any((output / "checkpoints").glob("step-*"))
        raise Stop

    with pytest.raises(Stop):
        run_there(output.parent, overwrite=True, seed=7, on_scores=stop)
    assert cards == [7]


@pytest.mark.parametrize("name", ["model", "output"])
def test_what_a_run_cannot_do_without_is_named(name: str) -> None:
    with pytest.raises(RunCardError, match=f"`{name}` must name .*: got none"):
        finetune(**{"model": "some", "output": "out", "train": "rows.csv", **FAST, name: ""})


def test_a_tracker_without_its_package_stops_before_anything_is_written(
    encoder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)  # pyright: ignore
    with pytest.raises(MissingDependencyError, match="trackio"):
        run("sentiment", encoder, data, tmp_path / "out", trackers=("trackio",))
    assert not (tmp_path / "out").exists()


def test_all_bad_rows_are_told_before_training_or_left_out(
    encoder: Path, data: Path, tmp_path: Path
) -> None:
    rows = (data / "sentiment.train.jsonl").read_text().splitlines()
    broken = [*rows, "{not json", '{"text": "", "label": "up"}', '{"text": "good", "label": null}']
    (tmp_path / "train.jsonl").write_text("\n".join(broken))
    options = {"train": str(tmp_path / "train.jsonl"), "epochs": 1}
    with pytest.raises(DataError) as told:
        run("sentiment", encoder, data, tmp_path / "out", **options)
    assert str(told.value).count("1 row fails:") == 3
    assert "line 97" in str(told.value)
    assert not (tmp_path / "out").exists()
    result = run("sentiment", encoder, data, tmp_path / "out", skip_bad_rows=True, **options)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["skipped_rows"] == result.skipped == 3


def test_a_loss_that_is_no_number_ends_the_run(encoder: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="must be finite numbers"):
        run("sentiment", encoder, data, tmp_path / "out", learning_rate=1e30, max_grad_norm=0.0)


def test_a_disk_that_fills_at_the_very_end_leaves_what_to_go_on_from(
    encoder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("distilbert.finetuning.finetune.finish", full)
        with pytest.raises(
            TrainingError, match=r"step-\d+ is kept\. Free some space, then continue with"
        ):
            run("sentiment", encoder, data, tmp_path / "out", epochs=1)
    done = run("sentiment", encoder, data, tmp_path / "out", epochs=1, resume=True)
    assert done.scores["dev"]


def test_texts_longer_than_the_model_are_told_before_training(
    encoder: Path, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "long.csv").write_text(f"text,label\n{'good ' * 70},up\nbad,down\n")
    files = {split: str(tmp_path / "long.csv") for split in ("train", "dev")}
    with pytest.raises(RunCardError, match="at most what the model can read, 64 tokens: got 128"):
        run("sentiment", encoder, data, tmp_path / "out", **files, max_length=128)
    assert not (tmp_path / "out").exists()


def test_without_dev_the_last_weights_are_the_result(
    encoder: Path, data: Path, tmp_path: Path
) -> None:
    result = run("sentiment", encoder, data, tmp_path / "out", dev=None, epochs=1)
    assert (result.best_score, result.scores) == (None, {})
    assert (result.output / "model.safetensors").is_file()


def test_a_test_set_is_scored_once_at_the_end(encoder: Path, data: Path, tmp_path: Path) -> None:
    path = str(data / "sentiment.dev.jsonl")
    result = run("sentiment", encoder, data, tmp_path / "out", test=path)
    assert set(result.scores) == {"dev", "test"}
    assert result.scores["test"] == pytest.approx(result.scores["dev"])


def test_unknown_fields_are_told(encoder: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(RunCardError, match="learning_rat"):
        run("sentiment", encoder, data, tmp_path / "out", learning_rat=1)


def test_rows_from_memory_train_and_are_scored(encoder: Path, tmp_path: Path) -> None:
    rows = [{"text": f"{word} film", "mood": mood} for word, mood in WORDS_AND_MOODS * 8]
    given = {"model": str(encoder), "output": str(tmp_path / "out"), "train": rows, "label": "mood"}
    result = finetune(**{**given, **FAST, "dev_split": 0.25, "epochs": 1})
    score = f"accuracy={result.best_score:.4f} on dev"
    start = f"FineTuneResult(output={str(tmp_path / 'out')!r}, {score}, 2 updates in "
    assert repr(result).startswith(start)
    assert read_card(tmp_path / "out" / "card.toml").data.train == ("memory:list of 32 rows",)
    columns = {"text": [row["text"] for row in rows], "mood": [row["mood"] for row in rows]}
    by_column = evaluate(tmp_path / "out", columns, bootstrap=5)
    by_row = evaluate(tmp_path / "out", iter(rows), bootstrap=5)
    assert by_column.n_examples == by_row.n_examples == 32
    assert by_column.scores == by_row.scores


def test_an_interrupted_run_says_how_to_continue_and_needs_only_its_folder(
    encoder: Path,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[int] = []

    def interrupt(step: int, scores: Any) -> None:
        steps.append(step)
        if len(steps) == 2:
            raise KeyboardInterrupt

    output = tmp_path / "out"
    monkeypatch.chdir(encoder.parent)
    start = Path(encoder.name)
    with pytest.raises(KeyboardInterrupt, match=f"finetune --resume --output {output}$"):
        run("sentiment", start, data, output, on_scores=interrupt, show_progress=True)
    said = capsys.readouterr().err
    assert "Task:    text-classification, one of 2 labels per text: down 48, up 48\n" in said
    assert "(torch); new: classifier, pre_classifier\n" in said
    assert "Steps:   48 updates: 8 epochs in batches of 16; the best on dev is kept\n" in said
    assert "dev after 6 updates:  accuracy " in said
    assert "newly initialized" not in said
    assert read_card(output / "card.toml").optimization.epochs == 8
    monkeypatch.chdir(tmp_path)  # and the checkpoints go to another disk
    (output / "checkpoints").rename("elsewhere")
    (output / "checkpoints").symlink_to(tmp_path / "elsewhere")
    assert finetune(resume=True, output=output).steps == 48
    assert capsys.readouterr().err == ""
    assert is_finished(output)
    assert not list(Path("elsewhere").iterdir())
