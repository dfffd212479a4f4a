"""`modules.json` of a sentence-transformers folder: its entries, and where the transformer is."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from distilbert.checkpoint.foreign_names import is_inside
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError
from distilbert.json_files import read_json

MODULES = "modules.json"


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
