"""`DistilBertTokenizerFast`: the tokenizer on the Rust library `tokenizers`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import tokenizers
from tokenizers import AddedToken, normalizers

from distilbert.errors import InputError
from distilbert.tokenization import rust_engine
from distilbert.tokenization.base import TokenizerBase
from distilbert.tokenization.letter_case import warn_if_lowered
from distilbert.tokenization.rust_engine import RustEngine
from distilbert.tokenization.special_tokens import SpecialTokens


class DistilBertTokenizerFast(TokenizerBase):
    """The fast tokenizer of the page.

    Args:
        vocab_file: path of `vocab.txt`, or the vocabulary itself as a dict.
        tokenizer_file: path of `tokenizer.json`; wins over `vocab_file`.
        clean_text: drop control characters and turn every white space into a plain one.
        wordpieces_prefix: what marks a piece inside a word.

    Raises:
        InputError: neither of the two files given.
        CheckpointError: a file that is missing or does not hold a WordPiece tokenizer.
    """

    is_fast = True
    _engine: RustEngine

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | Mapping[str, int] | None = None,
        tokenizer_file: str | os.PathLike[str] | None = None,
        do_lower_case: bool = True,
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
        vocab_file = kwargs.pop("vocab", None) if vocab_file is None else vocab_file
        clean_text = kwargs.pop("clean_text", True)
        prefix = kwargs.pop("wordpieces_prefix", None)
        _warn_about_slow_options(kwargs)
        options = {
            "do_lower_case": do_lower_case,
            "tokenize_chinese_chars": tokenize_chinese_chars,
            "strip_accents": strip_accents,
            **({} if clean_text else {"clean_text": False}),
            **({} if prefix is None else {"wordpieces_prefix": prefix}),
        }
        self.do_lower_case = do_lower_case
        normalizer = normalizers.BertNormalizer(
            clean_text=clean_text,
            handle_chinese_chars=tokenize_chinese_chars,
            strip_accents=strip_accents,
            lowercase=do_lower_case,
        )
        if tokenizer_file is not None:
            backend = rust_engine.read(tokenizer_file, normalizer, prefix=prefix)
        elif vocab_file is not None:
            vocabulary = rust_engine.read_vocabulary(vocab_file)
            if do_lower_case:
                warn_if_lowered(vocab_file, vocabulary, special_tokens=special_tokens.tokens())
            backend = rust_engine.build(vocabulary, normalizer, prefix=prefix)
        else:
            raise InputError(
                "A fast tokenizer needs a vocabulary: got neither `vocab_file` nor "
                "`tokenizer_file`. Pass one, or use `from_pretrained`."
            )
        added = kwargs.pop("added_tokens_decoder", None) or {}
        engine = RustEngine(backend, special_tokens, added_tokens=added)
        super().__init__(engine, options, kwargs)

    @property
    def vocab(self) -> dict[str, int]:
        """Every token and its id, added tokens included."""
        return self.get_vocab()

    @property
    def backend_tokenizer(self) -> tokenizers.Tokenizer:
        """The `tokenizers.Tokenizer` that does the work."""
        return self._engine.backend


def _warn_about_slow_options(kwargs: dict[str, Any]) -> None:
    """Warn that options of the slow class have no effect here; they are kept for saving."""
    names = ("never_split", "split_special_tokens")
    ignored = [name for name in names if kwargs.get(name)]
    if kwargs.get("do_basic_tokenize") is False:
        ignored.append("do_basic_tokenize")
    if ignored:
        warnings.warn(
            f"The fast tokenizer cannot honour {' and '.join(f'`{n}`' for n in ignored)}: "
            "use `DistilBertTokenizer` for it.",
            stacklevel=3,
        )
