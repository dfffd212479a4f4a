"""Names of weight files, how weights are spread over several, and the index that says where.

An index is input from outside: every file it names must be a plain name beside it. Knows no codec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distilbert.errors import CheckpointError, InputError

MAX_INDEX_BYTES = 16 * 1024 * 1024

_UNIT_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The file names of one format."""

    stem: str
    suffix: str

    def single(self, variant: str | None = None) -> str:
        """`model.safetensors`, with a variant `model.fp16.safetensors`."""
        return f"{self.stem}{_dotted(variant)}{self.suffix}"

    def index(self, variant: str | None = None) -> str:
        """`model.safetensors.index.json`, with a variant `model.safetensors.index.fp16.json`."""
        return f"{self.stem}{self.suffix}.index{_dotted(variant)}.json"

    def shard(self, number: int, n_shards: int, variant: str | None = None) -> str:
        """`model-00001-of-00003.safetensors`; `number` counts from 1."""
        return f"{self.stem}{_dotted(variant)}-{number:05d}-of-{n_shards:05d}{self.suffix}"

    def present(self, folder: Path, variant: str | None = None) -> list[str]:
        """Names of all files of this format and variant in the folder: single, index, shards."""
        stem, suffix = re.escape(self.stem + _dotted(variant)), re.escape(self.suffix)
        shard = re.compile(rf"{stem}-\d{{5}}-of-\d{{5}}{suffix}")
        fixed = {self.single(variant), self.index(variant)}
        names = (path.name for path in folder.iterdir() if not path.is_dir())
        return sorted(name for name in names if name in fixed or shard.fullmatch(name))


def _dotted(variant: str | None) -> str:
    return f".{variant}" if variant else ""


WEIGHT_FILES = {
    "safetensors": WeightFiles("model", ".safetensors"),
    "bin": WeightFiles("pytorch_model", ".bin"),
    "h5": WeightFiles("tf_model", ".h5"),
    "msgpack": WeightFiles("flax_model", ".msgpack"),
}


def parse_size(size: int | str) -> int:
    """Bytes of a size such as "5GB" (10^9), "8KiB" (2^10) or a whole number.

    Raises:
        InputError: the size has another form.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    match = re.fullmatch(r"(\d+)\s*([KMGT]?)(i?)B", str(size).strip(), re.IGNORECASE)
    if match is None or int(match[1]) == 0:
        raise InputError(
            f'`max_shard_size` must be a number of bytes or text such as "5GB" or "200MiB": '
            f"got {size!r}."
        )
    return int(match[1]) * (1024 if match[3] else 1000) ** _UNIT_POWERS[match[2].upper()]


def plan_shards(sizes: Mapping[str, int], limit: int) -> list[list[str]]:
    """Names in their order, a new shard whenever the next tensor would exceed `limit` bytes."""
    shards: list[list[str]] = [[]]
    filled = 0
    for name, size in sizes.items():
        if shards[-1] and filled + size > limit:
            shards.append([])
            filled = 0
        shards[-1].append(name)
        filled += size
    return shards


def index_text(total_size: int, weight_map: Mapping[str, str]) -> str:
    """The index file."""
    index = {"metadata": {"total_size": total_size}, "weight_map": dict(weight_map)}
    return json.dumps(index, indent=2, sort_keys=True) + "\n"


def read_index(path: Path, suffix: str) -> dict[str, str]:
    """The index's map from tensor names to files, which all exist beside it.

    Raises:
        CheckpointError: the index is not JSON of the right form, or names a file that is missing,
            in another folder, or of another format.
    """
    try:
        size = path.stat().st_size
        if size > MAX_INDEX_BYTES:
            raise CheckpointError(
                f"An index file must have at most {MAX_INDEX_BYTES} bytes: {path} has {size}."
            )
        index = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"An index file must be JSON: {path} is not ({error}).") from None
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(
            f"An index file must hold a `weight_map` from tensor names to files: {path} does not."
        )
    files = set()
    for name, file in weight_map.items():
        if not isinstance(file, str) or not _is_plain_name(file) or not file.endswith(suffix):
            raise CheckpointError(
                f"An index file may only name {suffix} files beside it: "
                f"{path} maps `{name}` to {file!r}."
            )
        files.add(file)
    missing = sorted(file for file in files if not (path.parent / file).is_file())
    if missing:
        raise CheckpointError(
            f"A sharded checkpoint must be complete: {path.parent} lacks {', '.join(missing)}."
        )
    return weight_map


def _is_plain_name(file: str) -> bool:
    """Whether the text can only mean a file in the same folder, on every system."""
    return file not in ("", ".", "..") and not re.search(r"[/\\:\x00-\x1f]", file)
