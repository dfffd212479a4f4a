"""The identity of a run: what must be equal for it to continue from a checkpoint.

Fields of the card are compared by value; rows, tokenizer and weights by a hash of their content,
so that their files may be moved but not changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from distilbert.checkpoint.sentence_modules import transformer_folder
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.config_file import CONFIG_NAME
from distilbert.digests import digest, file_sha256, files_digest
from distilbert.finetuning.datasets import Examples
from distilbert.opening import FoundModel
from distilbert.tokenization.identity import tokenizer_digest
from distilbert.training.run_card import RunCard

# Files are compared by content; [run] and these fields do not affect training.
_NOT_DECISIVE = {"model", "output", "data", "run", "search", "teacher"}
_NOT_DECISIVE |= {"bootstrap", "eval_batch_tokens"}


def card_identity(card: RunCard) -> dict[str, Any]:
    """The fields of a card that affect training."""
    found: dict[str, Any] = {}
    for name, value in card.model_dump(exclude=_NOT_DECISIVE).items():
        found |= value if isinstance(value, dict) else {name: value}
    return {name: value for name, value in found.items() if name not in _NOT_DECISIVE}


def data_identity(examples: Examples) -> dict[str, str]:
    """The labels in their order, and a hash of the rows of each part."""
    labels = tuple(getattr(examples.task, "labels", ()))
    found = {} if not labels else {"the labels": digest([labels])}
    for name in ("train", "dev", "test"):
        if rows := getattr(examples, name):
            found[f"the rows of {name}"] = digest(_content(row, labels) for row in rows)
    return found


def tokenizer_identity(tokenizer: Any) -> dict[str, str]:
    """A hash of all that a tokenizer would save."""
    return {"the tokenizer": tokenizer_digest(tokenizer)}


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


def _content(example: Any, labels: Sequence[str]) -> tuple[Any, ...]:
    """What an example holds, with names of labels, and without the place it comes from."""
    names = (field.name for field in fields(example) if field.name != "place")
    values = {name: getattr(example, name) for name in names}
    if labels and "truth" in values:
        truth = values["truth"]
        numbers = truth if isinstance(truth, tuple) else (truth,)
        is_label = [isinstance(n, int) and n < len(labels) for n in numbers]
        values["truth"] = [
            labels[n] if named else n for n, named in zip(numbers, is_label, strict=True)
        ]
    return tuple(values.values())
