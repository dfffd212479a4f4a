"""The corpus of token sequences of any text, for training on it without labels.

Built once and opened again as long as sources, options and tokenizer stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from distilbert.data.contents import contents_of, states_of
from distilbert.data.corpus import Encoder, write_corpus
from distilbert.data.corpus_files import Corpus, open_or_write
from distilbert.data.corpus_sequences import N_SPECIAL, SequenceRules
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.sources import ReadOptions, iter_rows
from distilbert.digests import digest
from distilbert.errors import DataError, InputError
from distilbert.tasks.columns import MISSING, ROWS_SEEN, is_text, text_column
from distilbert.tasks.masked_lm.train import NOT_A_TEXT
from distilbert.tasks.windows import template_ids
from distilbert.tokenization.identity import tokenizer_digest

# Grows when the same sources and options make another corpus than before.
VERSION = 1
# The longest sequence whose length fits into the index.
LONGEST = (1 << 16) - 1


@dataclass(frozen=True)
class CorpusOptions:
    """How texts become sequences; the defaults are those of the original distillation.

    Args:
        max_length: longest sequence in tokens, `[CLS]` and `[SEP]` included. Longer texts become
            several sequences that together contain each token once.
        min_length: shorter sequences are dropped.
        max_unknown: sequences of which this fraction or more is `[UNK]` are dropped.
        join_texts: texts follow each other without a break and fill the sequences; by default
            a sequence begins with each text.
        text: column of the texts; by default the usual names.
        missing: texts in columns that stand for a missing value and are counted as empty.
        skip_bad_rows: leave out rows that break a rule, instead of raising an error.

    Raises:
        InputError: a value breaks a rule.
    """

    max_length: int = 512
    min_length: int = 12
    max_unknown: float = 0.5
    join_texts: bool = False
    text: str | None = None
    missing: tuple[str, ...] = MISSING
    skip_bad_rows: bool = False

    def __post_init__(self) -> None:
        if not N_SPECIAL < self.max_length <= LONGEST:
            raise InputError(
                f"`max_length` must be from {N_SPECIAL + 1} to {LONGEST}: got {self.max_length}."
            )
        if not N_SPECIAL < self.min_length <= self.max_length:
            raise InputError(
                f"`min_length` must be from {N_SPECIAL + 1} to `max_length`: got "
                f"min_length={self.min_length}, max_length={self.max_length}."
            )
        if not 0 < self.max_unknown <= 1:
            raise InputError(
                f"`max_unknown` must be above 0 and at most 1: got {self.max_unknown}."
            )


def open_or_build_corpus(
    sources: str | Sequence[str],
    tokenizer: Any,
    *,
    folder: str | Path,
    data: ReadOptions,
    options: CorpusOptions | None = None,
    rows: Sequence[Row] | None = None,
    processes: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Corpus:
    """The corpus of files, patterns, folders or data sets of the hub.

    It is a folder in `folder`, named after a hash of what the sources contain, of the options and
    of the tokenizer, and built if it does not exist. Sources are read as a stream.

    Args:
        tokenizer: one of the tokenizer classes of this package.
        rows: rows passed in Python, which are read instead of the sources.
        data: how sources are read, as for fine-tuning.
        processes: how many processes tokenize; by default one for each processor. The corpus does
            not depend on it.
        progress: called now and then with the number of tokens stored so far.

    Raises:
        DataError: a source does not exist or cannot be read, rows break rules, a file changes
            while it is read, or no sequence is left.
        InputError: the tokenizer has no `[CLS]` or `[SEP]`, or `folder` cannot be written.
        TrainingError: the disk is full, or a process that tokenizes ended.
    """
    names = [sources] if isinstance(sources, str) else list(sources)
    if not names:
        raise DataError("A corpus needs at least one file or data set of the hub: got none.")
    options = options or CorpusOptions()
    rules = _rules(tokenizer, options)
    before = states_of(names) if rows is None else []
    content_hash = _content_hash(names, rows, tokenizer, data, options)

    def write(staging: Path) -> None:
        problems = Problems()
        texts = texts_of(names, data, options, problems)
        write_corpus(
            staging,
            texts if rows is None else _texts(iter(rows), options, problems),
            encoder=Encoder(tokenizer.token_ids, len(tokenizer)),
            rules=rules,
            content_hash=content_hash,
            problems=problems,
            skip_bad_rows=options.skip_bad_rows,
            processes=processes,
            progress=progress,
        )
        changed = {name for name, *_ in set(before) ^ set(states_of(names if before else []))}
        if changed:
            raise DataError(
                f"Files must not change while a corpus is built from them: {min(changed)} did. "
                f"Build it again."
            )

    return open_or_write(Path(folder).expanduser(), content_hash, write)


def texts_of(
    sources: Sequence[str], data: ReadOptions, options: CorpusOptions, problems: Problems
) -> Iterator[str]:
    """The texts of sources, one row at a time; an empty one for each row without a text.

    The column is chosen for each source, so that they may name it differently.
    """
    for source in sources:
        rows = iter_rows(source, data=data, problems=problems, keep_blank=True)
        yield from _texts(rows, options, problems)


def _texts(rows: Iterator[Row], options: CorpusOptions, problems: Problems) -> Iterator[str]:
    head = list(islice(rows, ROWS_SEEN))
    name = text_column(head, options.text, problems)
    if name is None:
        return
    for row in chain(head, rows):
        text = row.values.get(name)
        if is_text(text, () if row.is_text else options.missing):
            yield text
        elif text is None or isinstance(text, str):
            yield ""
        else:
            problems.add(NOT_A_TEXT, row.place, text)


def _rules(tokenizer: Any, options: CorpusOptions) -> SequenceRules:
    cls, sep = template_ids(tokenizer)
    return SequenceRules(
        first_id=int(cls[0]),
        last_id=int(sep[0]),
        unknown_id=tokenizer.unk_token_id,
        max_length=options.max_length,
        min_length=options.min_length,
        max_unknown=options.max_unknown,
        join_texts=options.join_texts,
    )


def _content_hash(
    sources: Sequence[str],
    rows: Sequence[Row] | None,
    tokenizer: Any,
    data: ReadOptions,
    options: CorpusOptions,
) -> str:
    """A hash of all that decides which sequences a corpus has."""
    reading = (data.data_format, data.encoding, data.column_names, data.glue, data.tokens)
    facts = (VERSION, asdict(options), reading, data.tags, tokenizer_digest(tokenizer))
    of_rows = ((row.is_text, row.values) for row in rows or ())
    return digest([*facts, *(contents_of(sources, data) if rows is None else of_rows)])
