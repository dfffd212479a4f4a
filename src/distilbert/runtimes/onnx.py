"""The ONNX runner: onnxruntime computes an exported file, NumPy in and out.

Needs no framework and not the package onnx. The file may come from another exporter.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.checkpoint.foreign_names import is_inside
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS
from distilbert.input_checks import RUNNER_INPUTS, check_batch
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS, only_wanted
from distilbert.runtimes.onnx_contents import Contents, read_contents

# Domains of operators that onnxruntime brings: its own optimizer writes them into files.
KNOWN_DOMAINS = ("com.microsoft", "com.microsoft.nchwc", "ai.onnx.ml")
INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
# What other exporters call our outputs.
OTHER_NAMES = {"last_hidden_state": "token_embeddings"}
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
) -> OnnxRunner:
    """The runner of an ONNX file that computes `head`; see `OnnxRunner`.

    Raises:
        InputError: `dtype` is given; the file decides.
    """
    if dtype is not None:
        raise InputError(
            f"`dtype` is chosen when a model is exported: got {dtype!r} for {file}. Export it "
            f"again with another `dtype`."
        )
    return OnnxRunner(file, config, head, device=device, num_threads=num_threads)


class OnnxRunner:
    """A session of onnxruntime that answers with NumPy arrays; threads may share it."""

    def __init__(
        self,
        file: Path,
        config: DistilBertConfig,
        head: str,
        *,
        device: Any = None,
        num_threads: int | None = None,
    ) -> None:
        """
        Args:
            device: "cpu" (the default) or "cuda".
            num_threads: that compute one batch together; None lets onnxruntime take every core.

        Raises:
            CheckpointError: the file is damaged, refers to files outside its folder or to custom
                operators, or does not compute `head` for batches of any size.
            InputError: the device or the number of threads is not available.
            MissingDependencyError: onnxruntime is not installed.
        """
        runtime = require("onnxruntime", "run ONNX files")
        provider = _provider(runtime, device)
        options = _options(runtime, num_threads)
        self.contents = read_contents(file)
        _check_self_contained(self.contents, file)
        try:
            self.session = runtime.InferenceSession(str(file), options, providers=[provider])
        except Exception as error:  # onnxruntime's have no common class
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"onnxruntime cannot open {file}: {reason}") from None
        self.head, self.config = head, config
        self._inputs = _fitting_inputs(self.session, head, file)
        self._outputs = _fitting_outputs(self.session, head, config, file)
        is_cpu = provider == PROVIDERS["cpu"]
        self.preferred_batch_tokens = CPU_BATCH_TOKENS if is_cpu else ACCELERATOR_BATCH_TOKENS

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        arrays = check_batch(batch, self.config, self.head)
        if not arrays[0].size:
            return only_wanted(self._empty(arrays[0].shape), wanted)
        given = zip(self._inputs.items(), arrays, strict=True)
        feeds = {name: np.ascontiguousarray(array, kind) for (name, kind), array in given}
        values = self.session.run(list(self._outputs.values()), feeds)
        outputs = dict(zip(self._outputs, values, strict=True))
        outputs = {name: np.asarray(value, np.float32) for name, value in outputs.items()}
        return only_wanted(outputs, wanted)

    def close(self) -> None:
        """Release the memory of the session; the runner cannot be used afterwards."""
        del self.session

    def _empty(self, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """The outputs for a batch without tokens, which onnxruntime cannot reshape."""
        sizes = dict(zip(HEADS[self.head].input_axes, shape, strict=True)) | _sizes(self.config)
        return {
            name: np.zeros([sizes[axis] for axis in axes], np.float32)
            for name, axes in HEADS[self.head].outputs.items()
        }


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
    if num_threads is not None:
        if isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 1:
            raise InputError(f"`num_threads` must be an integer >= 1: got {num_threads!r}.")
        options.intra_op_num_threads = num_threads
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


def _fitting_inputs(session: Any, head: str, file: Path) -> dict[str, Any]:
    """The inputs of the file in our order, with the types that it wants.

    Raises:
        CheckpointError: they are not those of a DistilBERT.
    """
    found = {one.name: one for one in session.get_inputs()}
    axes = HEADS[head].input_axes
    fits = {*found} == {*RUNNER_INPUTS} and all(
        one.type in INTEGERS and len(one.shape) == len(axes) for one in found.values()
    )
    if not fits:
        described = ", ".join(f"{one.name} {one.type} {one.shape}" for one in found.values())
        raise CheckpointError(
            f"An ONNX file for {head} must take {' and '.join(RUNNER_INPUTS)}, integers with the "
            f"axes {axes}: {file} takes {described or 'nothing'}."
        )
    fixed = {name: one.shape for name, one in found.items() if any(map(_is_size, one.shape))}
    if fixed:
        raise CheckpointError(
            f"An ONNX file must take batches of any size: {file} has fixed sizes {fixed}. Export "
            f"it with dynamic axes."
        )
    return {name: INTEGERS[found[name].type] for name in RUNNER_INPUTS}


def _fitting_outputs(
    session: Any, head: str, config: DistilBertConfig, file: Path
) -> dict[str, str]:
    """Our name -> the name in the file for each output of the head.

    Raises:
        CheckpointError: one is missing, or has other axes.
    """
    found = {one.name: list(one.shape) for one in session.get_outputs()}
    sizes, names = _sizes(config), {}
    for name, axes in HEADS[head].outputs.items():
        inside = name if name in found else OTHER_NAMES.get(name, name)
        wanted = [sizes.get(axis, axis) for axis in axes]
        if inside not in found or not _agree(found[inside], wanted):
            raise CheckpointError(
                f"An ONNX file for {head} must compute {name} {wanted}: {file} computes "
                f"{', '.join(f'{one} {shape}' for one, shape in found.items())}."
            )
        names[name] = inside
    return names


def _agree(shape: list[Any], wanted: list[Any]) -> bool:
    """Whether both have as many axes, of the same size where both sizes are known."""
    return len(shape) == len(wanted) and all(
        size == other or not (_is_size(size) and _is_size(other))
        for size, other in zip(shape, wanted, strict=True)
    )


def _is_size(axis: Any) -> bool:
    return isinstance(axis, int)


def _sizes(config: DistilBertConfig) -> dict[str, int]:
    """The axes whose sizes the config knows."""
    return {"D": config.dim, "V": config.vocab_size, "N": config.num_labels}
