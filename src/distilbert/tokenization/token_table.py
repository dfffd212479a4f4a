"""Which tokens exist, their ids, and which of them are special: the half of a tokenizer that needs
no text processing. Both tokenizer classes build on it through `base.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, overload

from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.tokenization.special_tokens import (
    ADDITIONAL,
    NAMES,
    SpecialToken,
    SpecialTokenId,
    as_special_token,
)
from distilbert.tokenization.tensors import to_list

# What the clean-up of decoded text replaces, in this order, as on the reference page.
CLEAN_UP = (
    *((f" {mark}", mark) for mark in (".", "?", "!", ",")),
    (" ' ", "'"),
    *((f" {ending}", ending) for ending in ("n't", "'m", "'s", "'ve", "'re")),
)


class TokenTable(ABC):
    """Tokens, ids, special tokens and the way from ids back to text."""

    is_fast: bool
    clean_up_tokenization_spaces: bool
    _special_tokens: dict[str, AddedToken | None]
    _additional_special_tokens: list[AddedToken]

    bos_token = SpecialToken()
    eos_token = SpecialToken()
    unk_token = SpecialToken()
    sep_token = SpecialToken()
    pad_token = SpecialToken()
    cls_token = SpecialToken()
    mask_token = SpecialToken()
    bos_token_id = SpecialTokenId()
    eos_token_id = SpecialTokenId()
    unk_token_id = SpecialTokenId()
    sep_token_id = SpecialTokenId()
    pad_token_id = SpecialTokenId()
    cls_token_id = SpecialTokenId()
    mask_token_id = SpecialTokenId()
    pad_token_type_id = 0

    # ---- what a tokenizer class supplies

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """How many tokens the vocabulary has, without added ones."""

    @property
    @abstractmethod
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens (special ones included) by id, in the order of their ids."""

    @abstractmethod
    def get_vocab(self) -> dict[str, int]:
        """Every token and its id, added tokens included."""

    @abstractmethod
    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of word pieces: joined with spaces, `##` pieces glued on."""

    @abstractmethod
    def _find_id(self, token: str) -> int | None:
        """The id of `token`, or None."""

    @abstractmethod
    def _find_token(self, token_id: int) -> str | None:
        """The token of an id, or what this class says for an id that does not exist."""

    @abstractmethod
    def _add(self, tokens: Sequence[str | AddedToken], *, special: bool) -> int:
        """Add the tokens to the vocabulary; how many were added, as the class counts."""

    @abstractmethod
    def _special_tokens_changed(self) -> None:
        """Called after a special token was set; rebuilds what depends on it."""

    @abstractmethod
    def _vocabulary(self) -> Mapping[str, int]:
        """The tokens of `vocab.txt` and their ids, added ones left out."""

    @abstractmethod
    def _backend_files(self) -> dict[str, str]:
        """Names and contents of the files that only this class saves."""

    @abstractmethod
    def _decode(self, ids: list[int], *, skip_special_tokens: bool) -> str:
        """The text of ids, before any clean-up."""

    # ---- special tokens

    @property
    def additional_special_tokens(self) -> list[str]:
        """Further special tokens that have no name of their own; settable."""
        return [token.content for token in self._additional_special_tokens]

    @additional_special_tokens.setter
    def additional_special_tokens(self, tokens: Sequence[str | AddedToken] | None) -> None:
        if isinstance(tokens, str):
            raise InputError(f"`{ADDITIONAL}` must be a list of tokens: got {tokens!r}.")
        fresh = [as_special_token(token, name=ADDITIONAL) for token in tokens or ()]
        self._additional_special_tokens = fresh
        self._special_tokens_changed()

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """The ids of `additional_special_tokens`."""
        return self.convert_tokens_to_ids(self.additional_special_tokens)

    def _special_token_objects(self) -> list[AddedToken]:
        """Every special token with its settings, in the order of `all_special_tokens`."""
        named = [token for token in self._special_tokens.values() if token is not None]
        by_text = {token.content: token for token in (*named, *self._additional_special_tokens)}
        return [by_text[text] for text in self.all_special_tokens]

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """The special tokens that are set, by name."""
        named = {name: getattr(self, name) for name in NAMES}
        found: dict[str, Any] = {name: token for name, token in named.items() if token is not None}
        if self._additional_special_tokens:
            found[ADDITIONAL] = self.additional_special_tokens
        return found

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once: unk, sep, pad, cls, mask, then the additional ones."""
        named = [getattr(self, name) for name in NAMES]
        return [*dict.fromkeys(t for t in named if t is not None)] + [
            token for token in dict.fromkeys(self.additional_special_tokens) if token not in named
        ]

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`, in the same order."""
        return self.convert_tokens_to_ids(self.all_special_tokens)

    def add_special_tokens(
        self,
        special_tokens_dict: Mapping[str, str | AddedToken | Sequence[str | AddedToken]],
        replace_additional_special_tokens: bool = True,
    ) -> int:
        """Set special tokens by name, adding to the vocabulary what it lacks; how many were added.

        Raises:
            InputError: a name that is not one of a special token.
        """
        unknown = [name for name in special_tokens_dict if name not in (*NAMES, ADDITIONAL)]
        if unknown:
            raise InputError(
                f"Special tokens have the names {', '.join((*NAMES, ADDITIONAL))}: got {unknown}."
            )
        fresh: list[AddedToken] = []
        for name, value in special_tokens_dict.items():
            values = [value] if isinstance(value, str | AddedToken) else value
            tokens = [as_special_token(token, name=name) for token in values]
            fresh += tokens
            if name != ADDITIONAL:
                setattr(self, name, tokens[0])
            elif replace_additional_special_tokens:
                self.additional_special_tokens = tokens
            else:
                known = self._additional_special_tokens
                contents = {token.content for token in known}
                fresh_ones = [token for token in tokens if token.content not in contents]
                self.additional_special_tokens = [*known, *fresh_ones]
        return self._add(fresh, special=True)

    # ---- added tokens

    def add_tokens(
        self,
        new_tokens: str | AddedToken | Sequence[str | AddedToken],
        special_tokens: bool = False,
    ) -> int:
        """Add tokens that are found in text before anything else; how many were added.

        New ids start at `len(tokenizer)`: resize the model's embeddings afterwards.
        """
        tokens = [new_tokens] if isinstance(new_tokens, str | AddedToken) else list(new_tokens)
        for token in tokens:
            if not isinstance(token, str | AddedToken):
                raise InputError(f"A token must be text or an AddedToken: got {token!r}.")
        return self._add(tokens, special=special_tokens) if tokens else 0

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """The added tokens (special ones included) and their ids."""
        return {token.content: index for index, token in self.added_tokens_decoder.items()}

    def get_added_vocab(self) -> dict[str, int]:
        """The same as `added_tokens_encoder`."""
        return self.added_tokens_encoder

    def __len__(self) -> int:
        return len(self.get_vocab())

    # ---- tokens and ids

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int: ...
    @overload
    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]: ...
    @overload
    def convert_tokens_to_ids(self, tokens: None) -> None: ...
    def convert_tokens_to_ids(self, tokens: str | Sequence[str] | None) -> int | list[int] | None:
        """The id of a token, or of each token; an unknown token gets the id of `unk_token`."""
        if tokens is None:
            return None
        if isinstance(tokens, str):
            return self._id_or_unknown(tokens)
        return [self._id_or_unknown(token) for token in tokens]

    @overload
    def convert_ids_to_tokens(self, ids: int, skip_special_tokens: bool = False) -> str: ...
    @overload
    def convert_ids_to_tokens(
        self, ids: Sequence[int], skip_special_tokens: bool = False
    ) -> list[str]: ...
    def convert_ids_to_tokens(
        self, ids: Any, skip_special_tokens: bool = False
    ) -> str | list[str] | None:
        """The token of an id, or of each id (lists, arrays and tensors)."""
        values = to_list(ids)
        if isinstance(values, int):
            return self._find_token(values)
        skipped = set(self.all_special_ids) if skip_special_tokens else ()
        # An id without a token gives None on the fast class, as in the reference.
        return [self._find_token(index) for index in values if index not in skipped]  # pyright: ignore[reportReturnType]

    # ---- ids back to text

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """The text of ids: an int, a list, an array or a tensor of one row."""
        ids = to_list(token_ids)
        ids = [ids] if isinstance(ids, int) else ids
        text = self._decode(ids, skip_special_tokens=skip_special_tokens)
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return self.clean_up_tokenization(text) if clean_up_tokenization_spaces else text

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[str]:
        """`decode` for each row."""
        return [
            self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in sequences
        ]

    @staticmethod
    def clean_up_tokenization(out_string: str) -> str:
        """Take out the spaces that splitting put before punctuation and English contractions."""
        for spaced, tight in CLEAN_UP:
            out_string = out_string.replace(spaced, tight)
        return out_string

    def _id_or_unknown(self, token: str) -> Any:
        token_id = self._find_id(token)
        if token_id is not None or self.unk_token is None:
            return token_id
        return self._find_id(self.unk_token)
