"""SavedModels: TensorFlow computes them, NumPy in and out.

Needs TensorFlow, but none of this package's models. The model may come from another exporter, if
its signature `serving_default` takes ids and mask and returns named tensors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.input_checks import WANTED_INPUT
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS
from distilbert.runtimes.file_runner import FileRunner, Value, check_file_dtype
from distilbert.runtimes.savedmodel_contents import KIND, read_contents
from distilbert.threads import set_tensorflow_threads

SIGNATURE = "serving_default"
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
    """The runner of a SavedModel that computes `head`.

    Args:
        file: `saved_model.pb`; its variables are in the folder next to it.
        device: "cpu" (the default) or "gpu".
        num_threads: that compute one batch together; TensorFlow takes it before its first use only.

    Raises:
        CheckpointError: the model is damaged, contains operators that do more than compute with
            tensors, or does not compute `head` for batches of any size.
        InputError: the device or the number of threads is not available, or `dtype` is given, which
            the file decides.
        MissingDependencyError: TensorFlow is not installed.
    """
    check_file_dtype(dtype, file)
    session = SavedModelSession(file, device=device, num_threads=num_threads)
    is_cpu = "CPU" in session.device
    n_tokens = CPU_BATCH_TOKENS if is_cpu else ACCELERATOR_BATCH_TOKENS
    return FileRunner(session, file, config, head, preferred_batch_tokens=n_tokens)


class SavedModelSession:
    """A loaded model; see `distilbert.runtimes.file_runner.Session`.

    Attributes:
        device: TensorFlow's name of what computes.
    """

    kind = KIND
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]

    def __init__(self, file: Path, *, device: Any, num_threads: int | None) -> None:
        self._tensorflow: Any = require("tensorflow", "run SavedModels")
        set_tensorflow_threads(self._tensorflow, num_threads)
        self.device = _device(self._tensorflow, device)
        read_contents(file).check(KIND, file)
        try:
            with self._tensorflow.device(self.device):
                self._model = self._tensorflow.saved_model.load(str(file.parent))
            self._function = self._model.signatures[SIGNATURE]
            self._wanted = self._model.signatures.get(WANTED_INPUT)
        except Exception as error:  # of many kinds
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"TensorFlow cannot open {file}: {reason}") from None
        given = self._function.structured_input_signature[1]
        self.inputs = {name: _value(spec) for name, spec in given.items()}
        self.outputs = {
            name: _value(spec) for name, spec in self._function.structured_outputs.items()
        }
        self.has_wanted = self._wanted is not None

    def run(self, names: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs `names`."""
        with self._tensorflow.device(self.device):
            tensors = {name: self._tensorflow.constant(array) for name, array in feeds.items()}
            function = self._wanted if WANTED_INPUT in feeds else self._function
            found = function(**tensors)
            return [found[name].numpy() for name in names]

    def close(self) -> None:
        """Release the memory of the model."""
        del self._model, self._function, self._wanted


def _device(tensorflow: Any, device: Any) -> str:
    kind, _, number = str(device or "cpu").lower().partition(":")
    name = f"/device:{kind.replace('cuda', 'gpu').upper()}:{number or 0}"
    known = [found.name for found in tensorflow.config.list_logical_devices()]
    if name not in known:
        raise InputError(
            f"`device` must be one that TensorFlow sees: got {str(device)!r}, not "
            f"{', '.join(known)}."
        )
    return name


def _value(spec: Any) -> Value:
    axes = None if spec.shape.rank is None else spec.shape.as_list()
    return Value(spec.dtype.name, INTEGERS.get(spec.dtype.name), axes)
