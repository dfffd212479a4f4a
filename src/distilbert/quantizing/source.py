"""What is quantized: an exported model as it is, or a checkpoint that is exported first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert.checkpoint.sentence_modules import read_embedding_options
from distilbert.digests import files_digest
from distilbert.errors import InputError
from distilbert.exported import Exported, choose_exported
from distilbert.exporting.export import export
from distilbert.heads import HEADS, head_of_class
from distilbert.load_options import LoadOptions
from distilbert.opening import FoundModel, OpenModel, find_model, open_model


@dataclass(frozen=True, kw_only=True)
class QuantizeSource:
    """A float32 model that a runtime opened.

    Attributes:
        name: as the user gave it.
        pooling, normalize: those of a sentence encoder, else None and False.
        facts: what the manifest of the quantized model says about its source.
    """

    name: str
    model: OpenModel
    exported: Exported
    pooling: str | None
    normalize: bool
    facts: Mapping[str, Any]


def open_source(
    model: str | PathLike[str],
    folder: Path,
    *,
    runtime: str,
    head: str | None,
    loading: LoadOptions,
    export_options: Mapping[str, Any],
) -> QuantizeSource:
    """Open an exported model, or export a checkpoint into `folder`, which must not exist.

    Args:
        loading: `num_threads`, and the options of the hub.
        export_options: further keywords of `export`, for a checkpoint.

    Raises:
        CheckpointError, ExportError: as `export`.
        InputError: `head` is not that of the exported model, or options do not fit one.
    """
    found = choose_exported(model, None, LoadOptions(hub=loading.hub, formats=loading.formats))
    if found is not None and found.runtime != runtime:
        found = choose_exported(model, None, LoadOptions(runtime=runtime))
    if found is None:
        hub = {**loading.hub.as_keywords(), **loading.formats}
        given = {name: one for name, one in export_options.items() if one is not None}
        export(model, folder, to=runtime, head=head, variant=loading.variant, **given, **hub)
        found = choose_exported(folder, None, LoadOptions(runtime=runtime))
        assert found is not None
    elif unfit := [name for name, one in export_options.items() if one is not None]:
        raise InputError(
            f"`{unfit[0]}` is for checkpoints: got it with {found.file}, which is exported already."
        )
    options = LoadOptions(runtime=runtime, num_threads=loading.num_threads)
    opened = open_model(
        FoundModel(name=str(model), folder=found.folder, options=options, exported=found),
        _head(found, head),
    )
    stored = (
        read_embedding_options(found.folder, opened.max_length) if opened.head == "base" else {}
    )
    return QuantizeSource(
        name=str(model),
        model=opened,
        exported=found,
        pooling=stored.get("pooling"),
        normalize="pooling" in stored and stored.get("normalize", False),
        facts=found.manifest.get("source")
        or {"name": Path(str(model)).name, "sha256": files_digest([found.file])},
    )


def _head(found: Exported, wanted: str | None) -> str:
    """The head of an exported model: that of its manifest, else of the class in its config."""
    if wanted is not None:
        return wanted
    if "head" in found.manifest:
        return str(found.manifest["head"])
    from distilbert.config import DistilBertConfig

    names = DistilBertConfig.from_pretrained(found.folder).architectures or []
    heads = [head for head in map(head_of_class, names) if head is not None]
    if not heads:
        raise InputError(
            f"`head` must be given, because the config in {found.folder} does not name the class "
            f"of the model: one of {', '.join(HEADS)}."
        )
    return heads[0].name


def reopen(folder: Path, runtime: str, head: str, num_threads: int | None) -> OpenModel:
    """The model in a folder, opened as users open it."""
    options = LoadOptions(runtime=runtime, num_threads=num_threads)
    return open_model(find_model(folder, options=options), head)
