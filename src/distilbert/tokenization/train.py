"""Trains a new WordPiece vocabulary on text and saves it as a tokenizer folder.

The counting of words happens here, the merging of pieces in the `tokenizers` library.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from distilbert.errors import CheckpointError, InputError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.normalize import PUNCTUATION
from distilbert.tokenization.wordpiece import CONTINUATION

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
BERT_VOCAB_SIZE = 30522
LETTER_LIMIT = 1000  # the default of `tokenizers`
COPIES = 1000  # of one chunk that form one text for the trainer


def train_wordpiece(
    folder: str | os.PathLike[str],
    *,
    files: Iterable[str | os.PathLike[str]] = (),
    texts: Iterable[str] = (),
    vocab_size: int = BERT_VOCAB_SIZE,
    min_frequency: int = 2,
    lowercase: bool = True,
    strip_accents: bool | None = None,
    chinese_chars: bool = True,
    special_tokens: Sequence[str] = SPECIAL_TOKENS,
    limit_alphabet: int = LETTER_LIMIT,
    model_max_length: int = 512,
    show_progress: bool = False,
) -> DistilBertTokenizerFast:
    """Learn at most `vocab_size` pieces, save them to `folder`, and return the new tokenizer.

    The same text always results in the same ids: letters are numbered in code point order, while
    the library alone numbers them at random. Text is read once, and only its distinct words are
    kept in memory.

    Args:
        files: UTF-8 text files.
        texts: texts of any length, from a list or an iterator; read after `files`.
        min_frequency: how often two pieces must meet to become one.
        special_tokens: get the first ids; they must hold the five names of BERT.
        limit_alphabet: how many letters are kept, the most frequent first.

    Raises:
        InputError: a special token is missing, there is no text, or `vocab_size` is too small for
            the special tokens and the letters.
        CheckpointError: a file cannot be read or is not UTF-8.
    """
    normalizer = normalizers.BertNormalizer(
        lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=chinese_chars
    )
    chunks = _count_chunks(normalizer, files=files, texts=texts)
    letters, others = _letters(chunks, limit_alphabet)
    fixed = [*special_tokens, *letters, *(CONTINUATION + letter for letter in others)]
    _check(vocab_size, special_tokens, n_letters=len(letters), n_fixed=len(fixed))
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
    tokenizer = DistilBertTokenizerFast(
        _merge(chunks, trainer),
        do_lower_case=lowercase,
        strip_accents=strip_accents,
        tokenize_chinese_chars=chinese_chars,
        additional_special_tokens=[t for t in special_tokens if t not in SPECIAL_TOKENS],
        model_max_length=model_max_length,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def _check(vocab_size: int, special_tokens: Sequence[str], *, n_letters: int, n_fixed: int) -> None:
    missing = [token for token in SPECIAL_TOKENS if token not in special_tokens]
    if missing:
        raise InputError(
            f"`special_tokens` must hold {', '.join(SPECIAL_TOKENS)}: "
            f"{', '.join(missing)} are missing. Add them."
        )
    if n_letters == 0 or vocab_size < n_fixed:
        raise InputError(
            "`vocab_size` must hold the special tokens and every letter of a text that is not "
            f"empty: got vocab_size={vocab_size} and {n_letters} letters, which need "
            f"{n_fixed} ids. Pass more text, raise `vocab_size` or lower `limit_alphabet`."
        )


def _merge(chunks: Counter[str], trainer: trainers.WordPieceTrainer) -> dict[str, int]:
    """The vocabulary that the library learns from the counted chunks."""
    learner = Tokenizer(models.WordPiece(vocab={}, unk_token=SPECIAL_TOKENS[1]))
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
        counts.update(normalizer.normalize_str(text).split())
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
