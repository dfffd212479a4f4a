"""TF-Lite files: TensorFlow Lite computes them, NumPy in and out.

Needs TensorFlow, but none of this package's models. The file may come from another exporter.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.runner import CPU_BATCH_TOKENS
from distilbert.runtimes.file_runner import FileRunner, Value, check_file_dtype
from distilbert.runtimes.tflite_contents import KIND, read_contents
from distilbert.threads import asked_threads, check_threads

INTEGERS = {"int64": np.int64, "int32": np.int32}


def load_runner(
    file: Path,
    config: DistilBertConfig,
    head: str,
    *,
    device: Any = None,
    dtype: Any = None,
    num_threads: int | None = None,
) -> FileRunner:
    """The runner of a TF-Lite file that computes `head`.

    Args:
        device: "cpu", where TensorFlow Lite computes in Python.
        num_threads: that compute one batch together; None lets TensorFlow Lite choose.

    Raises:
        CheckpointError: the file is damaged, needs custom operators, or does not compute `head`
            for batches of any size.
        InputError: another device, a wrong number of threads, or `dtype`, which the file decides.
        MissingDependencyError: TensorFlow is not installed.
    """
    check_file_dtype(dtype, file)
    check_threads(num_threads)
    if device is not None and str(device) != "cpu":
        raise InputError(f"`device` must be 'cpu' for a TF-Lite file: got {str(device)!r}.")
    session = TfLiteSession(file, num_threads=num_threads)
    return FileRunner(session, file, config, head, preferred_batch_tokens=CPU_BATCH_TOKENS)


class TfLiteSession:
    """An opened file; see `distilbert.runtimes.file_runner.Session`."""

    kind = KIND
    has_wanted = False  # TensorFlow's converter keeps one function of a model
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]

    def __init__(self, file: Path, *, num_threads: int | None) -> None:
        self._tensorflow: Any = require("tensorflow", "run TF-Lite files")
        read_contents(file).check(KIND, file)
        self._file, self._num_threads = file, asked_threads(num_threads)
        # An interpreter computes one batch at a time; as many are kept as threads needed at once.
        first = self._open()
        self._idle = [first]
        self.inputs = {
            name: _value(facts, facts["shape_signature"])
            for name, facts in first.get_input_details().items()
        }
        # Sizes of outputs are known when they are computed.
        self.outputs = {
            name: _value(facts, None) for name, facts in first.get_output_details().items()
        }

    def run(self, names: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs `names`."""
        try:
            runner = self._idle.pop()  # atomic, as is `append`
        except IndexError:
            runner = self._open()
        found = runner(**feeds)
        self._idle.append(runner)
        return [found[name] for name in names]

    def close(self) -> None:
        """Release the memory of the model."""
        self._idle.clear()

    def _open(self) -> Any:
        try:
            with warnings.catch_warnings():  # that the interpreter also has a package of its own
                warnings.simplefilter("ignore", UserWarning)
                interpreter = self._tensorflow.lite.Interpreter(
                    model_path=str(self._file), num_threads=self._num_threads
                )
            return interpreter.get_signature_runner()
        except (RuntimeError, ValueError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"TensorFlow Lite cannot open {self._file}: {reason}") from None


def _value(facts: Mapping[str, Any], shape: Sequence[int] | None) -> Value:
    kind = np.dtype(facts["dtype"]).name
    axes = None if shape is None else [None if size < 0 else int(size) for size in shape]
    return Value(kind, INTEGERS.get(kind), axes)
