"""The special tokens of a tokenizer: `tok.cls_token`, `tok.cls_token_id` and their order.

Knows nothing about how a text is split and which ids exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.surrogates import without_surrogates

if TYPE_CHECKING:
    from distilbert.tokenization.engine import Engine
    from distilbert.tokenization.token_table import TokenTable

# The order of `all_special_tokens`, as on the reference page.
NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
ADDITIONAL = "additional_special_tokens"
UNKNOWN = "[UNK]"
# The fields of a token as `tokenizer_config.json` writes them.
FIELDS = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """The special tokens of one tokenizer: seven with a name, which may be unset, and others."""

    named: dict[str, AddedToken | None]
    additional: list[AddedToken]

    @classmethod
    def take_from(cls, keywords: dict[str, Any], *given: str | AddedToken | None) -> SpecialTokens:
        """The tokens unk, sep, pad, cls, mask, and those in a constructor's `keywords`.

        The latter are removed from `keywords`.
        """
        named = dict(zip(NAMES[2:], given, strict=True))
        named |= {name: keywords.pop(name, None) for name in NAMES[:2]}
        tokens = keywords.pop(ADDITIONAL, None) or ()
        return cls(dict.fromkeys(NAMES), []).updated({**named, ADDITIONAL: tokens})

    def updated(self, changes: Mapping[str, Any]) -> SpecialTokens:
        """With some tokens set: by name a token or None, `additional_special_tokens` a list.

        Raises:
            InputError: something that is neither text nor an AddedToken.
        """
        named, additional = dict(self.named), self.additional
        for name, value in changes.items():
            if name == ADDITIONAL:
                additional = [as_special_token(token, name=name) for token in value]
            else:
                named[name] = None if value is None else as_special_token(value, name=name)
        return replace(self, named=named, additional=additional)

    def renamed(
        self, texts: Mapping[str, str], *, new: Sequence[str | AddedToken] = ()
    ) -> SpecialTokens:
        """With the tokens whose texts are in `texts` renamed, and further additional tokens."""

        def rename(token: AddedToken) -> AddedToken:
            return copy_token(token, content=texts.get(token.content, token.content))

        named = {name: token and rename(token) for name, token in self.named.items()}
        return self.updated({**named, ADDITIONAL: [*map(rename, self.additional), *new]})

    def text(self, name: str) -> str | None:
        """The text of a named token."""
        token = self.named[name]
        return None if token is None else token.content

    def tokens(self) -> dict[str, AddedToken]:
        """Every token once by its text: unk, sep, pad, cls, mask, then the additional ones."""
        tokens = (*self.named.values(), *self.additional)
        return {token.content: token for token in tokens if token is not None}


class SpecialToken:
    """The attribute `tok.cls_token` and its like: text or None, settable."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, tokenizer: TokenTable, owner: type | None = None) -> str | None:
        return tokenizer._engine.special_tokens.text(self.name)

    def __set__(self, tokenizer: TokenTable, value: str | AddedToken | None) -> None:
        tokenizer._set_special_tokens({self.name: value})


class SpecialTokenId:
    """The attribute `tok.cls_token_id` and its like: an id or None, settable."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.token_name = name.removesuffix("_id")

    def __get__(self, tokenizer: TokenTable, owner: type | None = None) -> int | None:
        return tokenizer.convert_tokens_to_ids(
            tokenizer._engine.special_tokens.text(self.token_name)
        )

    def __set__(self, tokenizer: TokenTable, value: int | None) -> None:
        token = None if value is None else tokenizer._token_of_id(value, f"{self.token_name}_id")
        tokenizer._set_special_tokens({self.token_name: token})


def as_special_token(value: object, *, name: str) -> AddedToken:
    """`value` as a token that is matched exactly and dropped by `skip_special_tokens`."""
    if isinstance(value, str) and without_surrogates(value) is value:
        return AddedToken(value, normalized=False, special=True)
    if isinstance(value, AddedToken):
        return copy_token(value, special=True)
    raise InputError(
        f"A special token must be text or an AddedToken: got {name}={value!r}. "
        "Pass the token itself, such as '[MASK]'."
    )


def check_unknown(token: str | None, engine: Engine, new: Sequence[AddedToken] = ()) -> None:
    """Do nothing for None, and for a token that `engine` knows or that is in `new`.

    Raises:
        InputError: `token` would have no id.
    """
    known = token is None or token in {t.content for t in new} or engine.find_id(token) is not None
    if not known:
        raise InputError(
            f"`unk_token` must be in the vocabulary: got {token!r}. Add it with "
            f"`add_special_tokens({{'unk_token': {token!r}}})`."
        )


def copy_token(token: AddedToken, **changes: Any) -> AddedToken:
    """A new AddedToken with `changes`; the caller's object is not changed."""
    return AddedToken(**{**token_facts(token), **changes})


def token_facts(token: AddedToken) -> dict[str, Any]:
    """The fields of a token as `tokenizer_config.json` writes them."""
    return {name: getattr(token, name) for name in FIELDS}


def token_from_facts(facts: Mapping[str, Any]) -> AddedToken:
    """The inverse of `token_facts`; keys of other software (`id`, `__type`) are left out."""
    return AddedToken(**{name: facts[name] for name in FIELDS if name in facts})
