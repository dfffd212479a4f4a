"""What a tokenizer class needs of the code that splits text: one vocabulary with its rules.

`PythonEngine` and `RustEngine` implement it; everything else of a tokenizer is in `base.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tokenizers import AddedToken

from distilbert.tokenization.encoding import Pieces, Row
from distilbert.tokenization.inputs import Text
from distilbert.tokenization.special_tokens import SpecialTokens


class Engine(Protocol):
    """A vocabulary, the tokens added to it, and the way from text to ids and back.

    `revision` grows with every change of the tokens. Texts are strings, or with `split` lists of
    words; their ids and pieces are without special tokens around them.
    """

    @property
    def special_tokens(self) -> SpecialTokens: ...
    @property
    def revision(self) -> int: ...

    # Use these special tokens from now on and add those of `new` to the vocabulary; returns how
    # many were added. Nothing is changed where this raises an InputError.
    def set_special_tokens(
        self, tokens: SpecialTokens, *, new: Sequence[AddedToken] = ()
    ) -> int: ...
    # Add tokens to the vocabulary; returns how many are new.
    def add(self, tokens: Sequence[str | AddedToken], *, special: bool) -> int: ...
    # An engine with these tokens alone, which include all special and added ones, and these ids.
    def renumbered(self, ids: Mapping[str, int]) -> Engine: ...
    # The tokens of `vocab.txt` and their ids, without added ones.
    def vocabulary(self) -> Mapping[str, int]: ...
    # The added tokens (special ones included) by id, in the order of their ids.
    def added_tokens(self) -> dict[int, AddedToken]: ...
    # Without added tokens, how many there are; with them, one more than the largest id.
    def n_tokens(self, *, with_added: bool) -> int: ...
    def find_id(self, token: str) -> int | None: ...
    # The token of an id; for an id that does not exist, what the reference class returns.
    def find_token(self, token_id: int) -> str | None: ...

    def ids(self, texts: Sequence[Text], *, split: bool) -> list[list[int]]: ...
    # Ids with tokens, offsets and words; the offsets of a split text are within each word.
    def pieces(self, texts: Sequence[Text], *, split: bool) -> Sequence[Pieces]: ...
    # The row of one text that is not cut, from an engine that has a faster way to make it.
    def row(self, pieces: Any, *, add_special_tokens: bool) -> Row | None: ...
    def tokens(self, text: str) -> list[str]: ...
    # The text of word pieces: joined with spaces, `##` pieces without one.
    def join(self, tokens: list[str]) -> str: ...
    # The text of ids, before any clean-up; `spaced`: with spaces around added tokens.
    def decode(self, ids: list[int], *, skip_special_tokens: bool, spaced: bool) -> str: ...
    # Names and contents of the files that only this engine saves.
    def files(self) -> dict[str, str]: ...
