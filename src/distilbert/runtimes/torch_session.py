"""A file that PyTorch computes: device, threads, and arrays to tensors and back.

Needs PyTorch, but none of this package's models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.input_checks import WANTED_INPUT
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS
from distilbert.runtimes.file_runner import FileRunner, Value, check_file_dtype
from distilbert.threads import check_threads, fitting_threads, torch_threads

# The function of a file, its inputs with their axes as in `Value`, and the names of its outputs.
Opened = tuple[
    Callable[..., Mapping[str, Any]], Mapping[str, Sequence[int | None] | None], Sequence[str]
]
# Opens a file on a device, with the module torch.
Opener = Callable[[Any, Path, Any], Opened]
# What a function raises for arrays that it does not take, or if it returns something else than
# tensors.
REFUSALS = (RuntimeError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


def load_torch_runner(
    file: Path,
    config: DistilBertConfig,
    head: str,
    *,
    kind: str,
    opener: Opener,
    device: Any,
    dtype: Any,
    num_threads: int | None,
) -> FileRunner:
    """The runner of a file that `opener` opens; `kind` and errors as in the modules of files."""
    check_file_dtype(dtype, file)
    check_threads(num_threads)
    session = TorchSession(file, kind, opener, device=device, num_threads=num_threads)
    is_cpu = session.device.type == "cpu"
    n_tokens = CPU_BATCH_TOKENS if is_cpu else ACCELERATOR_BATCH_TOKENS
    return FileRunner(session, file, config, head, preferred_batch_tokens=n_tokens)


class TorchSession:
    """A file on a device; see `distilbert.runtimes.file_runner.Session`.

    Attributes:
        device: a `torch.device`.
    """

    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]

    def __init__(
        self, file: Path, kind: str, opener: Opener, *, device: Any, num_threads: int | None
    ) -> None:
        self.kind, self.file = kind, file
        self._torch: Any = require("torch", "run files of PyTorch")
        self.num_threads = fitting_threads(num_threads, self._torch.get_num_threads())
        self.device = _device(self._torch, device)
        self._function, inputs, outputs = opener(self._torch, file, self.device)
        self.inputs = {name: Value("Tensor", np.int64, axes) for name, axes in inputs.items()}
        self.outputs = {name: Value("Tensor", None, None) for name in outputs}
        self._wanted: Any = getattr(self._function, WANTED_INPUT, None)
        self.has_wanted: bool = self._wanted is not None

    def run(self, names: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs `names`.

        Raises:
            CheckpointError: the file does not take these arrays.
        """
        torch = self._torch
        with torch.inference_mode(), torch_threads(torch, self.num_threads):
            # A tensor of an array that may only be read would warn.
            names_given = [name for name in (*self.inputs, WANTED_INPUT) if name in feeds]
            tensors = [torch.from_numpy(feeds[one].copy()).to(self.device) for one in names_given]
            function = self._wanted if WANTED_INPUT in feeds else self._function
            try:
                found = function(*tensors)
                return [found[name].float().cpu().numpy() for name in names]
            except REFUSALS as error:
                raise CheckpointError(
                    f"PyTorch cannot compute {self.file}: {reason_of(error)}"
                ) from None

    def close(self) -> None:
        """Release the memory of the model."""
        del self._function, self._wanted


def reason_of(error: Exception) -> str:
    """The line of an error of PyTorch that says what is wrong, the last."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


def _device(torch: Any, device: Any) -> Any:
    try:
        chosen = torch.device(str(device or "cpu"))
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"`device` must be one that PyTorch can use here: got {str(device)!r} ({reason})."
        ) from None
    return chosen
