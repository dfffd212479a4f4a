"""A smaller vocabulary from a larger one: which tokens stay, and the tokenizer that has only them.

Words whose pieces are cut become shorter pieces, down to single characters.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from distilbert.errors import InputError
from distilbert.tokenization.pretrained import PretrainedTokenizer
from distilbert.tokenization.wordpiece import CONTINUATION

Tokenizer = TypeVar("Tokenizer", bound=PretrainedTokenizer)


def check_size(tokenizer: PretrainedTokenizer, vocab_size: int) -> None:
    """
    Raises:
        InputError: the vocabulary cannot be cut to `vocab_size` tokens.
    """
    n_tokens, n_necessary = len(tokenizer.get_vocab()), len(_necessary(tokenizer))
    if not n_necessary <= vocab_size <= n_tokens:
        raise InputError(
            f"`vocab_size` must lie between {n_necessary}, the special and added tokens, the "
            f"characters and what cannot be written without it, and {n_tokens}, the size of the "
            f"vocabulary: got {vocab_size}."
        )


def kept_ids(tokenizer: PretrainedTokenizer, counts: np.ndarray, vocab_size: int) -> np.ndarray:
    """The ids of the tokens that a vocabulary of `vocab_size` keeps, int64 (vocab_size,), sorted.

    Special and added tokens stay, and single characters at the beginning and inside of a word; then
    the pieces with the highest `counts` (V,), of equal ones those with the lower id. A piece that
    its characters alone could not replace stays, too: no word becomes `[UNK]` that was none.

    Raises:
        InputError: see `check_size`.
    """
    check_size(tokenizer, vocab_size)
    necessary = _necessary(tokenizer)
    others = np.array(sorted({*tokenizer.get_vocab().values()} - necessary), dtype=np.int64)
    ranked = others[np.argsort(-counts[others], kind="stable")]
    chosen = ranked[: vocab_size - len(necessary)].tolist()
    return np.array(sorted({*necessary, *chosen}), dtype=np.int64)


def trimmed(tokenizer: Tokenizer, kept: Sequence[int] | np.ndarray) -> Tokenizer:
    """A copy of a tokenizer with the tokens of the ids `kept` alone, numbered in their order."""
    numbers = {index: number for number, index in enumerate(np.asarray(kept).tolist())}
    known = tokenizer.get_vocab().items()
    small = copy.copy(tokenizer)
    small.init_kwargs = dict(tokenizer.init_kwargs)
    small._engine = tokenizer._engine.renumbered(
        {token: numbers[index] for token, index in known if index in numbers}
    )
    return small


def _necessary(tokenizer: PretrainedTokenizer) -> set[int]:
    """The ids that every smaller vocabulary keeps."""
    known = tokenizer.get_vocab()
    always = {*tokenizer.all_special_tokens, *tokenizer.added_tokens_encoder}

    def stays(token: str) -> bool:
        single = list(_characters(token))
        return token in always or single == [token] or not all(c in known for c in single)

    return {index for token, index in known.items() if stays(token)}


def _characters(token: str) -> Iterator[str]:
    """The pieces of one character that a piece could be replaced by."""
    inside = token.startswith(CONTINUATION) and len(token) > len(CONTINUATION)
    for char in token.removeprefix(CONTINUATION) if inside else token:
        yield CONTINUATION + char if inside else char
        inside = True
