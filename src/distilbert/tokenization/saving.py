"""Writes a tokenizer's files, readable by this package and by transformers 4.x and 5.x."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken

from distilbert.checkpoint.atomic import atomic_folder
from distilbert.errors import CheckpointError
from distilbert.tokenization.loading import ADDED_TOKENS, CONFIG, SPECIAL_TOKENS, VOCABULARY
from distilbert.tokenization.special_tokens import ADDITIONAL, SpecialTokens, token_facts
from distilbert.tokenization.vocab import save_vocab, vocab_text

# Both classes write the slow name: the reference and this package derive the fast one from it.
TOKENIZER_CLASS = "DistilBertTokenizer"
# The settings every tokenizer has, with their defaults; `model_max_length` is the reference's.
DEFAULTS: dict[str, Any] = {
    "model_max_length": int(1e30),
    "clean_up_tokenization_spaces": True,
    "padding_side": "right",
    "truncation_side": "right",
    "model_input_names": ["input_ids", "attention_mask"],
}
ALWAYS_SAVED = ("model_max_length", "clean_up_tokenization_spaces")


@dataclass(frozen=True, slots=True)
class TokenizerContent:
    """What the files of a tokenizer hold.

    `settings` are the constructor's options and the attributes named in `DEFAULTS`;
    `backend_files` maps the names of further files to their contents.
    """

    vocabulary: Mapping[str, int]
    added_tokens: Mapping[int, AddedToken]
    special_tokens: SpecialTokens
    settings: Mapping[str, Any]
    backend_files: Mapping[str, str]


def save_tokenizer(
    content: TokenizerContent,
    folder: Path,
    *,
    filename_prefix: str | None,
    legacy_format: bool | None = None,
) -> tuple[str, ...]:
    """Write every file of a tokenizer into `folder`, all or none; their paths.

    With `legacy_format=True` the backend's files are left out, with False the vocabulary's. What
    is left out is removed from the folder, where an earlier save may have written it.
    """
    files: dict[str, str] = {
        CONFIG: _json(config_of(content)),
        SPECIAL_TOKENS: _json(special_tokens_of(content.special_tokens)),
    }
    stale = {ADDED_TOKENS}
    if legacy_format is True:
        stale |= content.backend_files.keys()
    else:
        files |= content.backend_files
    if legacy_format is False:
        stale |= {VOCABULARY}
    else:
        files[VOCABULARY] = vocab_text(content.vocabulary)
        added = {token.content: index for index, token in content.added_tokens.items()}
        added = {text: index for text, index in added.items() if text not in content.vocabulary}
        if added:
            files[ADDED_TOKENS] = _json(added)
            stale.remove(ADDED_TOKENS)
    replaced = [prefixed(name, filename_prefix) for name in stale]
    with atomic_folder(folder, replaces=replaced) as staging:
        for name, text in files.items():
            (staging / prefixed(name, filename_prefix)).write_bytes(text.encode("utf-8"))
    return tuple(str(folder / prefixed(name, filename_prefix)) for name in files)


def save_vocabulary(
    vocabulary: Mapping[str, int], folder: Path, filename_prefix: str | None
) -> tuple[str, ...]:
    """Write the vocabulary file alone; its path.

    Raises:
        CheckpointError: `folder` does not exist.
    """
    if not folder.is_dir():
        raise CheckpointError(f"`save_directory` must be an existing folder: got {folder}.")
    path = folder / prefixed(VOCABULARY, filename_prefix)
    save_vocab(vocabulary, path)
    return (str(path),)


def config_of(content: TokenizerContent) -> dict[str, Any]:
    """The content of tokenizer_config.json."""
    settings, special = content.settings, content.special_tokens
    added = {str(index): token_facts(token) for index, token in content.added_tokens.items()}
    unchanged = {name for name, usual in DEFAULTS.items() if settings[name] == usual}
    left_out = unchanged.difference(ALWAYS_SAVED)
    return {
        **{name: value for name, value in settings.items() if name not in left_out},
        **{name: token.content for name, token in special.named.items() if token is not None},
        ADDITIONAL: [token.content for token in special.additional],
        "added_tokens_decoder": added,
        "tokenizer_class": TOKENIZER_CLASS,
    }


def special_tokens_of(tokens: SpecialTokens) -> dict[str, Any]:
    """The content of special_tokens_map.json."""
    named = tokens.named.items()
    content: dict[str, Any] = {name: _plain(token) for name, token in named if token is not None}
    if tokens.additional:
        content[ADDITIONAL] = [_plain(token) for token in tokens.additional]
    return content


def prefixed(name: str, prefix: str | None) -> str:
    """`vocab.txt` or `prefix-vocab.txt`."""
    return f"{prefix}-{name}" if prefix else name


def _plain(token: AddedToken) -> str | dict[str, Any]:
    """A token as its text, or with its facts where it does not match exactly."""
    if token.lstrip or token.rstrip or token.single_word or token.normalized:
        return token_facts(token)
    return token.content


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
