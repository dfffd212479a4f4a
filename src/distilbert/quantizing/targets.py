"""The runtimes that models can be quantized for: a table, and what each has to provide.

A runtime is a line of `TARGETS` and a module with a function `open_job`. That function brings the
user's model into the runtime in float32, and returns a `Job`: the names of its layers, a runner
with any of them quantized, and a folder with them. Everything else is the same for all: the rows
and the metric, the search for the layers that must stay in float32, measurements, report and
manifest use only what `Job` names. Runtimes that read our graph share `graph_job.py`; one that
does not, such as a framework with kernels of its own, has a job of its own.

Imports no runtime: a target's module is imported when it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from distilbert._lazy import FRAMEWORKS, QUANTIZED_ONNX, RUNTIMES
from distilbert.checkpoint.sharding import WEIGHT_FILES

if TYPE_CHECKING:
    from distilbert.opening import OpenModel
    from distilbert.quantizing.plan import Plan
    from distilbert.quantizing.source import QuantizeSource, Wanted
    from distilbert.runner import Runner


class Job(Protocol):
    """One model to quantize for one runtime.

    Attributes:
        model: in float32 in the runtime; all answers are compared with those of its runner.
        layers: the names of the layers that can be quantized, in the order of computation.
        n_calibration: how many texts `calibrate` has used.
        pad_id: the padding token.
        n_bytes: of the model in float32, as files of the runtime.
    """

    source: QuantizeSource
    plan: Plan
    model: OpenModel
    n_calibration: int
    pad_id: int
    n_bytes: int

    @property
    def layers(self) -> Collection[str]: ...

    def calibrate(self, sequences: list[np.ndarray]) -> None:
        """Measure on these ids (S,) what the mode "static" needs; called before all that follows.

        Raises:
            DataError: the sequences have no tokens but unknown and special ones.
        """
        ...

    def runner_of(self, names: Sequence[str]) -> Runner:
        """A new runner with these layers quantized and all others in float32."""
        ...

    def write(self, names: Sequence[str], folder: Path) -> list[Path]:
        """Write that model below `folder`, where settings are already; the files, the first
        of `Target.files` first."""
        ...

    def reopen(self, folder: Path) -> Runner:
        """The runner of what `write` has written, opened as users open it."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """What the manifest says about the file in this runtime, `outputs` among it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A runtime that models can be quantized for.

    Attributes:
        module: has a function `open_job`, see `OpenJob`.
        packages: the import names of what has to be installed.
        files: where a folder has its quantized model; first the one that is opened.
        dynamic: how ranges of activations are found in the mode "dynamic"; None if it has none.
        dtypes: that it can store.
        takes_forms: whether values can be smoothed, and weights have 7 bits.
    """

    module: str
    packages: tuple[str, ...]
    files: tuple[str, ...]
    dynamic: str | None
    dtypes: tuple[str, ...] = ("int8", "float16", "bfloat16")
    takes_forms: bool = True

    @property
    def modes(self) -> tuple[str, ...]:
        """Those for int8, the default first."""
        return ("static",) if self.dynamic is None else ("dynamic", "static")

    def open_job(self, wanted: Wanted, plan: Plan, place: Path) -> Job:
        """Open a model; see `OpenJob`."""
        opener: OpenJob = importlib.import_module(self.module).open_job
        return opener(wanted, plan, place)


class OpenJob(Protocol):
    """Opens a model for one runtime."""

    def __call__(self, wanted: Wanted, plan: Plan, place: Path) -> Job:
        """The job of `wanted`, the user's model; `place` is a folder for temporary files.

        Raises:
            InputError: the model has no layers that can be quantized, or is quantized already.
            Others as `export`.
        """
        ...


TARGETS = {
    "onnx": Target(
        module="distilbert.quantizing.to_onnx",
        packages=("onnx", *RUNTIMES["onnx"].requirements),
        files=(QUANTIZED_ONNX[0], f"{QUANTIZED_ONNX[0]}_data"),
        dynamic="uint8 per tensor, range of each call",
    ),
    "openvino": Target(
        module="distilbert.quantizing.to_openvino",
        # onnxruntime checks the graph that a checkpoint is exported to.
        packages=("onnx", *RUNTIMES["onnx"].requirements, *RUNTIMES["openvino"].requirements),
        files=(RUNTIMES["openvino"].files[0], *RUNTIMES["openvino"].more[0]),
        dynamic="int8 per group of a token's values, range of each call, where OpenVINO does so",
    ),
    "torch": Target(
        module="distilbert.quantizing.to_torch",
        packages=FRAMEWORKS["torch"].requirements,
        files=(WEIGHT_FILES["safetensors"].single(),),
        dynamic=None,
        dtypes=("int8",),
        takes_forms=False,
    ),
}
