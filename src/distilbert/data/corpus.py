"""Builds a corpus from a stream of texts: tokenizes them in batches and stores the sequences.

Knows no tokenizer: it is given a function from texts to ids. Memory does not grow with the number
of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np

from distilbert.data.corpus_files import CorpusWriter, id_type
from distilbert.data.corpus_sequences import SequenceMaker, SequenceRules
from distilbert.data.problems import Problems
from distilbert.data.processes import in_processes, n_processors
from distilbert.errors import DataError

# Texts are tokenized in batches of about this number of characters.
BATCH_CHARACTERS = 1 << 20
# The first batches are tokenized in this process: a few megabytes take less time than the start of
# workers.
FIRST_BATCHES = 4

Tokenize = Callable[[Sequence[str]], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Encoder:
    """Tokenizes a batch of texts; picklable if `tokenize` is.

    `tokenize` returns the ids of each text without special tokens, all below `vocab_size`.
    """

    tokenize: Tokenize
    vocab_size: int

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The ids of all texts (T,) in the type of the shards, and how many each has (N,)."""
        rows = self.tokenize(texts)
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        return np.concatenate(rows).astype(id_type(self.vocab_size)), lengths


def write_corpus(
    folder: Path,
    texts: Iterable[str],
    *,
    encoder: Encoder,
    rules: SequenceRules,
    content_hash: str,
    problems: Problems,
    skip_bad_rows: bool,
    processes: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Write the sequences of `texts` into `folder`; blank texts are counted as empty.

    A fault of the texts, in `problems` by the time that they have all been read, stops tokenizing;
    the rest is only read, so that all faults are reported.

    Args:
        processes: how many processes tokenize; by default one for each processor. A few megabytes
            are tokenized in this process. The result does not depend on it.
        progress: called after each batch of texts with the number of tokens stored so far.

    Raises:
        DataError: there are faults and `skip_bad_rows` is false, or no sequence is left.
        TrainingError: a worker process ended.
    """
    count = _Count(texts, problems, skip_bad_rows)
    maker = SequenceMaker(rules)
    with CorpusWriter(folder, vocab_size=encoder.vocab_size) as writer:
        for ids, lengths in _encoded(batches(count), encoder, processes or n_processors()):
            writer.add(*maker.add(ids, lengths))
            if progress is not None:
                progress(writer.tokens)
        writer.add(*maker.finish())
        bad_rows = problems.raise_or_skip(skip_bad_rows=skip_bad_rows)
        if not writer.shards:
            raise DataError(_nothing_usable(count, maker, problems))
        writer.finish(
            content_hash=content_hash,
            max_length=rules.max_length,
            texts=count.texts,
            empty=count.empty,
            bad_rows=bad_rows,
            short=maker.short,
            unknown_heavy=maker.unknown_heavy,
            divided=maker.divided,
        )


@dataclass
class _Count:
    """Texts that are not blank, counted as they pass; none after the first problem, unless bad rows
    are skipped."""

    source: Iterable[str]
    problems: Problems
    skip_bad_rows: bool
    texts: int = 0
    empty: int = 0

    def __iter__(self) -> Iterator[str]:
        for text in self.source:
            if not text or text.isspace():
                self.empty += 1
            elif self.skip_bad_rows or not len(self.problems):
                self.texts += 1
                yield text


def batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in groups of about `BATCH_CHARACTERS`."""
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text)
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _encoded(
    groups: Iterator[list[str]], encoder: Encoder, processes: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The tokens of each batch in order."""
    yield from map(encoder, islice(groups, FIRST_BATCHES) if processes > 1 else groups)
    for following in groups:  # start workers only if there is one
        yield from in_processes(encoder, chain([following], groups), processes=processes)


def _nothing_usable(count: _Count, maker: SequenceMaker, problems: Problems) -> str:
    """Why no sequence is left."""
    rules = maker.rules
    why = (
        f"A corpus must have at least one sequence: got {count.texts} texts and {count.empty} "
        f"empty rows; {maker.short} sequences have fewer than `min_length`={rules.min_length} "
        f"tokens, and {maker.unknown_heavy} consist of unknown tokens by "
        f"`max_unknown`={rules.max_unknown:g} or more."
    )
    if maker.unknown_heavy:
        return f"{why} Check that the vocabulary fits the language of the texts."
    if maker.short:
        return f"{why} Set `join_texts` to join short texts, or a smaller `min_length`."
    return f"{why}\n{problems.report()}" if len(problems) else why
