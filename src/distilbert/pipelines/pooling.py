"""What a sentence-transformers folder says about embedding: pooling, window length, scaling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbert.checkpoint.sentence_modules import module_kind, read_modules
from distilbert.errors import CheckpointError
from distilbert.json_files import read_json, read_optional_json

# Flag in 1_Pooling/config.json -> our name.
_MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}


def read_embedding_options(folder: Path, longest: int) -> dict[str, Any]:
    """`pooling`, `normalize` and `max_length` as far as the folder says; {} for a plain model.

    `longest` is the most tokens the model can take; a folder that says more means all it can take.

    Raises:
        CheckpointError: a file is broken, or asks for a kind of pooling there is not.
    """
    options: dict[str, Any] = {}
    kinds = {module_kind(module): module for module in read_modules(folder)}
    if "Normalize" in kinds:
        options["normalize"] = True
    place = kinds.get("Pooling", {}).get("path") or "1_Pooling"
    path = folder / place / "config.json"
    if path.is_file():
        options["pooling"] = _mode(read_json(path), path)
    limits = read_optional_json(folder / "sentence_bert_config.json")
    if limits.get("max_seq_length"):
        options["max_length"] = min(int(limits["max_seq_length"]), longest)
    return options


def _mode(pooling: dict[str, Any], path: Path) -> str:
    if isinstance(pooling.get("pooling_mode"), str):  # newer files name the mode
        asked = [pooling["pooling_mode"]]
    else:
        flags = [name for name in pooling if name.startswith("pooling_mode_") and pooling[name]]
        asked = [_MODES.get(flag, flag.removeprefix("pooling_mode_")) for flag in flags]
    if len(asked) != 1 or asked[0] not in _MODES.values():
        raise CheckpointError(
            f"Pooling must be one of mean, cls, max: {path} asks for {', '.join(asked) or 'none'}. "
            "Pass `pooling=`."
        )
    return asked[0]
