"""The folder of a quantized model: the file, settings, manifest and report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.hub import MANIFEST
from distilbert.checkpoint.output_folder import Contents, new_result
from distilbert.digests import file_sha256
from distilbert.errors import ExportError
from distilbert.exporting.source import SETTINGS, write_settings
from distilbert.machine import package_version
from distilbert.quantizing.agreement import (
    Agreement,
    batches_of,
    measure_agreement,
    sample_of,
    visible_outputs,
)
from distilbert.quantizing.measuring import Line, measure_speed
from distilbert.quantizing.metric import Metric
from distilbert.quantizing.result import PLOT_FILE, REPORT_FILE, Checked, Quantized
from distilbert.quantizing.search import Choice, choose_layers
from distilbert.quantizing.targets import TARGETS, Job
from distilbert.runner import Runner

QUANTIZED = Contents(
    "quantized model",
    mark=MANIFEST,
    others=(
        *(file for target in TARGETS.values() for file in target.files),
        *SETTINGS,
        REPORT_FILE,
        PLOT_FILE,
    ),
)


def write_quantized(
    job: Job, target: Path, metric: Metric | None, sequences: list[np.ndarray]
) -> Quantized:
    """Choose the layers and write the folder, which appears once it is complete.

    Args:
        sequences: ids (S,) of texts on which agreement with float32 is measured.

    Raises:
        ExportError: the file answers otherwise than the model that was scored.
        QuantizationError: the metric does not hold.
    """
    choice = choose_layers(job, metric)
    source, head = job.source, job.model.head
    sentences = None if source.pooling is None else (source.pooling, source.normalize)
    with new_result(target, QUANTIZED) as staging:
        write_settings(source.folder, staging, job.model.config, head, sentences=sentences)
        files = job.write(choice.layers, staging)
        runner = job.reopen(staging)
        _check_same(job, runner, choice, sequences)
        done = _measured(job, runner, target, choice, sequences, files)
        runner.close()
        done.write(staging)
        manifest = json.dumps(_manifest(job, done, staging, files), indent=2) + "\n"
        (staging / MANIFEST).write_text(manifest, encoding="utf-8")
    return done


def _check_same(job: Job, runner: Runner, choice: Choice, sequences: list[np.ndarray]) -> None:
    """Raise ExportError unless the file, opened as users do, is the model that was scored."""
    scored, sample = job.runner_of(choice.layers), sample_of(sequences, seed=0)
    tokens = runner.preferred_batch_tokens
    for batch in batches_of(sample, runner.head, pad_id=job.pad_id, batch_tokens=tokens):
        pair = [visible_outputs(one, batch) for one in (scored, runner)]
        if not all(np.allclose(pair[0][name], pair[1][name], atol=1e-5) for name in pair[0]):
            raise ExportError(
                "A file must answer as the model that was scored: the quantized one does not. "
                "Nothing was written."
            )
    scored.close()


def _measured(
    job: Job,
    runner: Runner,
    target: Path,
    choice: Choice,
    sequences: list[np.ndarray],
    files: list[Path],
) -> Quantized:
    source, original = job.source, job.model.runner
    options: dict[str, Any] = {"pad_id": job.pad_id, "pooling": source.pooling}
    agreement = measure_agreement(original, runner, sequences, **options)
    size = Line("size", "MB", job.n_bytes / 1e6, sum(path.stat().st_size for path in files) / 1e6)
    return Quantized(
        folder=target,
        file=target / TARGETS[job.plan.runtime].files[0],
        runtime=job.plan.runtime,
        head=job.model.head,
        dtype=job.plan.dtype,
        mode=job.plan.mode,
        layers=choice.layers,
        kept=[name for name in job.layers if name not in choice.layers],
        errors=choice.errors,
        lines=[size, *measure_speed(original, runner), *_answers(choice.checked, agreement)],
        agreement=agreement,
        checked=choice.checked,
    )


def _answers(checked: Checked | None, agreement: Agreement) -> list[Line]:
    """The lines about answers: the metric, and agreement with float32."""
    lines = []
    if checked is not None:
        lines.append(Line(checked.metric, "", checked.before, checked.after))
    if agreement.cosine is not None:
        lines.append(Line("cosine with the vectors of float32", "", None, agreement.cosine))
    if agreement.same is not None:
        lines.append(Line("same decisions as float32", "%", None, 100 * agreement.same))
    name = "difference of the outputs from float32"
    return [*lines, Line(name, "%", None, 100 * agreement.difference)]


def _manifest(job: Job, done: Quantized, staging: Path, files: list[Path]) -> dict[str, Any]:
    plan, source = job.plan, job.source
    stored = {
        path.relative_to(staging).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": file_sha256(path),
        }
        for path in files
    }
    return {
        "runtime": plan.runtime,
        "head": done.head,
        "dtype": plan.dtype,
        **job.facts(),
        "pooling": source.pooling,
        "normalize": source.normalize,
        "files": stored,
        "source": dict(source.facts),
        "quantization": {
            **_method(job),
            "layers": done.layers,
            "float32": done.kept,
            "metric": None if done.checked is None else _brief(done.checked),
        },
        "agreement": asdict(done.agreement),
        "versions": {
            name: package_version(name) for name in ("distilbert", *TARGETS[plan.runtime].packages)
        },
    }


def _method(job: Job) -> dict[str, str | None]:
    """How the layers are quantized, in words."""
    plan = job.plan
    if plan.mode is None:
        return {"weights": plan.dtype}
    activations = TARGETS[plan.runtime].dynamic
    if plan.mode == "static":
        smooth = ", smooth" if plan.smooth else ""
        activations = f"uint8 per tensor{smooth}, {plan.ranges} of {job.n_calibration} texts"
    weights = f"int8 ({plan.bits} bits) per output channel and per row of tables"
    return {"mode": plan.mode, "weights": weights, "activations": activations}


def _brief(checked: Checked) -> dict[str, Any]:
    names = ("metric", "n_examples", "before", "after", "points_lost", "interval", "max_drop")
    return {name: getattr(checked, name) for name in names}
