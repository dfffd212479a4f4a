"""Rows of one type for every token of some sequences, in shards that are mapped into memory.

A folder contains `rows.json`, which says what the rows are, and the shards of one or several parts.
A shard holds the tokens of whole sequences and gets its name once it is complete, so a killed
process leaves only complete ones and the next continues. Knows no teacher and no corpus.
"""

from __future__ import annotations

import contextlib
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.atomic import NO_SPACE, atomic_file, remove_leftovers
from distilbert.errors import CheckpointError, InputError, TrainingError
from distilbert.json_files import read_json

INFO = "rows.json"
# Tokens after which a new shard begins, 25 MB of hidden states of width 384 in two bytes each.
SHARD_ROWS = 1 << 15
# Shards that are mapped at the same time.
MAPPED_SHARDS = 256


@dataclass(frozen=True)
class Part:
    """Sequences whose tokens are stored together: a name, and the tokens of each (F,)."""

    name: str
    lengths: np.ndarray

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each sequence begins, and the end of the last, int64 (F + 1,)."""
        return np.concatenate(([0], np.cumsum(self.lengths, dtype=np.int64)))

    @cached_property
    def shards(self) -> list[tuple[int, int]]:
        """The first sequence of each shard and the one after its last."""
        number = self.starts[:-1] // SHARD_ROWS
        firsts = np.flatnonzero(np.diff(number, prepend=-1)).tolist()
        return list(zip(firsts, [*firsts[1:], len(self.lengths)], strict=True))

    def n_rows(self, shard: int) -> int:
        """The tokens of a shard."""
        first, stop = self.shards[shard]
        return int(self.starts[stop] - self.starts[first])


class TokenRows:
    """The rows of a folder, each of `dtype`; `description` decides their content."""

    def __init__(self, folder: Path, dtype: np.dtype[Any], description: Mapping[str, Any]) -> None:
        """
        Raises:
            CheckpointError: the folder holds other rows.
            InputError: it cannot be written.
        """
        self.folder, self.dtype = folder, dtype
        self._mapped = lru_cache(maxsize=MAPPED_SHARDS)(self._map)
        wanted = json.loads(json.dumps({**description, "dtype": dtype.descr}))
        if not (folder / INFO).exists():
            with _writing(folder):
                folder.mkdir(parents=True, exist_ok=True)
                with _locked(folder / INFO), atomic_file(folder / INFO) as temporary:
                    temporary.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
        _check(folder, wanted)

    def has(self, part: Part, shard: int) -> bool:
        """Whether a shard is there, in its right size."""
        path = self._path(part.name, shard)
        return path.is_file() and path.stat().st_size == part.n_rows(shard) * self.dtype.itemsize

    def missing_bytes(self, parts: Iterable[Part]) -> int:
        """The size of all shards that are not there."""
        rows = (
            part.n_rows(shard)
            for part in parts
            for shard in range(len(part.shards))
            if not self.has(part, shard)
        )
        return sum(rows) * self.dtype.itemsize

    def write(self, part: Part, shard: int, rows: np.ndarray) -> None:
        """Write the rows of a shard (T,).

        Raises:
            InputError: the folder cannot be written.
            TrainingError: the disk is full; nothing is left of the shard.
        """
        path = self._path(part.name, shard)
        with _writing(self.folder), atomic_file(path) as temporary:
            temporary.write_bytes(rows.view(np.uint8).data)

    def locked(self, part: Part, shard: int) -> contextlib.AbstractContextManager[None]:
        """A block that writes a shard, while other processes wait."""
        return _locked(self._path(part.name, shard))

    def read(self, part: Part, sequence: int) -> np.ndarray:
        """The rows of a sequence (S,), not to be changed."""
        shard = bisect_right(part.shards, (sequence, len(part.lengths))) - 1
        start, stop = part.starts[[sequence, sequence + 1]] - part.starts[part.shards[shard][0]]
        return self._mapped(part.name, shard)[start:stop]

    def _map(self, name: str, shard: int) -> np.ndarray:
        # A plain array is faster to slice than np.memmap, and keeps the file mapped.
        return np.asarray(np.memmap(self._path(name, shard), self.dtype, mode="r"))

    def _path(self, name: str, shard: int) -> Path:
        return self.folder / f"{name}-{shard:05d}.bin"


def write_missing(
    stores: Mapping[str, TokenRows],
    parts: Mapping[Any, Part],
    compute: Callable[[Any, int, list[str]], Mapping[str, np.ndarray]],
    *,
    rank: tuple[int, int] = (0, 1),
) -> None:
    """Write what is missing, shard by shard.

    Args:
        stores: the rows to write, by name.
        compute: called with the key of a part, a shard and the names of the stores that lack it;
            returns their rows (T,).
        rank: (number, of how many): processes that do the same at the same time begin at different
            shards. Each shard is computed by one, and all return when everything is there.
    """
    shards = [(key, shard) for key, part in parts.items() for shard in range(len(part.shards))]
    first = rank[0] * len(shards) // rank[1]
    for key, shard in [*shards[first:], *shards[:first]]:
        part = parts[key]
        with contextlib.ExitStack() as locks:
            for name in _lacking(stores, part, shard):
                locks.enter_context(stores[name].locked(part, shard))
            if lacking := _lacking(stores, part, shard):
                rows = compute(key, shard, lacking)
                for name in lacking:
                    stores[name].write(part, shard, rows[name])


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A block that only one process at a time enters for a file, without what killed ones left."""
    from huggingface_hub.utils import WeakFileLock

    lock = path.with_name(f"{path.name}.lock")
    with WeakFileLock(lock):
        remove_leftovers(path.parent, of=path.name)
        yield
        with contextlib.suppress(OSError):  # systems that delete no open files
            lock.unlink()


def _lacking(stores: Mapping[str, TokenRows], part: Part, shard: int) -> list[str]:
    return [name for name, store in stores.items() if not store.has(part, shard)]


def _check(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Raise CheckpointError unless the description of a folder is as wanted."""
    advice = f"Delete the folder {folder}, or choose another one."
    try:
        found = read_json(folder / INFO)
    except CheckpointError as error:
        raise CheckpointError(f"{error} {advice}") from None
    different = sorted(n for n in {*found, *wanted} if found.get(n) != wanted.get(n))
    if different:
        raise CheckpointError(
            f"`{INFO}` must describe what the folder is named after: it differs in "
            f"{', '.join(different)}. {advice}"
        )


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """A block that writes; says which folder is full or cannot be written."""
    try:
        yield
    except CheckpointError as error:
        raise InputError(f"The folder of a cache must be writable: {folder} ({error})") from None
    except OSError as error:
        if error.errno in NO_SPACE:
            raise TrainingError(
                f"The disk must hold what the teacher says of every token: {folder} is full. "
                f"Complete shards are kept. Free some space, or choose another folder."
            ) from error
        raise InputError(f"The folder of a cache must be writable: {folder} ({error}).") from None
