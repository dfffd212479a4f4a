"""Tokens, ids and special tokens: the calls of a tokenizer that take no text.

Everything is read from the tokenizer's engine, which is the only holder of tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, overload

import numpy as np
from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.surrogates import without_surrogates
from distilbert.tokenization.engine import Engine
from distilbert.tokenization.special_tokens import (
    ADDITIONAL,
    NAMES,
    SpecialToken,
    SpecialTokenId,
    as_special_token,
)
from distilbert.tokenization.template import Template
from distilbert.tokenization.tensors import framework_of, to_list

# What the clean-up of decoded text replaces, in this order, as on the reference page.
CLEAN_UP = (
    *((f" {mark}", mark) for mark in (".", "?", "!", ",")),
    (" ' ", "'"),
    *((f" {ending}", ending) for ending in ("n't", "'m", "'s", "'ve", "'re")),
)
# The template where only the number of its special tokens matters.
COMPLETE = Template([None], [None])


class TokenTable:
    """The tokens of an engine by text, id and role."""

    clean_up_tokenization_spaces: bool
    _engine: Engine

    bos_token, eos_token, unk_token = SpecialToken(), SpecialToken(), SpecialToken()
    sep_token, pad_token, cls_token = SpecialToken(), SpecialToken(), SpecialToken()
    mask_token = SpecialToken()
    bos_token_id, eos_token_id, unk_token_id = SpecialTokenId(), SpecialTokenId(), SpecialTokenId()
    sep_token_id, pad_token_id, cls_token_id = SpecialTokenId(), SpecialTokenId(), SpecialTokenId()
    mask_token_id = SpecialTokenId()
    pad_token_type_id = 0

    # ---- special tokens

    @property
    def additional_special_tokens(self) -> list[str]:
        """Further special tokens that have no name; settable."""
        return [token.content for token in self._engine.special_tokens.additional]

    @additional_special_tokens.setter
    def additional_special_tokens(self, tokens: Sequence[str | AddedToken] | None) -> None:
        if isinstance(tokens, str):
            raise InputError(f"`{ADDITIONAL}` must be a list of tokens: got {tokens!r}.")
        self._set_special_tokens({ADDITIONAL: tokens or ()})

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """The ids of `additional_special_tokens`; settable."""
        return self.convert_tokens_to_ids(self.additional_special_tokens)

    @additional_special_tokens_ids.setter
    def additional_special_tokens_ids(self, ids: Sequence[int] | None) -> None:
        tokens = [self._token_of_id(index, f"{ADDITIONAL}_ids") for index in ids or ()]
        self._set_special_tokens({ADDITIONAL: tokens})

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """The special tokens that are set, by name."""
        special = self._engine.special_tokens
        named = {name: token.content for name, token in special.named.items() if token is not None}
        additional = self.additional_special_tokens
        return {**named, ADDITIONAL: additional} if additional else {**named}

    @property
    def special_tokens_map_extended(self) -> dict[str, AddedToken | list[AddedToken]]:
        """`special_tokens_map` with tokens instead of their texts."""
        special = self._engine.special_tokens
        named = {name: token for name, token in special.named.items() if token is not None}
        return {**named, ADDITIONAL: special.additional} if special.additional else {**named}

    @property
    def all_special_tokens_extended(self) -> list[AddedToken]:
        """`all_special_tokens` as tokens instead of their texts."""
        return list(self._engine.special_tokens.tokens().values())

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once: unk, sep, pad, cls, mask, then the additional ones."""
        return list(self._engine.special_tokens.tokens())

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of `all_special_tokens`, in the same order."""
        return self.convert_tokens_to_ids(self.all_special_tokens)

    def add_special_tokens(
        self,
        special_tokens_dict: Mapping[str, str | AddedToken | Sequence[str | AddedToken]],
        replace_additional_special_tokens: bool = True,
    ) -> int:
        """Set special tokens by name and add unknown ones to the vocabulary; returns how many.

        Raises:
            InputError: a name that is not one of a special token.
        """
        unknown = [name for name in special_tokens_dict if name not in (*NAMES, ADDITIONAL)]
        if unknown:
            raise InputError(
                f"Special tokens have the names {', '.join((*NAMES, ADDITIONAL))}: got {unknown}."
            )
        changes: dict[str, Any] = {}
        added: list[AddedToken] = []
        for name, value in special_tokens_dict.items():
            values: Any = [value]
            if name == ADDITIONAL and isinstance(value, list | tuple):
                values = value
            tokens = [as_special_token(token, name=name) for token in values]
            added += tokens
            changes[name] = tokens if name == ADDITIONAL else tokens[0]
        if ADDITIONAL in changes and not replace_additional_special_tokens:
            known = {token.content: token for token in self._engine.special_tokens.additional}
            new = [token for token in changes[ADDITIONAL] if token.content not in known]
            changes[ADDITIONAL] = [*known.values(), *new]
        return self._set_special_tokens(changes, new=added)

    def _set_special_tokens(
        self, changes: Mapping[str, Any], *, new: Sequence[AddedToken] = ()
    ) -> int:
        tokens = self._engine.special_tokens.updated(changes)
        return self._engine.set_special_tokens(tokens, new=new)

    def _token_of_id(self, token_id: int, name: str) -> str:
        token = None
        if isinstance(token_id, int | np.integer):
            token = self._engine.find_token(int(token_id))
        if token is None or self._engine.find_id(token) != token_id:
            raise InputError(f"`{name}` must be the id of a token: got {token_id!r}.")
        return token

    # ---- added tokens

    def add_tokens(
        self,
        new_tokens: str | AddedToken | Sequence[str | AddedToken],
        special_tokens: bool = False,
    ) -> int:
        """Add tokens that are matched in text before anything else; returns how many were added.

        New ids start at `len(tokenizer)`: resize the model's embeddings afterwards.
        """
        tokens = [new_tokens] if isinstance(new_tokens, str | AddedToken) else list(new_tokens)
        for token in tokens:
            if not isinstance(token, str | AddedToken) or without_surrogates(token) is not token:
                raise InputError(f"A token must be text or an AddedToken: got {token!r}.")
        return self._engine.add(tokens, special=special_tokens) if tokens else 0

    @property
    def vocab_size(self) -> int:
        """How many tokens the vocabulary has, without added ones."""
        return self._engine.n_tokens(with_added=False)

    def __len__(self) -> int:
        return self._engine.n_tokens(with_added=True)

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens (special ones included) by id, in the order of their ids."""
        return self._engine.added_tokens()

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """The added tokens (special ones included) and their ids."""
        return {token.content: index for index, token in self.added_tokens_decoder.items()}

    def get_added_vocab(self) -> dict[str, int]:
        """The same as `added_tokens_encoder`."""
        return self.added_tokens_encoder

    def get_vocab(self) -> dict[str, int]:
        """Every token and its id, added tokens included."""
        return {**self._engine.vocabulary(), **self.added_tokens_encoder}

    @property
    def vocab(self) -> dict[str, int]:
        """The vocabulary; on the slow class without added tokens, as in the reference."""
        return dict(self._engine.vocabulary())

    @property
    def ids_to_tokens(self) -> dict[int, str]:
        """The tokens of `vocab` by id, in the order of their ids."""
        return {index: token for token, index in sorted(self.vocab.items(), key=lambda it: it[1])}

    # ---- tokens, ids and text

    @overload
    def convert_tokens_to_ids(self, tokens: str) -> int: ...
    @overload
    def convert_tokens_to_ids(self, tokens: list[str]) -> list[int]: ...
    @overload
    def convert_tokens_to_ids(self, tokens: None) -> None: ...
    def convert_tokens_to_ids(self, tokens: str | Sequence[str] | None) -> Any:
        """The id of a token, or of each token; an unknown token gets the id of `unk_token`."""
        if tokens is None:
            return None
        if isinstance(tokens, str):
            return self._id_or_unknown(tokens)
        return [self._id_or_unknown(token) for token in tokens]

    def _id_or_unknown(self, token: str) -> int | None:
        index = self._engine.find_id(without_surrogates(token))
        if index is None and self.unk_token is not None:
            return self._engine.find_id(self.unk_token)
        return index

    @overload
    def convert_ids_to_tokens(self, ids: int, skip_special_tokens: bool = False) -> str: ...
    @overload
    def convert_ids_to_tokens(
        self, ids: Sequence[int], skip_special_tokens: bool = False
    ) -> list[str]: ...
    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """The token of an id, or of each id (lists, arrays and tensors).

        For an id without a token, None on the fast class and `unk_token` on the slow one.
        """
        values = _read_ids(ids)
        if isinstance(values, int):
            return self._engine.find_token(values)
        skipped = set(self.all_special_ids) if skip_special_tokens else ()
        return [self._engine.find_token(index) for index in values if index not in skipped]

    def convert_tokens_to_string(self, tokens: list[str]) -> str:
        """The text of word pieces: joined with spaces, `##` pieces without one."""
        return self._engine.join(without_surrogates(tokens))

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        *,
        spaces_between_special_tokens: bool = True,
    ) -> str:
        """The text of ids: an int, a list, an array or a tensor of one row.

        Without `spaces_between_special_tokens`, the slow class joins the texts around added tokens
        directly. The fast class always puts spaces, as in the reference.
        """
        ids = _read_ids(token_ids)
        ids = [ids] if isinstance(ids, int) else ids
        if skip_special_tokens:
            special = set(self.all_special_ids)
            ids = [index for index in ids if index not in special]
        text = self._engine.decode(
            ids, skip_special_tokens=skip_special_tokens, spaced=spaces_between_special_tokens
        )
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return self.clean_up_tokenization(text) if clean_up_tokenization_spaces else text

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        *,
        spaces_between_special_tokens: bool = True,
    ) -> list[str]:
        """`decode` for each row."""
        spaced = spaces_between_special_tokens
        options = (skip_special_tokens, clean_up_tokenization_spaces)
        return [
            self.decode(row, *options, spaces_between_special_tokens=spaced) for row in sequences
        ]

    @staticmethod
    def clean_up_tokenization(out_string: str) -> str:
        """Remove the spaces that splitting put before punctuation and English contractions."""
        for spaced, tight in CLEAN_UP:
            out_string = out_string.replace(spaced, tight)
        return out_string

    # ---- the template around ids

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """`[CLS] A [SEP]`, or `[CLS] A [SEP] B [SEP]`."""
        return self._template().fill(token_ids_0, token_ids_1)

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """0 for `[CLS] A [SEP]`, 1 for `B [SEP]`. DistilBERT models take no such column."""
        n_second = None if token_ids_1 is None else len(token_ids_1)
        return COMPLETE.type_ids(len(token_ids_0), n_second)

    def get_special_tokens_mask(
        self,
        token_ids_0: list[int],
        token_ids_1: list[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 at special tokens: of the template around the ids, or among ids that have it already.

        An unknown piece (`[UNK]`) represents text, so it is not special among the latter.
        """
        if not already_has_special_tokens:
            n_second = None if token_ids_1 is None else len(token_ids_1)
            return COMPLETE.special_tokens_mask(len(token_ids_0), n_second)
        if token_ids_1 is not None:
            raise InputError(
                "`token_ids_1` must be None with `already_has_special_tokens=True`: got a list. "
                "Pass the finished row as `token_ids_0`."
            )
        special = set(self.all_special_ids) - {self.unk_token_id}
        return [int(index in special) for index in token_ids_0]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many special tokens the template adds: 2, or 3 for a pair."""
        return COMPLETE.n_special(pair=pair)

    def _template(self) -> Template:
        """The ids of the template.

        Raises:
            InputError: `cls_token` or `sep_token` is not set.
        """
        cls_id, sep_id = self.cls_token_id, self.sep_token_id
        if cls_id is None or sep_id is None:
            raise InputError(
                "The template needs `cls_token` and `sep_token`: got "
                f"{self.cls_token!r} and {self.sep_token!r}. Set both."
            )
        return Template([cls_id], [sep_id])


def _read_ids(ids: Any) -> int | list[int]:
    """Ids given as a number, a list, an array or a tensor.

    Raises:
        InputError: anything else, such as None or a batch of rows.
    """
    if isinstance(ids, Iterable) and not isinstance(ids, str | bytes | Mapping):
        ids = ids if framework_of(ids) or isinstance(ids, list | tuple) else list(ids)
    values = to_list(ids)
    if isinstance(values, int) and not isinstance(values, bool):
        return values
    if isinstance(values, list) and all(isinstance(value, int) for value in values):
        return values
    got = repr(ids)
    raise InputError(
        "Ids must be one whole number or one row of them: got "
        f"{got if len(got) <= 60 else got[:57] + '...'}. Use `batch_decode` for several rows."
    )
