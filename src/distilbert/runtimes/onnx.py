"""ONNX files: onnxruntime computes them, NumPy in and out.

Needs no framework and not the package onnx. The file may come from another exporter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.checkpoint.foreign_names import is_inside
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.input_checks import WANTED_INPUT
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS
from distilbert.runtimes.file_runner import FileRunner, Value, check_file_dtype
from distilbert.runtimes.onnx_contents import Contents, read_contents
from distilbert.threads import check_threads, fitting_threads

# Domains of operators that onnxruntime brings: its own optimizer writes them into files.
KNOWN_DOMAINS = ("com.microsoft", "com.microsoft.nchwc", "ai.onnx.ml")
INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
# Device -> onnxruntime's name for what computes there.
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
FATAL = 4  # of onnxruntime's log; errors arrive as exceptions


def load_runner(
    file: Path,
    config: DistilBertConfig,
    head: str,
    *,
    device: Any = None,
    dtype: Any = None,
    num_threads: int | None = None,
) -> FileRunner:
    """The runner of an ONNX file that computes `head`.

    Args:
        device: "cpu" (the default) or "cuda".
        num_threads: that compute one batch together, see `distilbert.threads`.

    Raises:
        CheckpointError: the file is damaged, refers to files outside its folder or to custom
            operators, or does not compute `head` for batches of any size.
        InputError: the device or the number of threads is not available, or `dtype` is given, which
            the file decides.
        MissingDependencyError: onnxruntime is not installed.
    """
    check_file_dtype(dtype, file)
    session = OnnxSession(file, device=device, num_threads=num_threads)
    n_tokens = ACCELERATOR_BATCH_TOKENS if session.is_accelerated else CPU_BATCH_TOKENS
    return FileRunner(session, file, config, head, preferred_batch_tokens=n_tokens)


class OnnxSession:
    """A session of onnxruntime; see `distilbert.runtimes.file_runner.Session`.

    Attributes:
        session: onnxruntime's own.
        is_accelerated: whether something else than the CPU computes.
    """

    kind = "An ONNX file"
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]

    def __init__(self, file: Path, *, device: Any, num_threads: int | None) -> None:
        runtime = require("onnxruntime", "run ONNX files")
        provider = _provider(runtime, device)
        options = _options(runtime, num_threads)
        self.is_accelerated = provider != PROVIDERS["cpu"]
        _check_self_contained(read_contents(file), file)
        try:
            self.session = runtime.InferenceSession(str(file), options, providers=[provider])
        except Exception as error:  # onnxruntime's have no common class
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"onnxruntime cannot open {file}: {reason}") from None
        self.inputs, self.outputs = (
            {one.name: Value(one.type, INTEGERS.get(one.type), one.shape) for one in values}
            for values in (self.session.get_inputs(), self.session.get_outputs())
        )
        optional = {one.name for one in self.session.get_overridable_initializers()}
        self.has_wanted = WANTED_INPUT in optional

    def run(self, names: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs `names`."""
        return self.session.run(list(names), dict(feeds))

    def close(self) -> None:
        """Release the memory of the session."""
        del self.session


def _provider(runtime: Any, device: Any) -> str:
    kind = str(device or "cpu").partition(":")[0]
    available = [
        name for name, one in PROVIDERS.items() if one in runtime.get_available_providers()
    ]
    if kind not in available:
        raise InputError(
            f"`device` must be one that onnxruntime can use here ({', '.join(available)}): got "
            f"{str(device)!r}."
        )
    return PROVIDERS[kind]


def _options(runtime: Any, num_threads: int | None) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = FATAL
    options.enable_mem_pattern = False  # it would keep a plan for every shape of a batch
    check_threads(num_threads)
    options.intra_op_num_threads = fitting_threads(num_threads) or 0  # 0: as many as cores
    return options


def _check_self_contained(contents: Contents, file: Path) -> None:
    """Raise CheckpointError for files outside the folder, missing ones, and custom operators."""
    foreign = contents.foreign_domains(KNOWN_DOMAINS)
    if foreign:
        raise CheckpointError(
            f"An ONNX file must use standard operators or those of onnxruntime: {file} needs "
            f"custom ones ({', '.join(foreign)}), whose code would be outside of this package."
        )
    for location in sorted(contents.locations):
        if not location or not is_inside(location):
            raise CheckpointError(
                f"An ONNX file may only refer to data in its own folder: {file} names {location!r}."
            )
        if not (file.parent / location).is_file():
            raise CheckpointError(
                f"An ONNX file with external data must be next to them: {file} needs {location}, "
                f"which is missing."
            )
