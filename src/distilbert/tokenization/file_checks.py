"""What the JSON files of a tokenizer may hold: checked before anything is made of it.

Knows the names of settings and the types of their values, not what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from distilbert.errors import CheckpointError, shown
from distilbert.tokenization.special_tokens import ADDITIONAL, FIELDS, NAMES

# Ids are rows of a table, and lines of a vocabulary file: the largest published vocabularies of
# BERT's kind have 500,000.
MAX_ID = 2_000_000
# What no file may set: it is not an option of the files, or it would name another file.
RESERVED = ("self", "vocab")


def _is_flag(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_token(value: object) -> bool:
    return _is_text(value) or _are_facts(value)


def _are_facts(value: object) -> bool:
    """Whether a value has the fields of an AddedToken; `id` and keys of other software may be there
    too."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("content"), str)
        and all(isinstance(value.get(name, False), bool) for name in FIELDS if name != "content")
    )


def _are_tokens(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_token, value)))


def _are_texts(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(v, str) for v in value))


# Setting -> whether a value is right, and what it has to be.
Rule = tuple[Callable[[object], bool], str]
_FLAGS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "do_basic_tokenize")
_FLAGS += ("clean_text", "split_special_tokens", "clean_up_tokenization_spaces")
RULES: dict[str, Rule] = {
    **dict.fromkeys(_FLAGS, (_is_flag, "true, false or null")),
    **dict.fromkeys(NAMES, (_is_token, "a token: text, or an object with `content`")),
    ADDITIONAL: (_are_tokens, "a list of tokens"),
    "never_split": (_are_texts, "a list of texts"),
    "model_input_names": (_are_texts, "a list of texts"),
    "wordpieces_prefix": (_is_text, "text"),
    "tokenizer_class": (_is_text, "text"),
}


def check_settings(settings: Mapping[str, Any], file: Path) -> None:
    """Check `tokenizer_config.json` or `special_tokens_map.json`.

    Raises:
        CheckpointError: a setting has another type than it must have, or no file may have it.
    """
    reserved = [name for name in RESERVED if name in settings]
    if reserved:
        raise CheckpointError(f"`{file.name}` must not have the setting `{reserved[0]}`: {file}.")
    for name, (is_right, kind) in RULES.items():
        if not is_right(settings.get(name)):
            raise _wrong(file, name, kind, settings[name])
    listed = settings.get("added_tokens_decoder", {})
    if not isinstance(listed, dict):
        raise _wrong(file, "added_tokens_decoder", "an object", listed)
    for index, facts in listed.items():
        if not (index.isascii() and index.isdecimal() and len(index) < 10 and int(index) <= MAX_ID):
            raise _wrong(file, "added_tokens_decoder", f"ids from 0 to {MAX_ID}", index)
        if not _are_facts(facts):
            raise _wrong(file, "added_tokens_decoder", "objects with `content`", facts)


def check_added_tokens(tokens: Mapping[str, Any], file: Path) -> None:
    """Check `added_tokens.json`, which maps tokens to ids.

    Raises:
        CheckpointError: an id is none.
    """
    check_ids(tokens.values(), file)


def check_backend(backend: Mapping[str, Any], file: Path) -> None:
    """Check the parts of `tokenizer.json` that this package reads itself.

    Raises:
        CheckpointError: a part has another type than it must have, or an id is none.
    """
    for name in ("model", "normalizer"):
        if not isinstance(backend.get(name) or {}, dict):
            raise _wrong(file, name, "an object", backend[name])
    normalizer = backend.get("normalizer") or {}
    if normalizer.get("type") in (None, "BertNormalizer"):  # other kinds are the library's
        for name, value in normalizer.items():
            if name != "type" and not _is_flag(value):
                raise _wrong(file, f"normalizer.{name}", "true, false or null", value)
    vocabulary = (backend.get("model") or {}).get("vocab")
    if isinstance(vocabulary, dict):
        check_ids(vocabulary.values(), file)
    added = backend.get("added_tokens") or []
    if not isinstance(added, list) or not all(map(_are_facts, added)):
        raise _wrong(file, "added_tokens", "a list of objects with `content`", added)
    check_ids([facts.get("id") for facts in added], file)


def check_agreement(vocabulary: Mapping[str, int], others: Mapping[str, int], file: Path) -> None:
    """Check that two places of a tokenizer's files give the same ids to the tokens they share;
    otherwise the slow and the fast tokenizer would differ.

    Args:
        others: the tokens of the second place, `file`.

    Raises:
        CheckpointError: a token has two ids.
    """
    if vocabulary == others:  # as usual, and quicker
        return
    for token, index in others.items():
        if vocabulary.get(token, index) != index:
            raise CheckpointError(
                f"The files of a tokenizer must agree: {shown(token)} has the id {index} in "
                f"{file}, and {vocabulary[token]} in the vocabulary. Delete the file that is wrong."
            )


def check_ids(ids: Collection[Any], file: Path) -> None:
    """Check the ids of tokens.

    Raises:
        CheckpointError: one of `ids` is not an integer from 0 to MAX_ID.
    """
    if not ids:
        return
    if {*map(type, ids)} != {int} or min(ids) < 0 or max(ids) > MAX_ID:
        wrong = next(i for i in ids if type(i) is not int or not 0 <= i <= MAX_ID)
        raise _wrong(file, "the ids of tokens", f"integers from 0 to {MAX_ID}", wrong)


def _wrong(file: Path, name: str, kind: str, value: object) -> CheckpointError:
    return CheckpointError(f"In `{file.name}`, {name} must be {kind}: {file} has {shown(value)}.")
