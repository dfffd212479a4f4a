"""The small files (tokenizer, pooling) that a conversion copies next to the weights."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

from distilbert.checkpoint.hub import TOKENIZER_FILES
from distilbert.checkpoint.sentence_modules import (
    MODULES,
    module_kind,
    read_modules,
    transformer_folder,
)
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError
from distilbert.json_files import read_optional_json

TOKENIZER_CONFIG = "tokenizer_config.json"
TOKENIZER_CLASS = "DistilBertTokenizer"

# Settings of a sentence encoder, next to the transformer.
_SENTENCE_FILES = ("sentence_bert_config.json", "config_sentence_transformers.json")
# Modules without weights, which a DistilBERT folder can hold.
_CARRIED_MODULES = ("Transformer", "Pooling", "Normalize")
# Patterns of the names of what `carried_files` finds.
CARRIED = (*TOKENIZER_FILES, *_SENTENCE_FILES, MODULES)
CARRIED += tuple(f"*_{kind}/{CONFIG_NAME}" for kind in _CARRIED_MODULES)
# Settings for the source's tokenizer class or machine, wrong in the copy.
_STALE_KEYS = ("name_or_path", "tokenizer_file", "special_tokens_map_file", "auto_map", "backend")


def carried_files(folder: str | PathLike[str], max_length: int) -> dict[str, bytes]:
    """The content of the small files that a converted folder needs, by name.

    `tokenizer_config.json` gets DistilBERT's tokenizer class, and `max_length` if it has no limit.
    """
    folder = Path(folder)
    inner = transformer_folder(folder)
    files = _present(inner, (*TOKENIZER_FILES, *_SENTENCE_FILES))
    files |= _present(folder, _SENTENCE_FILES)
    if "vocab.txt" in files or "tokenizer.json" in files:
        settings = read_optional_json(inner / TOKENIZER_CONFIG)
        settings = {key: value for key, value in settings.items() if key not in _STALE_KEYS}
        settings["tokenizer_class"] = TOKENIZER_CLASS
        # `max_len` is the older name.
        settings.setdefault("model_max_length", settings.pop("max_len", max_length))
        if "model_input_names" in settings:
            settings["model_input_names"] = ["input_ids", "attention_mask"]
        files[TOKENIZER_CONFIG] = _json(settings)
    return files | _module_files(folder)


def _module_files(folder: Path) -> dict[str, bytes]:
    """modules.json with the transformer in the folder itself, and the settings of the others."""
    modules = read_modules(folder)
    if not modules:
        return {}
    kinds = [module_kind(module) for module in modules]
    foreign = [kind for kind in kinds if kind not in _CARRIED_MODULES]
    if foreign or kinds[0] != "Transformer":
        raise CheckpointError(
            f"A sentence encoder must consist of {', '.join(_CARRIED_MODULES)}: {folder} has "
            f"{', '.join(kinds)}. Convert the transformer's folder and add the other modules."
        )
    files: dict[str, bytes] = {}
    for module in modules[1:]:
        path = module.get("path")
        if path:  # otherwise its settings are in the folder of the transformer
            files |= _present(folder, (str(PurePosixPath(path, CONFIG_NAME)),))
    files[MODULES] = _json([{**modules[0], "path": ""}, *modules[1:]])
    return files


def _present(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
