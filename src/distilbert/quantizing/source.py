"""What is quantized: an exported model as it is, or a checkpoint that is exported first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn

from distilbert.checkpoint.sentence_modules import read_embedding_options
from distilbert.digests import files_digest
from distilbert.errors import InputError
from distilbert.exported import Exported, choose_exported, find_exported
from distilbert.exporting.export import export
from distilbert.heads import HEADS, head_of_class
from distilbert.load_options import LoadOptions
from distilbert.opening import FoundModel, OpenModel, find_model, open_model
from distilbert.runtimes.bucket_runner import BucketRunner

# What a checkpoint is exported for, and whose files are read: our graph.
RUNTIME = "onnx"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asks to quantize.

    Attributes:
        head: None for that of the model.
        loading: `num_threads`, and the options of the hub.
        export_options: further keywords of `export`, for a checkpoint; None where the user gave
            none.
    """

    model: str | PathLike[str]
    head: str | None
    loading: LoadOptions
    export_options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class QuantizeSource:
    """A float32 model that was opened.

    Attributes:
        name: as the user gave it.
        folder: with its settings.
        file: the model itself.
        pooling, normalize: those of a sentence encoder, else None and False.
        facts: what the manifest of the quantized model says about its source.
    """

    name: str
    model: OpenModel
    folder: Path
    file: Path
    pooling: str | None
    normalize: bool
    facts: Mapping[str, Any]


def open_source(wanted: Wanted, folder: Path) -> QuantizeSource:
    """Open an ONNX file, or export a checkpoint as one into `folder`, which must not exist.

    Raises:
        CheckpointError, ExportError: as `export`.
        InputError: `head` is not that of the exported model, options do not fit one, or it has no
            ONNX file.
    """
    model, head, loading = wanted.model, wanted.head, wanted.loading
    given = {name: one for name, one in wanted.export_options.items() if one is not None}
    found = choose_exported(model, None, LoadOptions(hub=loading.hub, formats=loading.formats))
    if found is not None and found.runtime != RUNTIME:
        found = find_exported(found.folder, RUNTIME) or _refuse(found)
    if found is None:
        hub = {**loading.hub.as_keywords(), **loading.formats}
        export(model, folder, to=RUNTIME, head=head, variant=loading.variant, **given, **hub)
        found = find_exported(folder, RUNTIME)
        assert found is not None
    elif given:
        raise InputError(
            f"`{next(iter(given))}` is for checkpoints: got it with {found.file}, which is "
            f"exported already."
        )
    return _opened(wanted, found)


def _refuse(found: Exported) -> NoReturn:
    if "quantization" in found.manifest:
        raise InputError(
            f"`model` must not be quantized: {found.file} is already. Use the model that it was "
            f"made from."
        )
    raise InputError(
        f"A model to quantize must be a checkpoint or an ONNX file: {found.file} is neither. Use "
        f"the checkpoint that it was exported from."
    )


def _opened(wanted: Wanted, found: Exported) -> QuantizeSource:
    name = str(wanted.model)
    options = LoadOptions(runtime=RUNTIME, num_threads=wanted.loading.num_threads)
    opened = open_model(
        FoundModel(name=name, folder=found.folder, options=options, exported=found),
        _head(found, wanted.head),
    )
    if isinstance(opened.runner, BucketRunner):
        raise InputError(
            f"A model to quantize must take batches of any size: {found.file} takes some sizes "
            f"only. Use the checkpoint that it was exported from."
        )
    stored = (
        read_embedding_options(found.folder, opened.max_length) if opened.head == "base" else {}
    )
    return QuantizeSource(
        name=name,
        model=opened,
        folder=found.folder,
        file=found.file,
        pooling=stored.get("pooling"),
        normalize="pooling" in stored and stored.get("normalize", False),
        facts=found.manifest.get("source")
        or {"name": Path(name).name, "sha256": files_digest([found.file])},
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
