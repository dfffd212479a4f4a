"""The target "torch": a checkpoint with weights in int8 and the ranges of what they multiply.

PyTorch's runner multiplies integers where a layer has a range. Every framework reads the same file
as a checkpoint in float32.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint import format_safetensors, int8_rows
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.exporting.source import ExportSource, read_export_source
from distilbert.heads import HEADS
from distilbert.load_options import LoadOptions
from distilbert.opening import OpenModel, find_model, framework_module, open_model
from distilbert.quantizing.calibration import MOST_TEXTS, check_known, ends_of, join_ranges
from distilbert.quantizing.plan import Plan
from distilbert.quantizing.source import QuantizeSource, Wanted
from distilbert.quantizing.targets import TARGETS
from distilbert.runner import Runner

WEIGHTS = TARGETS["torch"].files[0]
TABLE = "embeddings.word_embeddings"


def open_job(wanted: Wanted, plan: Plan, place: Path) -> TorchJob:
    """The job of a checkpoint; see `distilbert.quantizing.targets.OpenJob`."""
    found = find_model(wanted.model, framework="torch", options=wanted.loading)
    given = {name: wanted.export_options.get(name) for name in ("pooling", "normalize")}
    source = read_export_source(found, head=wanted.head, **given)
    return TorchJob(source, plan, place, num_threads=wanted.loading.num_threads)


class TorchJob:
    """A checkpoint to quantize; see `distilbert.quantizing.targets.Job`."""

    def __init__(
        self, exported: ExportSource, plan: Plan, place: Path, *, num_threads: int | None
    ) -> None:
        self.plan, self.exported, self.num_threads = plan, exported, num_threads
        self.candidates = (place / f"candidate-{number}" for number in count())
        self.candidate: Path | None = None
        folder = place / "float32"
        save_checkpoint(folder, exported.arrays, exported.config, head=exported.head)
        exported.write_settings(folder)
        self.arrays, self.metadata = format_safetensors.read(folder / WEIGHTS)
        self.n_bytes = (folder / WEIGHTS).stat().st_size
        self.model: OpenModel = self._open(folder)
        self.model.config.name_or_path = exported.config.name_or_path  # no temporary folder
        self.source = QuantizeSource(
            name=exported.found.name,
            model=self.model,
            folder=exported.found.folder,
            file=folder / WEIGHTS,
            pooling=exported.pooling,
            normalize=exported.normalize,
            facts={"name": Path(exported.found.name).name, "sha256": exported.sha256},
        )
        self.pad_id: int = self.model.tokenizer.pad_token_id or 0
        self.layers = {
            name: self._matrices(name)
            for name in (TABLE, *self._kernels.int8_layers(self._encoder))
        }
        self.ranges: dict[str, tuple[float, float]] = {}
        self.n_calibration = 0

    def calibrate(self, sequences: list[np.ndarray]) -> None:
        """Measure the ranges of what every layer multiplies."""
        check_known(sequences, self.model.tokenizer)
        names = [name for name in self.layers if name != TABLE]
        texts = sequences[:MOST_TEXTS]
        found = [
            [ends_of(inputs[name]) for name in names]
            for inputs in self._kernels.inputs_of_layers(self._encoder, texts)
        ]
        self.ranges = join_ranges(names, found, self.plan.ranges)
        self.n_calibration = len(found)

    def runner_of(self, names: Sequence[str]) -> Runner:
        """A new runner with these layers in int8 and all others in float32."""
        # A file that an earlier runner has mapped must not change: every candidate has its own.
        if self.candidate is not None:
            shutil.rmtree(self.candidate, ignore_errors=True)
        self.candidate = next(self.candidates)
        self.candidate.mkdir()
        self.exported.write_settings(self.candidate)
        self.write(names, self.candidate)
        return self.reopen(self.candidate)

    def write(self, names: Sequence[str], folder: Path) -> list[Path]:
        """Write the weights, with these layers in int8."""
        file = folder / WEIGHTS
        matrices = {matrix for name in names for matrix in self.layers[name]}
        ranges = {name: self.ranges[name] for name in names if name in self.ranges}
        written = {"matrices": matrices, "input_ranges": ranges}
        int8_rows.write(file, self.arrays, self.metadata, **written)
        return [file]

    def reopen(self, folder: Path) -> Runner:
        """The runner of what `write` has written."""
        return self._open(folder).runner

    def _open(self, folder: Path) -> OpenModel:
        """A model on the CPU: no other device computes in int8."""
        options = LoadOptions(num_threads=self.num_threads)
        how: dict[str, Any] = {"framework": "torch", "device": "cpu", "options": options}
        return open_model(folder, self.exported.head, **how)

    @property
    def _kernels(self) -> Any:
        return framework_module("torch", "int8", "quantize for PyTorch")

    @property
    def _encoder(self) -> Any:
        runner: Any = self.model.runner
        return runner.model.base_model

    def _matrices(self, name: str) -> list[str]:
        """The names in the file of the matrices of a layer."""
        parts = [name]
        if name.endswith(".qkv"):
            parts = [f"{name.removesuffix('qkv')}{one}" for one in ("q_lin", "k_lin", "v_lin")]
        ends = tuple(f"{part}.weight" for part in parts)
        return [one for one in self.arrays if one.endswith(ends)]

    def facts(self) -> Mapping[str, Any]:
        """The outputs."""
        return {"outputs": [*HEADS[self.exported.head].outputs]}
