"""The identity of a run: what must be equal for it to continue from a checkpoint.

Fields of the card are compared by value; weights by a hash of their content, so that their files
may be moved but not changed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from distilbert.checkpoint.sentence_modules import transformer_folder
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.config_file import CONFIG_NAME
from distilbert.digests import file_sha256, files_digest
from distilbert.opening import FoundModel
from distilbert.training.card import Card


def card_identity(card: Card, without: Collection[str]) -> dict[str, Any]:
    """The fields of a card, except for the fields and sections in `without`."""
    found: dict[str, Any] = {}
    for name, value in card.model_dump(exclude={*without}).items():
        found |= value if isinstance(value, dict) else {name: value}
    return {name: value for name, value in found.items() if name not in without}


def model_identity(found: FoundModel, of: str) -> dict[str, str]:
    """Hashes of the config and the weights of a model; `of` says in errors which one it is."""
    if found.folder.is_file():
        return {f"the weights of {of}": file_sha256(found.folder)}
    folder = transformer_folder(found.folder)
    variant = found.options.variant
    weights = (WEIGHT_FILES[kind].present(folder, variant) for kind in found.formats)
    first = next((names for names in weights if names), [])
    return {
        f"the config of {of}": files_digest([folder / CONFIG_NAME]),
        f"the weights of {of}": files_digest([folder / name for name in first]),
    }
