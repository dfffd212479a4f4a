"""The files of a corpus: sequences of token ids in shards that are mapped into memory.

A corpus is a folder: `tokens-00000.bin` and further shards of the ids, one sequence after the
other; `lengths.bin` and `starts.bin` with the length of each sequence and its start counted from
the first token of all; `counts.bin` with the frequency of each id; `corpus.json`, which describes
the other files. No sequence is in two shards. Knows no texts.
"""

from __future__ import annotations

import contextlib
import json
import operator
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import IO, Any, SupportsIndex

import numpy as np

from distilbert.checkpoint.atomic import NO_SPACE, atomic_folder, remove_folder, remove_leftovers
from distilbert.errors import CheckpointError, InputError, TrainingError
from distilbert.json_files import read_json

INFO, LENGTHS, STARTS, COUNTS, LOCK = (
    "corpus.json",
    "lengths.bin",
    "starts.bin",
    "counts.bin",
    "corpus.lock",
)
LENGTH_TYPE, START_TYPE, COUNT_TYPE = np.dtype("<u2"), np.dtype("<i8"), np.dtype("<i8")
# Vocabularies of fewer ids fit into two bytes per id, others need four.
N_SHORT_IDS = 1 << 16
# A new shard begins once one has this many tokens, 256 MB in two bytes each.
SHARD_TOKENS = 1 << 27
# Characters of the content hash in the name of the folder.
NAME_LENGTH = 16


@dataclass(frozen=True)
class CorpusInfo:
    """What a corpus contains and what was left out.

    `content_hash` stands for all that decides the content. Of the `texts`, `divided` ones became
    several sequences. `empty` and `bad_rows` were not texts; `short` and `unknown_heavy` sequences
    were dropped. `tokens` counts those of the sequences, special tokens included. `shards` holds
    the number of sequences and of tokens in each.
    """

    content_hash: str
    vocab_size: int
    max_length: int
    sequences: int
    tokens: int
    texts: int
    empty: int
    bad_rows: int
    short: int
    unknown_heavy: int
    divided: int
    shards: tuple[tuple[int, int], ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of ids in the shards."""
        return id_type(self.vocab_size)


class Corpus:
    """A corpus that is mapped into memory; pickled, it is only the name of its folder.

    Raises:
        CheckpointError: the folder holds no complete corpus.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info = _read_info(folder)
        sizes = _sizes(self.info)
        wrong = [name for name, size in sizes.items() if _size(folder / name) != size]
        if wrong:
            raise CheckpointError(
                f"A corpus must be complete: {', '.join(wrong)} in {folder} is missing or has "
                f"another size. Delete the folder and build the corpus again."
            )
        # (Q,) uint16: the tokens of each sequence, the first and last token included
        self.lengths = _mapped(folder / LENGTHS, LENGTH_TYPE)
        # (V,) int64: how often each id occurs
        self.counts = np.fromfile(folder / COUNTS, COUNT_TYPE)
        self._starts = _mapped(folder / STARTS, START_TYPE)
        self._shards = [
            _mapped(folder / shard_name(number), self.info.dtype)
            for number in range(len(self.info.shards))
        ]
        n_sequences = (sequences for sequences, _ in self.info.shards)
        self._first = list(accumulate(n_sequences, initial=0))[:-1]  # sequence of each shard

    def __len__(self) -> int:
        return self.info.sequences

    def __getitem__(self, index: SupportsIndex) -> np.ndarray:
        """The ids of a sequence, int64 (S,), its first and last token included."""
        number = operator.index(index)
        number += len(self) if number < 0 else 0
        if not 0 <= number < len(self):
            raise IndexError(
                f"A sequence must have a number below {len(self)}, the size of the corpus: "
                f"got {index}."
            )
        shard = bisect_right(self._first, number) - 1
        start = int(self._starts[number] - self._starts[self._first[shard]])
        return self._shards[shard][start : start + int(self.lengths[number])].astype(np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        return Corpus, (self.folder,)

    def split(self, held_out: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the sequences to train on and of those held out, int64, increasing.

        The seed and the number of sequences alone decide.

        Args:
            held_out: the number of held-out sequences, an int, or their fraction, a float below 1.

        Raises:
            InputError: no sequence would be held out, or none would be left.
        """
        if len(self) < 2:
            raise InputError(
                f"A corpus must have at least two sequences, one to train on and one to hold out: "
                f"got {len(self)}. Add texts, or set a smaller `max_length`."
            )
        is_share = isinstance(held_out, float)
        count = max(1, round(held_out * len(self))) if is_share else int(held_out)
        if not held_out > 0 or not 0 < count < len(self) or (is_share and held_out >= 1):
            raise InputError(
                f"`held_out` must be a fraction between 0 and 1, or a number of sequences from 1 "
                f"to {len(self) - 1}: got {held_out} of a corpus of {len(self)}."
            )
        rng = np.random.default_rng(seed)
        chosen = np.zeros(len(self), dtype=bool)
        chosen[rng.choice(len(self), count, replace=False, shuffle=False)] = True
        return np.flatnonzero(~chosen), np.flatnonzero(chosen)


class CorpusWriter:
    """Writes the sequences of a corpus into a folder; use it as a context manager."""

    def __init__(self, folder: Path, *, vocab_size: int) -> None:
        self.folder = folder
        self.counts = np.zeros(vocab_size, dtype=COUNT_TYPE)
        self.shards: list[tuple[int, int]] = []  # sequences and tokens
        self.tokens = 0
        self._files = contextlib.ExitStack()
        self._lengths, self._starts = self._open(LENGTHS), self._open(STARTS)

    def __enter__(self) -> CorpusWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def add(self, ids: np.ndarray, lengths: np.ndarray) -> None:
        """Append sequences: the ids of all (M,) and the length of each (W,)."""
        if not len(lengths):
            return
        if not self.shards or self.shards[-1][1] >= SHARD_TOKENS:
            if self.shards:
                self._tokens.close()
            self._tokens = self._open(shard_name(len(self.shards)))
            self.shards.append((0, 0))
        self._tokens.write(ids.astype(id_type(len(self.counts)), copy=False).tobytes())
        starts = self.tokens + np.cumsum(lengths) - lengths
        self._lengths.write(lengths.astype(LENGTH_TYPE).tobytes())
        self._starts.write(starts.astype(START_TYPE).tobytes())
        self.counts += np.bincount(ids, minlength=len(self.counts))
        n_sequences, n_tokens = self.shards[-1]
        self.shards[-1] = (n_sequences + len(lengths), n_tokens + len(ids))
        self.tokens += len(ids)

    def finish(self, **facts: Any) -> None:
        """Write the counts and the description; `facts` are the fields that it does not know."""
        info = CorpusInfo(
            vocab_size=len(self.counts),
            sequences=sum(sequences for sequences, _ in self.shards),
            tokens=self.tokens,
            shards=tuple(self.shards),
            **facts,
        )
        self._open(COUNTS).write(self.counts.tobytes())
        text = json.dumps(asdict(info), indent=1)
        (self.folder / INFO).write_text(text, encoding="utf-8")

    def _open(self, name: str) -> IO[bytes]:
        return self._files.enter_context((self.folder / name).open("wb"))


def open_or_write(folder: Path, content_hash: str, write: Callable[[Path], None]) -> Corpus:
    """The corpus with this hash in `folder`, which may hold several; `write` makes a missing one.

    `write` fills the folder that it is given, which gets its name once it is complete. What a
    killed process left is deleted first. Of several processes that need the same corpus, one writes
    it and the others wait.

    Raises:
        InputError: `folder` cannot be written.
        TrainingError: the disk is full; nothing is left of the corpus.
    """
    from huggingface_hub.utils import WeakFileLock

    target = folder / content_hash[:NAME_LENGTH]
    if (found := _complete(target, content_hash)) is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LOCK).touch()
    except OSError as error:
        raise InputError(
            f"The folder of a corpus must be writable: {folder} is not ({error})."
        ) from None
    with WeakFileLock(folder / LOCK):
        if (found := _complete(target, content_hash)) is not None:
            return found
        remove_leftovers(folder)
        if target.exists():
            remove_folder(target)
        try:
            with atomic_folder(target) as staging:
                write(staging)
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            raise TrainingError(
                f"The disk must hold the tokens of the corpus: {folder} is full, and nothing is "
                f"left of the corpus. Free some space, or choose another folder."
            ) from error
    return Corpus(target)


def id_type(vocab_size: int) -> np.dtype[Any]:
    """The smallest type for the ids of a vocabulary."""
    return np.dtype("<u2" if vocab_size < N_SHORT_IDS else "<u4")


def shard_name(number: int) -> str:
    """The name of a shard's file."""
    return f"tokens-{number:05d}.bin"


def _complete(folder: Path, content_hash: str) -> Corpus | None:
    """The corpus in a folder, if it is complete and has this hash."""
    try:
        found = Corpus(folder)
    except CheckpointError:
        return None
    return found if found.info.content_hash == content_hash else None


def _read_info(folder: Path) -> CorpusInfo:
    values = read_json(folder / INFO)
    if values.keys() != {field.name for field in fields(CorpusInfo)}:
        raise CheckpointError(
            f"`{INFO}` must describe a corpus of this version: {folder} holds another. Delete the "
            f"folder and build the corpus again."
        )
    return CorpusInfo(**{**values, "shards": tuple(map(tuple, values["shards"]))})


def _sizes(info: CorpusInfo) -> dict[str, int]:
    """File -> its size in bytes."""
    shards = enumerate(info.shards)
    return {
        **{shard_name(number): tokens * info.dtype.itemsize for number, (_, tokens) in shards},
        LENGTHS: info.sequences * LENGTH_TYPE.itemsize,
        STARTS: info.sequences * START_TYPE.itemsize,
        COUNTS: info.vocab_size * COUNT_TYPE.itemsize,
    }


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _mapped(path: Path, dtype: np.dtype[Any]) -> np.ndarray:
    # A plain array is faster to slice than np.memmap, and keeps the file mapped.
    return np.asarray(np.memmap(path, dtype, mode="r"))
