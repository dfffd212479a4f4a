"""What a teacher says of every token of a corpus, computed once and read by any number of runs.

Two kinds of rows are kept in folders of their own, so that runs with other losses share them: last
hidden states, and few words of each distribution. The folders are named after hashes of all that
decides their content. Knows no framework: it is given a function from batches to rows.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.batching import BatchPlan
from distilbert.data.corpus_files import NAME_LENGTH, id_type
from distilbert.data.token_rows import Part, TokenRows, write_missing
from distilbert.digests import digest
from distilbert.distilling.batches import HELD_OUT, MaskedBatches
from distilbert.distilling.card import DistillCard
from distilbert.errors import CheckpointError, TrainingError
from distilbert.training.feed import Batch, generators
from distilbert.training.objective import (
    BEST,
    ENTROPY,
    IDS,
    PROBABILITIES,
    STATES,
    TEACHER,
    KeptWords,
)

# Grows when the same teacher and options give other rows than before.
VERSION = 1
# Padded tokens of a batch of the teacher.
BATCH_TOKENS = 8192
# Distinguishes the draws of words from those of masks.
WORDS = 1

# The kinds of rows.
HIDDEN, KEPT = "states", "words"
# A batch and numbers in [0, 1) for its tokens (T,) to the rows of its tokens, by field.
Compute = Callable[[Batch, np.ndarray], Mapping[str, np.ndarray]]


class TeacherCache:
    """The rows of the tokens of training and held-out sequences, under masks that repeat."""

    def __init__(
        self,
        folder: Path,
        description: Mapping[str, Any],
        batches: Mapping[int, MaskedBatches],
        *,
        seed: int,
        words: KeptWords | None,
        dim: int | None,
        vocab_size: int,
    ) -> None:
        """
        Args:
            folder: may hold several caches.
            description: what decides masks and the teacher's answers to them.
            batches: the sequences and their masks for each epoch until they repeat, and for
                `HELD_OUT`.
            seed: that of the masks.
            words: which words of the distributions to keep, if any.
            dim: the width of the hidden states to keep, if any.

        Raises:
            CheckpointError: a folder holds another cache.
            InputError: it cannot be written.
        """
        self.folder, self.seed, self.words, self.vocab_size = folder, seed, words, vocab_size
        self.batches = batches
        self.parts = {
            epoch: Part("held-out" if epoch == HELD_OUT else f"masks-{epoch:03d}", of.lengths)
            for epoch, of in batches.items()
        }
        self.stores: dict[str, TokenRows] = {}
        description = {"version": VERSION, **description}
        if dim is not None:
            self._open(HIDDEN, HIDDEN, np.dtype([(STATES, "<f2", (dim,))]), description)
        if words is not None:
            about = {"words": words.count, "temperature": words.temperature}
            dtype = _words_type(words, vocab_size)
            self._open(KEPT, words.kind, dtype, {**description, **about})
        self.seconds, self.computed = 0.0, 0

    def _open(
        self, kind: str, name: str, dtype: np.dtype[Any], description: Mapping[str, Any]
    ) -> None:
        key = digest(sorted(description.items()))[:NAME_LENGTH]
        self.stores[kind] = TokenRows(self.folder / f"{name}-{key}", dtype, description)

    @property
    def missing(self) -> set[str]:
        """The kinds of rows of which some are missing."""
        return {k for k, store in self.stores.items() if store.missing_bytes(self.parts.values())}

    @property
    def n_tokens(self) -> int:
        """The tokens of all parts."""
        return sum(int(part.starts[-1]) for part in self.parts.values())

    @property
    def n_bytes(self) -> int:
        """The size of the rows of all parts."""
        return self.n_tokens * sum(store.dtype.itemsize for store in self.stores.values())

    def fill(
        self,
        compute: Compute,
        *,
        rank: tuple[int, int] = (0, 1),
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Compute what is missing, this process its part; returns when everything is there.

        Args:
            rank: see `distilbert.data.token_rows.write_missing`.
            progress: called with the number of tokens that this process has computed.

        Raises:
            InputError: the folder cannot be written.
            TrainingError: the disk cannot hold what is missing, or is full; complete shards are
                kept.
        """
        begin = time.perf_counter()
        self._check_space()

        def rows_of(epoch: int, shard: int, kinds: list[str]) -> dict[str, np.ndarray]:
            return self._rows(counted, epoch, shard, kinds)

        def counted(batch: Batch, places: np.ndarray) -> Mapping[str, np.ndarray]:
            found = compute(batch, places)
            self.computed += len(places)
            if progress is not None:
                progress(self.computed)
            return found

        write_missing(self.stores, self.parts, rows_of, rank=rank)
        self.seconds = time.perf_counter() - begin

    def _check_space(self) -> None:
        """Raise TrainingError if the disk has no space for what is missing."""
        parts = self.parts.values()
        needed = sum(store.missing_bytes(parts) for store in self.stores.values())
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise TrainingError(
                f"The disk must hold what the teacher says of {self.n_tokens:,} tokens: "
                f"{needed / 1e9:,.1f} GB are missing in {self.folder}, and {free / 1e9:,.1f} GB "
                f"are free. Choose another `cache_folder`, or fewer texts, `cache_words` or "
                f"`cache_masks`."
            )

    def _rows(
        self, compute: Compute, epoch: int, shard: int, kinds: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """The rows of a shard, which do not depend on the batches that they are computed in."""
        part, batches = self.parts[epoch], self.batches[epoch]
        first, stop = part.shards[shard]
        lengths = part.lengths[first:stop]
        offsets = part.starts[first:stop] - part.starts[first]
        found = {kind: np.empty(part.n_rows(shard), self.stores[kind].dtype) for kind in kinds}
        for group in BatchPlan.by_length(lengths, BATCH_TOKENS):
            numbers = (first + group).tolist()
            batch = batches.make(numbers, generators(self.seed, epoch, numbers))
            places = [self._places(epoch, number, int(part.lengths[number])) for number in numbers]
            computed = compute(batch, np.concatenate(places))
            pairs = zip(offsets[group].tolist(), lengths[group].tolist(), strict=True)
            rows = np.concatenate([np.arange(start, start + n) for start, n in pairs])
            for array in found.values():
                for field in array.dtype.names or ():
                    array[field][rows] = computed[field]
        return found

    def _places(self, epoch: int, number: int, length: int) -> np.ndarray:
        return np.random.default_rng((self.seed, epoch, number, WORDS)).random(length)

    def attach(self, batch: Batch, numbers: Sequence[int], epoch: int) -> Batch:
        """A batch of some sequences with the rows of its tokens, (B, S, ...), zeros for padding.

        Raises:
            CheckpointError: a row is damaged.
        """
        is_token = batch["attention_mask"].astype(bool)
        part, found = self.parts[epoch], dict(batch)
        for store in self.stores.values():
            rows = [store.read(part, number) for number in numbers]
            flat = np.concatenate(rows) if rows else np.empty(0, store.dtype)
            for field in flat.dtype.names or ():
                values = flat[field]
                is_id = values.dtype.kind == "u"
                if is_id and values.max(initial=0) >= self.vocab_size:
                    raise CheckpointError(
                        f"A cache must hold ids of the vocabulary: {store.folder} is damaged. "
                        f"Delete it, and the next run computes it again."
                    )
                shape = (*is_token.shape, *values.shape[1:])
                padded = np.zeros(shape, np.int64 if is_id else values.dtype)
                padded[is_token] = values
                found[TEACHER + field] = padded
        return found


def cache_of(
    card: DistillCard,
    *,
    train: MaskedBatches,
    dev: MaskedBatches,
    dim: int,
    vocab_size: int,
    teacher: Mapping[str, Any],
) -> TeacherCache | None:
    """The cache that a card describes, which may lack rows; None if it describes none.

    Args:
        train, dev: training and held-out sequences.
        dim, vocab_size: the width of the teacher, and the number of its embeddings.
        teacher: hashes of the teacher, its tokenizer and the corpus.

    Raises:
        CheckpointError, InputError: as `TeacherCache`.
    """
    kind, losses = card.cache.cache_teacher, card.losses
    if kind is None:
        return None
    n_masks = min(card.cache.cache_masks, math.ceil(card.optimization.epochs))
    words = KeptWords(kind, card.cache.cache_words, losses.temperature)
    return TeacherCache(
        Path(cache_folder(card)),
        {
            **teacher,
            "held_out": len(dev.numbers),
            "seed": card.seed,
            **card.masking.model_dump(),
            "mask_probability": train.probability,
            "precision": card.optimization.precision,
        },
        {**dict.fromkeys(range(n_masks), train), HELD_OUT: dev},
        seed=card.seed,
        words=words if losses.kl_weight else None,
        dim=dim if losses.cosine_weight else None,
        vocab_size=vocab_size,
    )


def cache_folder(card: DistillCard) -> str:
    """The folder of caches that a card names, or the one next to its output."""
    folder = card.cache.cache_folder or f"{card.output.rstrip('/')}-teacher"
    return str(Path(folder).expanduser())


def _words_type(words: KeptWords, vocab_size: int) -> np.dtype[Any]:
    """A row of kept words."""
    ids = id_type(vocab_size)
    count = min(words.count, vocab_size) if words.kind == "top" else words.count
    kept: list[Any] = [(IDS, ids, (count,))]
    if words.kind == "top":
        kept.append((PROBABILITIES, "<f2", (count,)))
    return np.dtype([*kept, (ENTROPY, "<f4"), (BEST, ids)])
