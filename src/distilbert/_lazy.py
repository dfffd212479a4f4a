"""Import optional packages on demand, or raise an error with the install command.

Must not import any optional package when it is itself imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from distilbert.errors import MissingDependencyError

# How names begin that users of transformers import with models, and that are not in this package.
OF_TRANSFORMERS = (
    *("Trainer", "TrainingArguments", "Seq2SeqTrain", "DataCollator", "default_data_collator"),
    *("EarlyStoppingCallback", "get_scheduler", "get_linear_schedule", "get_cosine_schedule"),
    *("BitsAndBytesConfig", "HfArgumentParser", "set_seed"),
)


@dataclass(frozen=True, slots=True)
class Framework:
    """One of our framework packages.

    Attributes:
        package: its import name.
        class_prefix: what its model classes put before the PyTorch name.
        requirements: the import names of what it needs.
    """

    package: str
    class_prefix: str
    requirements: tuple[str, ...]


FRAMEWORKS = {
    "torch": Framework("distilbert.torch", "", ("torch",)),
    "tensorflow": Framework("distilbert.tensorflow", "TF", ("tensorflow", "keras")),
    "flax": Framework("distilbert.flax", "Flax", ("jax", "flax")),
}


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs exported files of one kind, without a framework.

    Attributes:
        module: where its runner is.
        requirements: the import names of what it needs.
        suffix: that of its files.
        files: where a folder has its model, the usual place first.
        more: the files with weights that each of `files` may have next to it.
        contents: the module that reads what a file needs, without the runtime.
    """

    module: str
    requirements: tuple[str, ...]
    suffix: str
    files: tuple[str, ...]
    more: tuple[tuple[str, ...], ...]
    contents: str


# Where transformers.js and optimum have a model in int8.
QUANTIZED_ONNX = ("onnx/model_quantized.onnx", "model_quantized.onnx")
# What a SavedModel of TensorFlow consists of, besides its graph.
SAVED_MODEL_FILES = (
    "variables/variables.index",
    "variables/variables.data-00000-of-00001",
    "fingerprint.pb",
)

RUNTIMES = {
    "onnx": Runtime(
        module="distilbert.runtimes.onnx",
        requirements=("onnxruntime",),
        suffix=".onnx",
        # A quantized model is the one that runs where there is no other: it is less accurate.
        files=("onnx/model.onnx", "model.onnx", *QUANTIZED_ONNX),
        more=tuple(
            (f"{file}_data",) for file in ("onnx/model.onnx", "model.onnx", *QUANTIZED_ONNX)
        ),
        contents="distilbert.runtimes.onnx_contents",
    ),
    "openvino": Runtime(
        module="distilbert.runtimes.openvino",
        requirements=("openvino",),
        suffix=".xml",
        files=("openvino/openvino_model.xml", "openvino_model.xml"),
        more=(("openvino/openvino_model.bin",), ("openvino_model.bin",)),
        contents="distilbert.runtimes.openvino_contents",
    ),
    "torchscript": Runtime(
        module="distilbert.runtimes.torchscript",
        requirements=("torch",),
        suffix=".pt",
        files=("torchscript/model.pt", "model.pt"),
        more=((), ()),
        contents="distilbert.runtimes.torchscript_contents",
    ),
    "pt2": Runtime(
        module="distilbert.runtimes.pt2",
        requirements=("torch",),
        suffix=".pt2",
        files=("pt2/model.pt2", "model.pt2"),
        more=((), ()),
        contents="distilbert.runtimes.pt2_contents",
    ),
    "savedmodel": Runtime(
        module="distilbert.runtimes.savedmodel",
        requirements=("tensorflow",),
        suffix=".pb",
        files=("savedmodel/saved_model.pb", "saved_model.pb"),
        more=tuple(
            tuple(f"{place}{name}" for name in SAVED_MODEL_FILES) for place in ("savedmodel/", "")
        ),
        contents="distilbert.runtimes.savedmodel_contents",
    ),
    "tflite": Runtime(
        module="distilbert.runtimes.tflite",
        requirements=("tensorflow",),
        suffix=".tflite",
        files=("tflite/model.tflite", "model.tflite"),
        more=((), ()),
        contents="distilbert.runtimes.tflite_contents",
    ),
}

# Packages that report their import to the vendor -> the package of theirs that sends the report,
# which they do without where it is not installed.
REPORTERS = {"openvino": "openvino_telemetry"}

# How long threads of GNU OpenMP, which PyTorch has on Linux, wait busily for each other before they
# sleep. By default it is 300 times longer, about 15 ms: then a core that another process needs as
# well is lost (docs/decisions/0019-threads.md). The library reads it when PyTorch is imported.
SHORT_WAITS = {"GOMP_SPINCOUNT": "1000"}
# The variables by which a user chooses.
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def require(name: str, purpose: str) -> ModuleType:
    """The optional module `name`; `purpose` completes the sentence "... is needed to <purpose>".

    No report of the import is sent, see `REPORTERS`.

    Raises:
        MissingDependencyError: the package is not installed. An ImportError from inside an
            installed package is passed on as it is, since installing again would not help.
    """
    try:
        with _no_report(name.partition(".")[0]):
            return import_framework(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name.partition(".")[0]:
            raise
        raise MissingDependencyError(_sentence(name, purpose)) from None


def import_framework(name: str) -> ModuleType:
    """A module of a framework, or one of this package that imports a framework.

    Threads of PyTorch wait as in `SHORT_WAITS`, unless it is imported already or the user chose.
    """
    if "torch" in sys.modules or any(variable in os.environ for variable in WAITING):
        return importlib.import_module(name)
    os.environ.update(SHORT_WAITS)
    try:
        return importlib.import_module(name)
    finally:
        for variable in SHORT_WAITS:
            os.environ.pop(variable, None)


@contextmanager
def _no_report(package: str) -> Iterator[None]:
    reporter = REPORTERS.get(package)
    if reporter is None or package in sys.modules or reporter in sys.modules:
        yield
        return
    sys.modules[reporter] = None  # type: ignore[assignment]  # importing it now fails
    try:
        yield
    finally:
        del sys.modules[reporter]


def require_framework(framework: str, purpose: str) -> None:
    """Raise MissingDependencyError unless the packages of `framework` are installed."""
    for name in FRAMEWORKS[framework].requirements:
        if not is_available(name):
            raise MissingDependencyError(_sentence(name, purpose))


def has_framework(framework: str) -> bool:
    """Whether all packages of `framework` can be imported; imports none."""
    return all(is_available(name) for name in FRAMEWORKS[framework].requirements)


def is_of_transformers(name: str) -> bool:
    """Whether a name is one of transformers that works with the models of this package."""
    return name.startswith(OF_TRANSFORMERS)


def _sentence(name: str, purpose: str) -> str:
    from distilbert._install import install_command  # only when it is needed: it imports a lot

    command = install_command(name)
    return f"The package `{name}` is needed to {purpose}, but it is not installed: {command}"


def is_available(name: str) -> bool:
    """Whether `name` can be imported, decided without importing it."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None  # a folder has no origin
