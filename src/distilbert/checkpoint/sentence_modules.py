"""What the JSON files of a sentence-transformers folder say: modules, pooling, length."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert.checkpoint.foreign_names import is_inside
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError, shown
from distilbert.json_files import read_json, read_optional_json

MODULES = "modules.json"
# Flag in 1_Pooling/config.json -> our name.
_MODES = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}


def read_modules(folder: str | PathLike[str]) -> list[dict[str, Any]]:
    """The entries of `modules.json` in order; an empty list when there is no such file.

    Raises:
        CheckpointError: the file has another form, or names a folder outside of its folder.
    """
    path = Path(folder) / MODULES
    if not path.is_file():
        return []
    modules = read_json(path, list)
    if not all(isinstance(m, dict) and is_inside(m.get("path", "")) for m in modules):
        raise CheckpointError(
            f"`{MODULES}` must list modules in folders below its own: {path} does not."
        )
    return modules


def module_kind(module: dict[str, Any]) -> str:
    """The class of a module without its package, such as "Transformer" or "Pooling"."""
    return str(module.get("type", "")).rpartition(".")[2]


def transformer_folder(folder: str | PathLike[str]) -> Path:
    """The folder with the transformer's config: `folder`, or the one that `modules.json` names."""
    folder = Path(folder)
    if (folder / CONFIG_NAME).is_file():
        return folder
    modules = read_modules(folder)
    return folder / modules[0].get("path", "") if modules else folder


def read_embedding_options(folder: Path, longest: int) -> dict[str, Any]:
    """The options `pooling`, `normalize` and `max_length` of a sentence-transformers folder.

    Only those that the folder sets; {} for a plain model. `longest`, the number of tokens that the
    model can take, limits `max_length`.

    Raises:
        CheckpointError: a file is invalid, or names an unknown kind of pooling.
    """
    options: dict[str, Any] = {}
    kinds = {module_kind(module): module for module in read_modules(folder)}
    if "Normalize" in kinds:
        options["normalize"] = True
    place = kinds.get("Pooling", {}).get("path") or "1_Pooling"
    path = folder / place / "config.json"
    if path.is_file():
        options["pooling"] = _mode(read_json(path), path)
    path = folder / "sentence_bert_config.json"
    limit = read_optional_json(path).get("max_seq_length")
    if limit:
        if not isinstance(limit, int) or limit < 1:
            raise CheckpointError(
                f"`max_seq_length` must be a number of tokens: got {shown(limit)} in {path}."
            )
        options["max_length"] = min(limit, longest)
    return options


def sentence_files(pooling: str, normalize: bool, dim: int) -> dict[str, bytes]:
    """The files, by name, that say how a sentence encoder of width `dim` makes its vectors."""
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalize else [])]
    modules = [
        {
            "idx": i,
            "name": str(i),
            "path": f"{i}_{kind}" if i else "",
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, kind in enumerate(kinds)
    ]
    flags = {flag: mode == pooling for flag, mode in _MODES.items()}
    contents = {
        MODULES: modules,
        f"1_Pooling/{CONFIG_NAME}": {"word_embedding_dimension": dim, **flags},
    }
    return {name: (json.dumps(one, indent=2) + "\n").encode() for name, one in contents.items()}


def _mode(pooling: dict[str, Any], path: Path) -> str:
    if isinstance(pooling.get("pooling_mode"), str):  # newer files name the mode
        modes = [pooling["pooling_mode"]]
    else:
        flags = [name for name in pooling if name.startswith("pooling_mode_") and pooling[name]]
        modes = [_MODES.get(flag, flag.removeprefix("pooling_mode_")) for flag in flags]
    if len(modes) != 1 or modes[0] not in _MODES.values():
        raise CheckpointError(
            f"Pooling must be one of mean, cls, max: {path} asks for {', '.join(modes) or 'none'}. "
            "Pass `pooling=`."
        )
    return modes[0]
