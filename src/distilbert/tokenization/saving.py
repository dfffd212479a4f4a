"""Writes a tokenizer's files, readable by this package and by transformers 4.x and 5.x."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import AddedToken

from distilbert.checkpoint.atomic import atomic_folder
from distilbert.errors import CheckpointError
from distilbert.tokenization.loading import ADDED_TOKENS, CONFIG, SPECIAL_TOKENS, VOCABULARY
from distilbert.tokenization.special_tokens import ADDITIONAL, NAMES, token_facts
from distilbert.tokenization.vocab import save_vocab

if TYPE_CHECKING:
    from distilbert.tokenization.base import TokenizerBase

# Both classes write the slow name: the reference and this package derive the fast one from it.
TOKENIZER_CLASS = "DistilBertTokenizer"


def save_tokenizer(
    tokenizer: TokenizerBase, folder: Path, *, filename_prefix: str | None
) -> tuple[str, ...]:
    """Write every file of the tokenizer into `folder`, all or none; their paths."""
    files: dict[str, str] = {
        CONFIG: _json(config_of(tokenizer)),
        SPECIAL_TOKENS: _json(special_tokens_of(tokenizer)),
        **tokenizer._backend_files(),
    }
    added = added_beyond_vocabulary(tokenizer)
    if added:
        files[ADDED_TOKENS] = _json(added)
    stale = [] if added else [prefixed(ADDED_TOKENS, filename_prefix)]
    with atomic_folder(folder, replaces=stale) as staging:
        for name, text in files.items():
            (staging / prefixed(name, filename_prefix)).write_bytes(text.encode("utf-8"))
        save_vocab(tokenizer._vocabulary(), staging / prefixed(VOCABULARY, filename_prefix))
    return tuple(str(folder / prefixed(name, filename_prefix)) for name in (*files, VOCABULARY))


def save_vocabulary(
    tokenizer: TokenizerBase, folder: Path, filename_prefix: str | None
) -> tuple[str, ...]:
    """Write the vocabulary file alone; its path.

    Raises:
        CheckpointError: `folder` does not exist.
    """
    if not folder.is_dir():
        raise CheckpointError(f"`save_directory` must be an existing folder: got {folder}.")
    path = folder / prefixed(VOCABULARY, filename_prefix)
    save_vocab(tokenizer._vocabulary(), path)
    return (str(path),)


def added_beyond_vocabulary(tokenizer: TokenizerBase) -> dict[str, int]:
    """The added tokens that `vocab.txt` does not hold."""
    known = tokenizer._vocabulary()
    return {t: index for t, index in tokenizer.added_tokens_encoder.items() if t not in known}


def config_of(tokenizer: TokenizerBase) -> dict[str, Any]:
    """The content of tokenizer_config.json."""
    added = tokenizer.added_tokens_decoder
    return {
        **tokenizer.init_kwargs,
        **{name: getattr(tokenizer, name) for name in NAMES if getattr(tokenizer, name)},
        ADDITIONAL: tokenizer.additional_special_tokens,
        "added_tokens_decoder": {str(index): token_facts(t) for index, t in added.items()},
        "clean_up_tokenization_spaces": tokenizer.clean_up_tokenization_spaces,
        "model_max_length": tokenizer.model_max_length,
        **_unusual(tokenizer),
        "tokenizer_class": TOKENIZER_CLASS,
    }


def special_tokens_of(tokenizer: TokenizerBase) -> dict[str, Any]:
    """The content of special_tokens_map.json."""
    named = {name: tokenizer._special_tokens[name] for name in NAMES}
    content: dict[str, Any] = {n: _plainly(t) for n, t in named.items() if t is not None}
    if tokenizer._additional_special_tokens:
        content[ADDITIONAL] = [_plainly(token) for token in tokenizer._additional_special_tokens]
    return content


def prefixed(name: str, prefix: str | None) -> str:
    """`vocab.txt` or `prefix-vocab.txt`."""
    return f"{prefix}-{name}" if prefix else name


def _unusual(tokenizer: TokenizerBase) -> dict[str, Any]:
    """The settings that are written only where they differ from the defaults."""
    sides = ("padding_side", "truncation_side")
    unusual: dict[str, Any] = {
        name: getattr(tokenizer, name) for name in sides if getattr(tokenizer, name) != "right"
    }
    if tokenizer.model_input_names != ["input_ids", "attention_mask"]:
        unusual["model_input_names"] = tokenizer.model_input_names
    return unusual


def _plainly(token: AddedToken) -> str | dict[str, Any]:
    """A token as its text, or with its facts where it does not match exactly."""
    if token.lstrip or token.rstrip or token.single_word or token.normalized:
        return token_facts(token)
    return token.content


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
