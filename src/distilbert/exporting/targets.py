"""The kinds of files that `export` can write: a table, and the options that each has a use for.

Imports nothing that writes files: a target's module is imported when it is used.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from distilbert._lazy import RUNTIMES, require
from distilbert.buckets import Bucket, parse_buckets
from distilbert.errors import InputError
from distilbert.exporting.operators import DEFAULT_OPSET, MAX_OPSET, MIN_OPSET

if TYPE_CHECKING:
    from distilbert.exporting.source import ExportSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A kind of file; its runtime of the same name in `RUNTIMES` says where the file is.

    Attributes:
        module: has a function `write`, see `Writer`.
        writers: the import names of what writes the file, in addition to what runs it.
        options: which of the fields of `Choices` it has a use for, besides `dtype`.
        dtypes: the types of weights that it can store.
    """

    module: str
    writers: tuple[str, ...]
    options: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("float32", "float16")

    def write(self, source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
        """Write the model, or a file for each bucket; see `Writer`."""
        writer: Writer = importlib.import_module(self.module).write
        return [
            file
            for bucket in choices.buckets or (None,)
            for file in writer(source, replace(choices, bucket=bucket), folder)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How a file is written. Options that its target has no use for have their defaults.

    Attributes:
        dtype: of the weights in the file.
        opset: of ONNX; None for other targets.
        external_data: whether the weights of an ONNX file are in a second file.
        buckets: the fixed sizes to write files for; none for one file for any size.
        bucket: that of the file that is being written.
    """

    dtype: str
    opset: int | None = None
    external_data: bool = False
    buckets: tuple[Bucket, ...] = ()
    bucket: Bucket | None = None

    def new_file(self, folder: Path, runtime: str) -> Path:
        """The path of the file that is being written, in a folder that exists."""
        usual = RUNTIMES[runtime].files[0]
        file = folder / (usual if self.bucket is None else self.bucket.file(usual))
        file.parent.mkdir(exist_ok=True)
        return file

    def sizes(self) -> dict[str, int] | None:
        """The fixed size of each axis; None for any size."""
        return None if self.bucket is None else self.bucket.sizes()


class Writer(Protocol):
    """Writes the files of a model, with the outputs of its head and, where the source has a
    pooling, `SENTENCE_OUTPUT`."""

    def __call__(self, source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
        """The files written below `folder`, the first of `RUNTIMES[...].files` among them."""
        ...


TARGETS = {
    "onnx": Target(
        module="distilbert.exporting.to_onnx",
        writers=("onnx",),
        options=("opset", "external_data", "buckets"),
    ),
    "openvino": Target(
        module="distilbert.exporting.to_openvino", writers=("onnx",), options=("buckets",)
    ),
    "torchscript": Target(
        module="distilbert.exporting.to_torchscript",
        writers=(),
        options=("buckets",),
        dtypes=("float32",),
    ),
    "pt2": Target(
        module="distilbert.exporting.to_pt2",
        writers=(),
        options=("buckets",),
        dtypes=("float32",),
    ),
    "savedmodel": Target(
        module="distilbert.exporting.to_savedmodel", writers=(), dtypes=("float32",)
    ),
    "tflite": Target(module="distilbert.exporting.to_tflite", writers=()),
}


def choose(to: str, *, dtype: str, **given: Any) -> Choices:
    """The choices of one target.

    Args:
        given: the other fields of `Choices`; None or False where the user said nothing.

    Raises:
        InputError: an unknown target, or an option that breaks a rule or has no use there.
        MissingDependencyError: a package that writes or runs the file is not installed.
    """
    if to not in TARGETS:
        raise InputError(f"`to` must be one of {', '.join(TARGETS)}: got {to!r}.")
    target = TARGETS[to]
    set_options = {name: value for name, value in given.items() if not _is_unset(value)}
    for name, value in set_options.items():
        if name not in target.options:
            fitting = [one for one, other in TARGETS.items() if name in other.options]
            raise InputError(
                f"`{name}` is an option of {' and '.join(fitting)}: got {value!r} with to={to!r}. "
                f"Leave it out."
            )
    if dtype not in target.dtypes:
        raise InputError(
            f"`dtype` must be one of {', '.join(target.dtypes)} for to={to!r}: got {dtype!r}."
        )
    if "opset" in target.options:
        set_options["opset"] = _opset(given.get("opset"))
    if "buckets" in set_options:
        set_options["buckets"] = parse_buckets(set_options["buckets"])
    for package in (*target.writers, *RUNTIMES[to].requirements):
        require(package, f"export to {to}")
    return Choices(dtype=dtype, **set_options)


def _is_unset(value: Any) -> bool:
    return value is None or value is False


def _opset(value: Any) -> int:
    if value is None:
        return DEFAULT_OPSET
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not (is_integer and MIN_OPSET <= value <= MAX_OPSET):
        raise InputError(f"`opset` must be from {MIN_OPSET} to {MAX_OPSET}: got {value!r}.")
    return value
