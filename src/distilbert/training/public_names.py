"""Names of models and data as a model card may show them: without folders of this machine."""

from __future__ import annotations

import re
from pathlib import Path

from distilbert.checkpoint.hub import EMBEDDED

# `owner/name`, or one of the old names without an owner.
HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def hub_model(source: str) -> str | None:
    """The model's name on the hub, unless it came from somewhere else."""
    is_name = HUB_NAME.fullmatch(source) and source != EMBEDDED
    return source if is_name and not Path(source).exists() else None


def public_name(source: str) -> str:
    """The source without its hashes, or folders of the machine the model was trained on."""
    if source.startswith("memory:"):
        return f"rows passed in Python ({source.removeprefix('memory:')})"
    if source.startswith(("hub:", "pypi:")) or hub_model(source):
        return source.partition("#")[0]
    return re.split(r"[\\/]", source.rstrip("\\/"))[-1] or source
