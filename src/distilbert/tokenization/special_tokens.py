"""The named special tokens of a tokenizer: `tok.cls_token`, `tok.cls_token_id` and their order.

Only the attributes; which ids exist and how text is split is the tokenizer's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tokenizers import AddedToken

from distilbert.errors import InputError

# The order of `all_special_tokens`, as on the reference page.
NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
ADDITIONAL = "additional_special_tokens"


class HasSpecialTokens(Protocol):
    """What the descriptors below need of the class they sit on."""

    _special_tokens: dict[str, AddedToken | None]

    def convert_tokens_to_ids(self, tokens: Any) -> Any: ...
    def convert_ids_to_tokens(self, ids: Any) -> Any: ...
    def _special_tokens_changed(self) -> None: ...


class SpecialToken:
    """The attribute `tok.cls_token` and its like: text or None, settable."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, tokenizer: HasSpecialTokens, owner: type | None = None) -> str | None:
        token = tokenizer._special_tokens[self.name]
        return None if token is None else token.content

    def __set__(self, tokenizer: HasSpecialTokens, value: str | AddedToken | None) -> None:
        token = None if value is None else as_special_token(value, name=self.name)
        tokenizer._special_tokens = {**tokenizer._special_tokens, self.name: token}
        tokenizer._special_tokens_changed()


class SpecialTokenId:
    """The attribute `tok.cls_token_id` and its like: an id or None, settable."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.token_name = name.removesuffix("_id")

    def __get__(self, tokenizer: HasSpecialTokens, owner: type | None = None) -> int | None:
        token = tokenizer._special_tokens[self.token_name]
        return None if token is None else tokenizer.convert_tokens_to_ids(token.content)

    def __set__(self, tokenizer: HasSpecialTokens, value: int | None) -> None:
        token = None if value is None else tokenizer.convert_ids_to_tokens(value)
        setattr(tokenizer, self.token_name, token)


def as_special_token(value: object, *, name: str) -> AddedToken:
    """`value` as a token that is matched exactly and dropped by `skip_special_tokens`."""
    if isinstance(value, str):
        return AddedToken(value, normalized=False, special=True)
    if isinstance(value, AddedToken):
        return copy_token(value, special=True)
    raise InputError(
        f"A special token must be text or an AddedToken: got {name}={value!r}. "
        "Pass the token itself, such as '[MASK]'."
    )


def copy_token(token: AddedToken, **changes: Any) -> AddedToken:
    """A new AddedToken with `changes`; the caller's object stays as it is."""
    return AddedToken(**{**token_facts(token), **changes})


def token_facts(token: AddedToken) -> dict[str, Any]:
    """The fields of a token as `tokenizer_config.json` writes them."""
    return {
        "content": token.content,
        "lstrip": token.lstrip,
        "normalized": token.normalized,
        "rstrip": token.rstrip,
        "single_word": token.single_word,
        "special": token.special,
    }


def token_from_facts(facts: Mapping[str, Any]) -> AddedToken:
    """The inverse of `token_facts`; keys of other software (`id`, `__type`) are left out."""
    known = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")
    return AddedToken(**{key: facts[key] for key in known if key in facts})
