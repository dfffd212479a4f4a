"""`DistilBertTokenizer`: the tokenizer in pure Python.

Calls work on ids alone; offsets, words and tokens are computed when they are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.tokenization.base import TokenizerBase
from distilbert.tokenization.letter_case import warn_if_lowered
from distilbert.tokenization.python_engine import PythonEngine
from distilbert.tokenization.special_tokens import SpecialTokens
from distilbert.tokenization.vocab import load_vocab


class DistilBertTokenizer(TokenizerBase):
    """The slow tokenizer of the page.

    Args:
        vocab_file: path of `vocab.txt`, or the vocabulary itself as a dict.
        never_split: words that are not split; with `do_lower_case` only lower-case ones can match.
        split_special_tokens: take added tokens in texts, special ones included, for ordinary text;
            a keyword of calls too, where it has precedence.

    Raises:
        InputError: `vocab_file` is not a file.
    """

    is_fast = False
    _engine: PythonEngine

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | Mapping[str, int],
        do_lower_case: bool = True,
        do_basic_tokenize: bool = True,
        never_split: Collection[str] | None = None,
        unk_token: str | AddedToken = "[UNK]",
        sep_token: str | AddedToken = "[SEP]",
        pad_token: str | AddedToken = "[PAD]",
        cls_token: str | AddedToken = "[CLS]",
        mask_token: str | AddedToken = "[MASK]",
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        **kwargs: Any,
    ) -> None:
        special_tokens = SpecialTokens.take_from(
            kwargs, unk_token, sep_token, pad_token, cls_token, mask_token
        )
        options = {
            "do_lower_case": do_lower_case,
            "do_basic_tokenize": do_basic_tokenize,
            "never_split": None if never_split is None else list(never_split),
            "tokenize_chinese_chars": tokenize_chinese_chars,
            "strip_accents": strip_accents,
        }
        self.split_special_tokens = bool(kwargs.get("split_special_tokens"))
        self.do_lower_case = do_lower_case
        vocabulary = _read_vocabulary(vocab_file)
        if do_lower_case and do_basic_tokenize:
            warn_if_lowered(vocab_file, vocabulary, special_tokens=special_tokens.tokens())
        engine = PythonEngine(
            vocabulary,
            special_tokens,
            added_tokens=kwargs.pop("added_tokens_decoder", None) or {},
            rules={**options, "never_split": never_split or ()},
        )
        super().__init__(engine, options, kwargs)

    def _text_engine(self, split_special_tokens: bool | None = None) -> PythonEngine:
        splits = self.split_special_tokens if split_special_tokens is None else split_special_tokens
        return self._engine.without_added_tokens() if splits else self._engine


def _read_vocabulary(vocab: str | os.PathLike[str] | Mapping[str, int]) -> dict[str, int]:
    if isinstance(vocab, Mapping):
        return dict(vocab)
    path = Path(vocab)
    if not path.is_file():
        raise InputError(
            f"`vocab_file` must be a vocabulary file: got {str(vocab)!r}. "
            "Use `DistilBertTokenizer.from_pretrained(folder)` for a folder."
        )
    return load_vocab(path)
