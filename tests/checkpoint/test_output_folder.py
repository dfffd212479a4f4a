"""Only a folder with nothing but a result is replaced."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from killing import Killed, killed_after

from distilbert.checkpoint.output_folder import Contents, check_output, empty_output, new_result
from distilbert.errors import CheckpointError, InputError
from distilbert.finetuning.result import RUN
from distilbert.finetuning.tune import SEARCH


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
    for overwrite in (True, False):
        with pytest.raises(InputError, match="`output` must not contain what is read, which would"):
            check_output(result, RUN, overwrite=overwrite, sources=[f"{result}/{source}"])


def test_a_folder_is_the_same_by_any_of_its_names(
    result: Path, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "link").symlink_to(result, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    names = ["out", "./out/", "link", "out/../link", str(result)]
    for output in names:
        for source in names:
            with pytest.raises(InputError, match="must not contain what is read"):
                check_output(Path(output), RUN, overwrite=True, sources=[source])
    # The name of a hub's repository is no path, although it could be one in this folder.
    monkeypatch.chdir(result)
    check_output(Path(), RUN, overwrite=True, sources=["distilbert-base-uncased", None, object()])


def test_a_result_may_be_in_the_folder_that_is_read(result: Path) -> None:
    check_output(result / "plots" / "new", RUN, overwrite=False, sources=[result])


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


def test_a_folder_that_only_has_files_of_a_result_is_not_deleted_whole(tmp_path: Path) -> None:
    evaluation = Contents("evaluation", mark="r.json", others=("plots/*.png", "part*.bin"))
    names = ("r.json", "part1.bin", "plots/a.png", "plots/notes.txt", "plots/b/c.png", "part/a.bin")
    names += ("part2.bin/mine.txt",)
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    foreign = ["plots/notes.txt", "plots/b/c.png", "part/a.bin", "part2.bin/mine.txt"]
    assert evaluation.foreign(names) == foreign
    with pytest.raises(
        InputError, match=r"contains part/a\.bin, part2.*, plots/b/c\.png, plots/notes"
    ):
        check_output(tmp_path, evaluation, overwrite=True)
    empty_output(tmp_path, evaluation)
    assert {*foreign} <= {*files_in(tmp_path)} <= {*foreign, "plots/a.png", "r.json"}
    with new_result(tmp_path, evaluation) as staging:
        (staging / "r.json").write_text("new")
    assert {*files_in(tmp_path)} == {*foreign, "r.json"}


EXPORT = Contents("export", mark="e.json", others=("onnx/model.onnx", "config.json", "plots"))


def files_in(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A result that was written at once."""
    with new_result(tmp_path / "made", EXPORT) as staging:
        for name in ("onnx/model.onnx", "plots/a/b.png", "config.json", "e.json"):
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_text("old")
    return tmp_path / "made"


@pytest.mark.parametrize(
    "name", ["onnx/mine.onnx", "onnx/model.onnx.bak", "mine/a.txt", "e.json/.."]
)
def test_files_in_folders_of_a_result_are_checked_too(export: Path, name: str) -> None:
    check_output(export, EXPORT, overwrite=True)
    if name == "e.json/..":
        (export / "e.json").rename(export / "plots" / "e.json")
    else:
        (export / name).parent.mkdir(exist_ok=True)
        (export / name).write_text("mine")
    with pytest.raises(InputError, match="replaces only the folder of an export"):
        check_output(export, EXPORT, overwrite=True)


def test_a_new_result_takes_the_place_of_all_that_the_old_one_had(export: Path) -> None:
    (export / ".new.0123abcd.tmp").mkdir()  # of a process that was killed
    with new_result(export, EXPORT) as staging:
        (staging / "e.json").write_text("new")
        (staging / "config.json").write_text("new")
        assert files_in(export)["onnx/model.onnx"] == "old"
        (export / "notes.txt").write_text("added meanwhile")
    assert files_in(export) == {
        "e.json": "new",
        "config.json": "new",
        "notes.txt": "added meanwhile",
    }
    assert sorted(path.name for path in export.iterdir()) == ["config.json", "e.json", "notes.txt"]


def test_an_error_leaves_the_old_result(export: Path) -> None:
    before, writing = files_in(export), new_result(export, EXPORT)
    (writing.__enter__() / "e.json").write_text("new")
    assert not writing.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert files_in(export) == before


def test_a_killed_process_leaves_a_result_that_can_be_replaced(export: Path) -> None:
    """Nothing changes before the new one is complete, and its mark comes last."""
    for n_calls in count():
        before = files_in(export)["e.json"]
        with suppress(Killed), killed_after(n_calls) as calls, new_result(export, EXPORT) as new:
            (new / "e.json").write_text(f"new {n_calls}")
            (new / "config.json").write_text(f"new {n_calls}")
            assert files_in(export)["config.json"] == files_in(export)["e.json"] == before
        check_output(export, EXPORT, overwrite=True)
        found = files_in(export)
        assert found["e.json"] in (before, found["config.json"])
        (export / "config.json").write_text(found["e.json"])
        if len(calls) <= n_calls:
            break
    assert {*files_in(export)} == {"e.json", "config.json"}
    assert n_calls > 10


def test_what_a_killed_process_left_in_an_empty_folder_is_no_content(tmp_path: Path) -> None:
    (tmp_path / ".new.0123abcd.tmp" / "onnx").mkdir(parents=True)
    check_output(tmp_path, EXPORT, overwrite=False)
    (tmp_path / ".notes.tmp").write_text("mine")
    with pytest.raises(InputError, match="Replace an export with `overwrite`"):
        check_output(tmp_path, EXPORT, overwrite=False)
