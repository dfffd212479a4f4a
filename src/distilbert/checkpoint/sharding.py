"""The four weight formats: file names, keywords, and how weights are split into shards.

An index comes from an untrusted source: it may only name files in its own folder. Knows no codec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distilbert.checkpoint.foreign_names import is_plain_name
from distilbert.errors import CheckpointError, InputError
from distilbert.json_files import read_json

MAX_INDEX_BYTES = 16 * 1024 * 1024

_UNIT_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The file names of one format, and the keyword of `from_pretrained` that asks for it."""

    stem: str
    suffix: str
    keyword: str

    def single(self, variant: str | None = None) -> str:
        """`model.safetensors`, with a variant `model.fp16.safetensors`."""
        return f"{self.stem}{_dotted(variant)}{self.suffix}"

    def index(self, variant: str | None = None) -> str:
        """`model.safetensors.index.json`, with a variant `model.safetensors.index.fp16.json`."""
        return f"{self.stem}{self.suffix}.index{_dotted(variant)}.json"

    def shard(self, number: int, n_shards: int, variant: str | None = None) -> str:
        """`model-00001-of-00003.safetensors`; `number` counts from 1."""
        return f"{self.stem}{_dotted(variant)}-{number:05d}-of-{n_shards:05d}{self.suffix}"

    def patterns(self) -> tuple[str, str]:
        """Patterns of the names of all files of this format: of any variant, and shards."""
        return f"{self.stem}*{self.suffix}", f"{self.stem}{self.suffix}.index*.json"

    def present(self, folder: Path, variant: str | None = None) -> list[str]:
        """Names of all files of this format and variant in the folder: single, index, shards."""
        stem, suffix = re.escape(self.stem + _dotted(variant)), re.escape(self.suffix)
        shard = re.compile(rf"{stem}-\d{{5}}-of-\d{{5}}{suffix}")
        fixed = {self.single(variant), self.index(variant)}
        names = (path.name for path in folder.iterdir() if not path.is_dir())
        return sorted(name for name in names if name in fixed or shard.fullmatch(name))


def _dotted(variant: str | None) -> str:
    if variant and not is_plain_name(variant):
        raise InputError(f"`variant` must be part of a file name, as `fp16` is: got {variant!r}.")
    return f".{variant}" if variant else ""


WEIGHT_FILES = {
    "safetensors": WeightFiles("model", ".safetensors", "use_safetensors=True"),
    "bin": WeightFiles("pytorch_model", ".bin", "from_pt=True, or use_safetensors=False"),
    "h5": WeightFiles("tf_model", ".h5", "from_tf=True"),
    "msgpack": WeightFiles("flax_model", ".msgpack", "from_flax=True"),
}


def parse_size(size: int | str) -> int:
    """Bytes of a size such as "5GB" (10^9), "8KiB" (2^10) or an integer.

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
    """The index's map from tensor names to files, each a `suffix` file in the index's folder.

    Raises:
        CheckpointError: the index is not JSON of the right form, or names a file in another
            folder or of another format.
    """
    weight_map = read_json(path, max_bytes=MAX_INDEX_BYTES).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(
            f"An index file must hold a `weight_map` from tensor names to files: {path} does not."
        )
    for name, file in weight_map.items():
        if not is_plain_name(file) or not file.endswith(suffix):
            raise CheckpointError(
                f"An index file may only name {suffix} files in its own folder: "
                f"{path} maps `{name}` to {file!r}."
            )
    return weight_map


def shard_paths(folder: Path, weight_map: Mapping[str, str]) -> list[Path]:
    """The files that an index names, which must all exist.

    Raises:
        CheckpointError: files are missing.
    """
    paths = [folder / file for file in sorted(set(weight_map.values()))]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise CheckpointError(
            f"A sharded checkpoint must be complete: {folder} lacks {', '.join(missing)}."
        )
    return paths
