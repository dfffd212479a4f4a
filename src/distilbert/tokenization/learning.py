"""Learns the pieces of a WordPiece vocabulary from text.

The counting of words happens here, the merging of pieces in the `tokenizers` library. Knows no
tokenizer class.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from distilbert.errors import CheckpointError, InputError
from distilbert.surrogates import without_surrogates
from distilbert.tokenization.normalize import PUNCTUATION
from distilbert.tokenization.special_tokens import UNKNOWN
from distilbert.tokenization.wordpiece import CONTINUATION

LETTER_LIMIT = 1000  # the default of `tokenizers`
COPIES = 1000  # of one chunk that form one text for the trainer


def learn_vocabulary(
    normalizer: normalizers.Normalizer,
    *,
    files: Iterable[str | os.PathLike[str]] = (),
    texts: Iterable[str] = (),
    vocab_size: int,
    special_tokens: Sequence[str],
    min_frequency: int = 2,
    limit_alphabet: int = LETTER_LIMIT,
    show_progress: bool = False,
) -> dict[str, int]:
    """At most `vocab_size` pieces and their ids: special tokens, then letters, then others.

    The same text always results in the same ids: letters are numbered in code point order, while
    the library alone numbers them at random. Text is read once, and only its distinct words are
    kept in memory. The arguments are those of `train_wordpiece`.

    Raises:
        InputError: there is no text, or `vocab_size` is too small for the special tokens and the
            letters.
        CheckpointError: a file cannot be read or is not UTF-8.
    """
    chunks = _count_chunks(normalizer, files=files, texts=texts)
    letters, others = _letters(chunks, limit_alphabet)
    fixed = [*special_tokens, *letters, *(CONTINUATION + letter for letter in others)]
    if not letters or vocab_size < len(fixed):
        raise InputError(
            "`vocab_size` must hold the special tokens and every letter of a text that is not "
            f"empty: got vocab_size={vocab_size} and {len(letters)} letters, which need "
            f"{len(fixed)} ids. Pass more text, raise `vocab_size` or lower `limit_alphabet`."
        )
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        # Listing the letters here fixes the order of their ids; the result does not treat them as
        # special tokens.
        special_tokens=fixed,
        initial_alphabet=letters,
        limit_alphabet=len(letters),
        show_progress=show_progress,
    )
    return _merge(chunks, trainer)


def _merge(chunks: Counter[str], trainer: trainers.WordPieceTrainer) -> dict[str, int]:
    """The vocabulary that the library learns from the counted chunks."""
    learner = Tokenizer(models.WordPiece(vocab={}, unk_token=UNKNOWN))
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    learner.train_from_iterator(_repeated(chunks), trainer)
    return learner.get_vocab()


def _count_chunks(
    normalizer: normalizers.Normalizer,
    *,
    files: Iterable[str | os.PathLike[str]],
    texts: Iterable[str],
) -> Counter[str]:
    """How often each chunk of normalized text between two spaces occurs."""
    counts: Counter[str] = Counter()
    for path in files:
        try:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    counts.update(normalizer.normalize_str(line).split())
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(
                f"A training text must be a readable UTF-8 file: got `{path}` ({error}). "
                "Convert it to UTF-8 or leave it out."
            ) from error
    for text in texts:
        if not isinstance(text, str):
            raise InputError(f"A training text must be a string: got {type(text).__name__}.")
        counts.update(normalizer.normalize_str(without_surrogates(text)).split())
    return counts


def _letters(chunks: Counter[str], limit: int) -> tuple[list[str], list[str]]:
    """The `limit` most frequent characters, and those of them that continue a word, sorted."""
    counts: Counter[str] = Counter()
    continuing: set[str] = set()
    for chunk, times in chunks.items():
        for char in chunk:
            counts[char] += times
        continuing.update(
            char
            for before, char in pairwise(chunk)
            if not (PUNCTUATION[before] or PUNCTUATION[char])
        )
    ranked = sorted(counts, key=lambda char: (-counts[char], char))
    kept = sorted(ranked[:limit])
    return kept, [char for char in kept if char in continuing]


def _repeated(chunks: Counter[str]) -> Iterator[str]:
    """Texts in which each chunk occurs as often as it was counted."""
    for chunk in sorted(chunks):
        full, rest = divmod(chunks[chunk], COPIES)
        for times in [*[COPIES] * full, rest]:
            yield " ".join([chunk] * times)
