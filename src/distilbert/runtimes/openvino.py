"""OpenVINO models: openvino computes them, NumPy in and out.

Needs no framework. The model may come from another exporter, such as optimum-intel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.git_lfs import refuse_pointer
from distilbert.input_checks import RUNNER_INPUTS, WANTED_INPUT
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS
from distilbert.runtimes.file_runner import FileRunner, Value
from distilbert.runtimes.openvino_contents import Contents, data_file, read_contents
from distilbert.threads import check_threads, fitting_threads

INTEGERS = {"i64": np.int64, "i32": np.int32}
# Our name of a type -> OpenVINO's, and the capability that a device needs to compute in it.
PRECISIONS = {"float32": ("f32", None), "bfloat16": ("bf16", "BF16")}
# Kernels that the CPU keeps for the shapes of earlier batches; OpenVINO's default is 5000.
CACHED_KERNELS = 1000
ALL_WANTED = np.ones((1, 1), np.bool_)


def load_runner(
    file: Path,
    config: DistilBertConfig,
    head: str,
    *,
    device: Any = None,
    dtype: Any = None,
    num_threads: int | None = None,
    mapped: bool = True,
) -> FileRunner:
    """The runner of an OpenVINO model that computes `head`.

    Args:
        file: the XML file; the constants are in the file `.bin` next to it.
        device: "cpu" (the default), or another that OpenVINO finds, such as "gpu".
        dtype: of the computation: "float32" (the default, whatever the type of the weights) or
            "bfloat16".
        num_threads: that compute one batch together, see `distilbert.threads`.
        mapped: leave constants in their file, which must then stay, instead of reading them.

    Raises:
        CheckpointError: the model is damaged or incomplete, needs custom operators, or does not
            compute `head` for batches of any size.
        InputError: the device, the type or the number of threads is not available.
        MissingDependencyError: openvino is not installed.
    """
    options = {"device": device, "dtype": dtype, "num_threads": num_threads, "mapped": mapped}
    session = OpenvinoSession(file, **options)
    n_tokens = CPU_BATCH_TOKENS if session.device == "CPU" else ACCELERATOR_BATCH_TOKENS
    return FileRunner(session, file, config, head, preferred_batch_tokens=n_tokens)


class OpenvinoSession:
    """A compiled model; see `distilbert.runtimes.file_runner.Session`.

    Attributes:
        device: OpenVINO's name of what computes.
        model: OpenVINO's compiled model.
    """

    kind = "An OpenVINO model"
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]

    def __init__(
        self, file: Path, *, device: Any, dtype: Any, num_threads: int | None, mapped: bool = True
    ) -> None:
        openvino = require("openvino", "run OpenVINO models")
        core = openvino.Core()
        core.set_property({"ENABLE_MMAP": mapped})
        self.device = _device(core, device)
        properties = _properties(core, self.device, dtype, num_threads)
        _check_self_contained(read_contents(file), file)
        try:
            model = core.read_model(str(file), str(data_file(file)))
            self.has_wanted = _open_wanted(openvino, model)
            self.model = core.compile_model(model, self.device, properties)
        except RuntimeError as error:
            raise CheckpointError(f"OpenVINO cannot open {file}: {_reason(error)}") from None
        self.inputs = {
            name: _value(port)
            for port in self.model.inputs
            if (name := _name(port)) != WANTED_INPUT or not self.has_wanted
        }
        self.outputs = {
            name: _value(port) for port in self.model.outputs for name in sorted(port.get_names())
        }
        # A request computes one batch at a time; as many are kept as threads have needed at once.
        self._idle: list[Any] = []

    def run(self, names: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs `names`."""
        try:
            request = self._idle.pop()  # atomic, as is `append`
        except IndexError:
            request = self.model.create_infer_request()
        every = {WANTED_INPUT: ALL_WANTED} if self.has_wanted else {}
        request.infer({**every, **feeds}, share_inputs=True)
        values = [np.array(request.get_tensor(name).data) for name in names]
        self._idle.append(request)
        return values

    def close(self) -> None:
        """Release the memory of the model."""
        self._idle.clear()
        del self.model


def _open_wanted(openvino: Any, model: Any) -> bool:
    """Make an input of the constant `WANTED_INPUT`, as which OpenVINO keeps one with a default."""
    for operator in model.get_ops():
        is_constant = operator.get_type_name() == "Constant"
        if is_constant and operator.get_friendly_name() == WANTED_INPUT:
            value = operator.output(0)
            opened = openvino.op.Parameter(
                value.get_element_type(), openvino.PartialShape([-1, -1])
            )
            opened.output(0).set_names({WANTED_INPUT})
            for reader in value.get_target_inputs():
                reader.replace_source_output(opened.output(0))
            model.add_parameters([opened])
            model.validate_nodes_and_infer_types()
            return True
    return False


def _device(core: Any, device: Any) -> str:
    """OpenVINO's name, such as GPU.1 for "gpu:1"."""
    kind, _, number = str(device or "cpu").partition(":")
    available = core.available_devices  # GPU, or GPU.0 and GPU.1
    kinds = list(dict.fromkeys(name.partition(".")[0].lower() for name in available))
    name = kind.upper() + (f".{number}" if number else "")
    if kind not in kinds or (number and name not in available):
        raise InputError(
            f"`device` must be one that OpenVINO can use here ({', '.join(kinds)}): got "
            f"{str(device)!r}."
        )
    return name


def _properties(core: Any, device: str, dtype: Any, num_threads: int | None) -> dict[str, Any]:
    # Left alone, OpenVINO computes in bfloat16 where the machine can.
    dtype = "float32" if dtype is None else str(dtype)
    if dtype not in PRECISIONS:
        raise InputError(
            f"`dtype` must be one of {', '.join(PRECISIONS)} for an OpenVINO model: got {dtype!r}."
        )
    precision, capability = PRECISIONS[dtype]
    if capability and capability not in core.get_property(device, "OPTIMIZATION_CAPABILITIES"):
        raise InputError(
            f"`dtype` must be one that the device has instructions for: OpenVINO finds none for "
            f"{dtype} on {device.lower()}. Use float32."
        )
    check_threads(num_threads)
    properties: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision}
    if device == "CPU":
        properties["CPU_RUNTIME_CACHE_CAPACITY"] = str(CACHED_KERNELS)
        num_threads = fitting_threads(num_threads)
        if num_threads is not None:
            properties["INFERENCE_NUM_THREADS"] = num_threads
    return properties


def _check_self_contained(contents: Contents, file: Path) -> None:
    """Raise CheckpointError for custom operators and for constants that are missing."""
    if contents.foreign:
        raise CheckpointError(
            f"An OpenVINO model must use standard operators: {file} needs custom ones "
            f"({', '.join(sorted(contents.foreign))}), whose code would be outside of this package."
        )
    data = data_file(file)
    if not data.is_file():
        raise CheckpointError(
            f"An OpenVINO model must have its constants next to it: {file} needs {data.name}, "
            f"which is missing."
        )
    refuse_pointer(data)


def _reason(error: RuntimeError) -> str:
    """The last line, which says what is wrong; those before say where OpenVINO noticed it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "it gives no reason."


def _name(port: Any) -> str:
    """The name of an input, which may have several."""
    names = sorted(port.get_names())
    known = [name for name in names if name in RUNNER_INPUTS]
    return next(iter([*known, *names]), "an input without a name")


def _value(port: Any) -> Value:
    kind, shape = port.get_element_type().get_type_name(), port.get_partial_shape()
    axes = None if shape.rank.is_dynamic else [_axis(axis) for axis in shape]
    return Value(kind, INTEGERS.get(kind), axes)


def _axis(axis: Any) -> int | str:
    """The size of an axis, or the largest that it may have."""
    largest = axis.get_max_length()
    return "?" if largest < 0 else largest
