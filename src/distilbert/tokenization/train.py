"""Trains a new WordPiece vocabulary on text and saves it as a tokenizer folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from tokenizers import normalizers

from distilbert.errors import InputError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.learning import LETTER_LIMIT, learn_vocabulary

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
BERT_VOCAB_SIZE = 30522


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
    if missing := [token for token in SPECIAL_TOKENS if token not in special_tokens]:
        raise InputError(
            f"`special_tokens` must hold {', '.join(SPECIAL_TOKENS)}: "
            f"{', '.join(missing)} are missing. Add them."
        )
    vocabulary = learn_vocabulary(
        normalizers.BertNormalizer(
            lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=chinese_chars
        ),
        files=files,
        texts=texts,
        vocab_size=vocab_size,
        special_tokens=special_tokens,
        min_frequency=min_frequency,
        limit_alphabet=limit_alphabet,
        show_progress=show_progress,
    )
    tokenizer = DistilBertTokenizerFast(
        vocabulary,
        do_lower_case=lowercase,
        strip_accents=strip_accents,
        tokenize_chinese_chars=chinese_chars,
        additional_special_tokens=[t for t in special_tokens if t not in SPECIAL_TOKENS],
        model_max_length=model_max_length,
    )
    tokenizer.save_pretrained(folder)
    return tokenizer
