"""Import optional packages on demand, or raise an error with the install command.

Must not import any optional package when it is itself imported.
"""

from __future__ import annotations

import importlib
import importlib.util
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
    """

    module: str
    requirements: tuple[str, ...]
    suffix: str
    files: tuple[str, ...]


RUNTIMES = {
    "onnx": Runtime(
        "distilbert.runtimes.onnx", ("onnxruntime",), ".onnx", ("onnx/model.onnx", "model.onnx")
    ),
}


def require(name: str, purpose: str) -> ModuleType:
    """The optional module `name`; `purpose` completes the sentence "... is needed to <purpose>".

    Raises:
        MissingDependencyError: the package is not installed. An ImportError from inside an
            installed package is passed on as it is, since installing again would not help.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name.partition(".")[0]:
            raise
        raise MissingDependencyError(_sentence(name, purpose)) from None


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
