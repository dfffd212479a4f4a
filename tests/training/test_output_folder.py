"""Only a folder with nothing but a result is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.errors import CheckpointError, InputError
from distilbert.finetuning.result import RUN
from distilbert.finetuning.tune import SEARCH
from distilbert.training.output_folder import check_output, empty_output, sources_in
from distilbert.training.run_card import DataSection, RunCard, TeacherSection


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A folder with the names that a run gives its files."""
    output = tmp_path / "out"
    for name in ("checkpoints/step-00000001", "plots", "tensorboard", ".old.0123abcd.tmp"):
        (output / name).mkdir(parents=True)
    names = ["card.toml", "config.json", "model.safetensors", "vocab.txt", "task.json"]
    names += ["model-00001-of-00002.safetensors", "model.safetensors.index.json", "README.md"]
    for name in (*names, "answers.dev.jsonl", "report.json", "report.html", "log.jsonl"):
        (output / name).write_text(name)
    return output


def test_a_new_or_empty_folder_needs_no_permission(tmp_path: Path) -> None:
    check_output(tmp_path / "new", RUN, overwrite=False)
    check_output(tmp_path, RUN, overwrite=False)
    check_output(tmp_path, RUN, overwrite=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="must be a folder that can be written"):
        check_output(tmp_path / "file" / "new", RUN, overwrite=False)


def test_a_result_is_replaced_only_on_request(result: Path) -> None:
    with pytest.raises(InputError, match="replace it with `overwrite`, or choose another folder"):
        check_output(result, RUN, overwrite=False)
    check_output(result, RUN, overwrite=True)
    with pytest.raises(InputError, match="is a file"):
        check_output(result / "config.json", RUN, overwrite=True)


def test_a_folder_with_anything_else_is_never_replaced(result: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"only the folder of a search: .* contains README\.md"):
        check_output(result, SEARCH, overwrite=True)
    (result / "notes.txt").write_text("mine")
    with pytest.raises(
        InputError, match=r"only the folder of a run: .* contains notes\.txt\. Choose"
    ):
        check_output(result, RUN, overwrite=True)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"only the folder of a run: .* has no card\.toml"):
        check_output(tmp_path / "model", RUN, overwrite=True)


@pytest.mark.parametrize("source", [".", "config.json", "answers.*.jsonl", "../out/card.toml"])
def test_a_folder_that_is_read_is_not_replaced(result: Path, source: str) -> None:
    check_output(result, RUN, overwrite=True, sources=["owner/name", str(result.parent), "a.csv"])
    with pytest.raises(InputError, match="must not delete what is read"):
        check_output(result, RUN, overwrite=True, sources=[f"{result}/{source}"])


def test_a_result_without_its_files_can_still_be_replaced(result: Path) -> None:
    (result / "vocab.txt").unlink()
    (result / "vocab.txt").symlink_to(result.parent / "kept.txt")
    (result.parent / "kept.txt").write_text("kept")
    (result / "notes.txt").write_text("added while the new run read its rows")
    empty_output(result, RUN)
    assert {path.name for path in result.iterdir()} == {"card.toml", "notes.txt"}
    assert (result.parent / "kept.txt").is_file()
    (result / "notes.txt").unlink()
    check_output(result, RUN, overwrite=True)


def test_models_of_a_search_are_read_too() -> None:
    card = RunCard(
        model="m",
        distillation=TeacherSection(teacher="t"),
        data=DataSection(train=("a", "b"), dev=("c",)),
        search={"model": ["x", "y"], "epochs": [1, 2]},
    )
    assert sources_in(card) == ["m", "t", "x", "y", "a", "b", "c"]
    assert sources_in(RunCard()) == []
