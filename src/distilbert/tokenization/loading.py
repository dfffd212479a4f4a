"""From a folder, a file or a remote source to the arguments of a tokenizer's constructor.

Reads what transformers 4.x and 5.x write: `vocab.txt`, `tokenizer.json`, `tokenizer_config.json`,
`special_tokens_map.json`, `added_tokens.json`. Builds no tokenizer itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import AddedToken

from distilbert.checkpoint.hub import resolve, take_hub_options
from distilbert.errors import CheckpointError
from distilbert.json_files import read_json, read_optional_json
from distilbert.tokenization.file_checks import (
    check_added_tokens,
    check_agreement,
    check_backend,
    check_settings,
)
from distilbert.tokenization.letter_case import keeps_case
from distilbert.tokenization.special_tokens import ADDITIONAL, NAMES, token_from_facts
from distilbert.tokenization.vocab import load_vocab

VOCABULARY = "vocab.txt"
BACKEND = "tokenizer.json"
CONFIG = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
ADDED_TOKENS = "added_tokens.json"

# Keys of tokenizer_config.json that describe the software that wrote it, not the tokenizer.
HOUSEKEEPING = {
    *("tokenizer_class", "auto_map", "processor_class", "backend", "is_local", "from_slow"),
    *("local_files_only", "name_or_path", "special_tokens_map_file", "tokenizer_file"),
    *("vocab_file", "init_inputs", "added_tokens_decoder", "extra_special_tokens"),
    "model_specific_special_tokens",
}
# Keywords of the reference's `from_pretrained` that make no difference for these tokenizers.
NOT_NEEDED = ("config", "trust_remote_code", "tokenizer_type", "resume_download", "proxies")
# The names of the BertNormalizer's fields in tokenizer.json and of our constructor's options.
NORMALIZER_OPTIONS = {
    "lowercase": "do_lower_case",
    "strip_accents": "strip_accents",
    "handle_chinese_chars": "tokenize_chinese_chars",
}


# Options that are not set by null in a file.
FLAGS = ("do_lower_case", "tokenize_chinese_chars", "do_basic_tokenize", "clean_text")


@dataclass(frozen=True)
class TokenizerFiles:
    """The files at a source: the two possible vocabularies and the parsed JSON files."""

    source: str
    vocabulary: Path | None = None
    backend: Path | None = None
    config: dict[str, Any] = field(default_factory=dict)
    special_tokens: dict[str, Any] = field(default_factory=dict)
    added_tokens: dict[str, int] = field(default_factory=dict)

    def arguments(self, *, fast: bool, overrides: dict[str, Any]) -> dict[str, Any]:
        """The constructor's keywords: `overrides` win over the config, that over tokenizer.json."""
        backend = read_backend(self.backend) if self.backend else {}
        if self.vocabulary is not None and self.backend is not None:
            vocabulary = vocabulary_of(backend, self.backend)
            check_agreement(load_vocab(self.vocabulary), vocabulary, self.backend)
        options = self._file_options(backend)
        options["added_tokens_decoder"] = self._added(backend)
        options["name_or_path"] = self.source
        if fast and self.backend is not None:
            options["tokenizer_file"] = str(self.backend)
        elif "vocab_file" not in overrides:
            options["vocab_file"] = self._vocabulary(backend)
        merged = {**options, **overrides}
        if "do_lower_case" not in merged:
            merged["do_lower_case"] = self._lowers(merged, backend)
        by_text = {token.content: token for token in options["added_tokens_decoder"].values()}
        for name in NAMES:  # plain text stands for the listed token with its settings
            if isinstance(merged.get(name), str):
                merged[name] = by_text.get(merged[name], merged[name])
        return merged

    def _vocabulary(self, backend: dict[str, Any]) -> dict[str, int]:
        if self.vocabulary is not None:
            return load_vocab(self.vocabulary)
        return vocabulary_of(backend, self.backend)

    def _lowers(self, merged: Mapping[str, Any], backend: dict[str, Any]) -> bool:
        """Whether text is lower-cased, judged by the vocabulary where nothing says so."""
        vocabulary = merged.get("vocab_file")
        if vocabulary is None:
            vocabulary = self._vocabulary(backend)
        elif not isinstance(vocabulary, Mapping):
            vocabulary = load_vocab(vocabulary)
        special = _texts(merged[name] for name in (*NAMES, ADDITIONAL) if merged.get(name))
        return not keeps_case(vocabulary, self.source, special_tokens=special)

    def _file_options(self, backend: dict[str, Any]) -> dict[str, Any]:
        options = normalizer_options(backend)
        named = {**self.special_tokens, **self.config}
        options |= {
            key: _as_token(value)
            for key, value in named.items()
            if key not in HOUSEKEEPING and not (value is None and key in FLAGS)
        }
        # transformers 5 renamed the list of unnamed special tokens.
        extra = self.config.get("extra_special_tokens")
        if isinstance(extra, list) and extra and not options.get(ADDITIONAL):
            options[ADDITIONAL] = _as_token(extra)
        return options

    def _added(self, backend: dict[str, Any]) -> dict[int, AddedToken]:
        """The added tokens by id, from the newest of the three places that may list them."""
        if "added_tokens_decoder" in self.config:
            listed = self.config["added_tokens_decoder"].items()
            return {int(index): token_from_facts(facts) for index, facts in listed}
        tokens = {
            facts["id"]: token_from_facts(facts) for facts in backend.get("added_tokens") or ()
        }
        special = set(_texts(self.special_tokens.values()))
        for content, index in self.added_tokens.items():
            is_special = content in special
            token = AddedToken(content, special=is_special, normalized=not is_special)
            tokens.setdefault(index, token)
        return tokens


def find_tokenizer(source: str | os.PathLike[str], kwargs: dict[str, Any]) -> TokenizerFiles:
    """The tokenizer's files at `source`; takes the hub's keywords out of `kwargs`.

    Raises:
        CheckpointError: nothing there, no vocabulary, or a file that is not JSON.
    """
    for name in NOT_NEEDED:
        kwargs.pop(name, None)
    options = take_hub_options(kwargs)
    path = resolve(source, want="tokenizer", **options.as_keywords())
    if path.is_file():
        is_backend = path.suffix == ".json"
        return TokenizerFiles(
            str(source),
            vocabulary=None if is_backend else path,
            backend=path if is_backend else None,
        )
    vocabulary, backend = path / VOCABULARY, path / BACKEND
    if not vocabulary.is_file() and not backend.is_file():
        raise CheckpointError(
            f"A tokenizer needs {VOCABULARY} or {BACKEND}: got the folder {path} with neither. "
            "Name the folder that holds one of them."
        )
    config, special, added = (
        read_optional_json(path / name) for name in (CONFIG, SPECIAL_TOKENS, ADDED_TOKENS)
    )
    check_settings(config, path / CONFIG)
    check_settings(special, path / SPECIAL_TOKENS)
    check_added_tokens(added, path / ADDED_TOKENS)
    return TokenizerFiles(
        str(source),
        vocabulary=vocabulary if vocabulary.is_file() else None,
        backend=backend if backend.is_file() else None,
        config=config,
        special_tokens=special,
        added_tokens=added,
    )


def read_backend(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of a tokenizer.json, of which this package reads a part itself.

    Raises:
        CheckpointError: it is not JSON, or a part has another type than it must have.
    """
    backend = read_json(path)
    check_backend(backend, Path(path))
    return backend


def vocabulary_of(backend: dict[str, Any], path: Path | None) -> dict[str, int]:
    """The WordPiece vocabulary inside a parsed tokenizer.json."""
    model = backend.get("model") or {}
    vocabulary = model.get("vocab")
    # Old versions of the library wrote no "type" for WordPiece.
    if model.get("type", "WordPiece") != "WordPiece" or not isinstance(vocabulary, dict):
        raise CheckpointError(
            f"{BACKEND} must hold a WordPiece model: got {model.get('type')!r} in {path}. "
            "DistilBERT cannot use another kind of vocabulary."
        )
    return vocabulary


def normalizer_options(backend: dict[str, Any]) -> dict[str, Any]:
    """The constructor options that correspond to the BertNormalizer of a parsed tokenizer.json."""
    normalizer = backend.get("normalizer") or {}
    if normalizer.get("type") != "BertNormalizer":
        return {}
    return {
        option: normalizer[name]
        for name, option in NORMALIZER_OPTIONS.items()
        if name in normalizer
    }


def _as_token(value: Any) -> Any:
    """`value`, with the dicts that describe tokens replaced by tokens."""
    if isinstance(value, list):
        return [_as_token(item) for item in value]
    if isinstance(value, dict) and "content" in value:
        return token_from_facts(value)
    return value


def _texts(values: Any) -> list[str]:
    """The texts of special tokens written as strings, tokens, dicts or lists of these."""
    texts: list[str] = []
    for value in values:
        if isinstance(value, list | tuple):
            texts += _texts(value)
        elif isinstance(value, AddedToken):
            texts.append(value.content)
        else:
            texts.append(value["content"] if isinstance(value, dict) else value)
    return texts
