"""What a sentence-transformers folder says about embedding: pooling, window length, scaling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distilbert.errors import CheckpointError

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
    modules = _read(folder / "modules.json", list) or []
    kinds = {str(module.get("type", "")).rpartition(".")[2]: module for module in modules}
    if "Normalize" in kinds:
        options["normalize"] = True
    place = kinds.get("Pooling", {}).get("path") or "1_Pooling"
    pooling = _read(folder / place / "config.json", dict)
    if pooling is not None:
        options["pooling"] = _mode(pooling, folder / place / "config.json")
    limits = _read(folder / "sentence_bert_config.json", dict) or {}
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


def _read(path: Path, kind: type) -> Any:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"A .json file must hold JSON: {path} does not ({error}).") from None
    if not isinstance(content, kind):
        raise CheckpointError(
            f"{path} must hold a JSON {kind.__name__}: got {type(content).__name__}."
        )
    return content
