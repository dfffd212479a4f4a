"""Exported programs (`torch.export`, .pt2): PyTorch's operators compute them, NumPy in and out.

Needs PyTorch, but none of this package's models, and not `torch.export.load`, which can run code of
a file. The file may come from another exporter, if its program returns a dict of named tensors.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError
from distilbert.runtimes.contents import Contents
from distilbert.runtimes.file_runner import FileRunner
from distilbert.runtimes.pt2_contents import (
    KIND,
    LIBRARY,
    Object,
    Program,
    Reference,
    Step,
    Stored,
    read_program,
)
from distilbert.runtimes.torch_archive import Archive, Unreadable, open_archive
from distilbert.runtimes.torch_session import Opened, load_torch_runner, reason_of

# PyTorch's names of the numbers in its enumerations (torch/_export/serde/schema.py).
SCALAR_TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32",
    8: "float64", 12: "bool", 13: "bfloat16",
}  # fmt: skip
MAX_SIZE = 2**63 - 1
MEMORY_FORMATS = {1: "contiguous_format", 2: "channels_last", 4: "preserve_format"}
LAYOUTS = {7: "strided"}
ENUMERATIONS = {
    "as_scalar_type": SCALAR_TYPES,
    "as_memory_format": MEMORY_FORMATS,
    "as_layout": LAYOUTS,
}


def load_runner(
    file: Path,
    config: DistilBertConfig,
    head: str,
    *,
    device: Any = None,
    dtype: Any = None,
    num_threads: int | None = None,
) -> FileRunner:
    """The runner of an exported program that computes `head`.

    Args:
        device: "cpu" (the default), or another that PyTorch can use, such as "cuda".
        num_threads: that compute one batch together; None leaves it to PyTorch.

    Raises:
        CheckpointError: the file is damaged, contains more than operators on tensors, or does not
            compute `head` for batches of any size.
        InputError: the device or the number of threads is not available, or `dtype` is given, which
            the file decides.
        MissingDependencyError: PyTorch is not installed.
    """
    options = {"device": device, "dtype": dtype, "num_threads": num_threads}
    return load_torch_runner(file, config, head, kind=KIND, opener=_open, **options)


def _open(torch: Any, file: Path, device: Any) -> Opened:
    with open_archive(file, KIND) as entries:
        program = read_program(entries)
    program.contents.check(KIND, file)
    with open_archive(file, KIND) as entries:
        weights = _weights(torch, entries, program, device)
    try:
        functions = [_function(torch, step.target, program.contents) for step in program.steps]
        program.contents.check(KIND, file)
        function = _Function(torch, program, functions, weights, device)
    except (AttributeError, KeyError) as error:
        raise CheckpointError(
            f"PyTorch {torch.__version__} cannot open {file}: it does not know {error}."
        ) from None
    return function, program.inputs, list(program.outputs)


class _Function:
    """The steps of a program with PyTorch's operators, called one after the other."""

    def __init__(
        self,
        torch: Any,
        program: Program,
        functions: Sequence[Callable[..., Any]],
        weights: Mapping[str, Any],
        device: Any,
    ) -> None:
        self._weights, self._inputs = weights, [*program.inputs]
        self._outputs = program.outputs
        unused = _last_uses(program)
        self._calls = [
            _Call(
                function=functions[i],
                arguments=[_constant(torch, one, device) for one in step.arguments],
                keywords={k: _constant(torch, v, device) for k, v in step.keywords.items()},
                results=step.results,
                unused=unused[i],
            )
            for i, step in enumerate(program.steps)
        ]

    def __call__(self, *tensors: Any) -> dict[str, Any]:
        values = {**self._weights, **dict(zip(self._inputs, tensors, strict=True))}
        for call in self._calls:
            arguments = [_resolved(one, values) for one in call.arguments]
            keywords = {name: _resolved(one, values) for name, one in call.keywords.items()}
            found = call.function(*arguments, **keywords)
            _note(call.results, found, values)
            for name in call.unused:
                del values[name]
        return {name: values[result] for name, result in self._outputs.items()}


@dataclass(frozen=True, slots=True)
class _Call:
    function: Callable[..., Any]
    arguments: list[Any]
    keywords: dict[str, Any]
    results: list[Any]
    unused: list[str]  # the results that no later call reads


def _function(torch: Any, target: str, contents: Contents) -> Callable[..., Any]:
    """What a step calls; it is noted as foreign if it writes into its arguments.

    Raises:
        AttributeError: PyTorch has no such operator.
    """
    if not target.startswith(LIBRARY):
        return partial(_on_sizes, getattr(operator, target.removeprefix("_operator.")))
    name, _, overload = target.removeprefix(LIBRARY).partition(".")
    variants = getattr(torch.ops.aten, name)
    if overload not in variants.overloads():
        raise AttributeError(target)
    function = getattr(variants, overload)
    if function._schema.is_mutable and name != "detach_":
        contents.foreign.add(target)
    return function


def _on_sizes(function: Callable[..., int], *sizes: Any) -> int:
    """Python's arithmetic, for numbers that a size can be: a text times a number takes memory."""
    if not all(isinstance(size, int) and abs(size) <= MAX_SIZE for size in sizes):
        raise ValueError(f"a size must be an integer up to {MAX_SIZE}")
    return function(*sizes)


def _constant(torch: Any, argument: Any, device: Any) -> Any:
    """An argument with PyTorch's own objects; a file's devices are those it was recorded on."""
    if not isinstance(argument, Object):
        return argument
    if argument.kind == "as_device":
        return device
    return getattr(torch, ENUMERATIONS[argument.kind][argument.number])


def _resolved(argument: Any, values: Mapping[str, Any]) -> Any:
    if type(argument) is Reference:
        return values[argument]
    if type(argument) is list:
        return [values[one] if type(one) is Reference else one for one in argument]
    return argument


def _note(results: list[Any], found: Any, values: dict[str, Any]) -> None:
    """Keep what a call returned under the names of its results."""
    if not results:  # a test of sizes
        return
    if len(results) == 1 and type(results[0]) is not list:
        values[results[0]] = found
        return
    names = results[0] if len(results) == 1 else results
    values.update({name: value for name, value in zip(names, found, strict=True) if name})


def _last_uses(program: Program) -> list[list[str]]:
    """For each step, the results that are not read after it."""
    unused: list[list[str]] = [[] for _ in program.steps]
    seen = {*program.outputs.values(), *program.weights, *program.inputs}
    for i in range(len(program.steps) - 1, -1, -1):
        step = program.steps[i]
        for name in (*_names(step.results), *_names(_given(step))):
            if name not in seen:
                seen.add(name)
                unused[i].append(name)
    return unused


def _given(step: Step) -> list[Any]:
    return [*step.arguments, *step.keywords.values()]


def _names(arguments: list[Any]) -> list[str]:
    inside = [x for one in arguments for x in (one if isinstance(one, list) else [one])]
    return [name for name in inside if isinstance(name, Reference)]


def _weights(torch: Any, entries: Archive, program: Program, device: Any) -> dict[str, Any]:
    """The tensors by their names. Those of one entry share its memory."""
    read: dict[str, Any] = {}
    for stored in program.weights.values():
        if stored.entry not in read:
            data = bytearray(entries.tensor(stored.entry))
            whole = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(0).byte()
            read[stored.entry] = whole.to(device)
    return {
        name: _view(torch, read[stored.entry], stored) for name, stored in program.weights.items()
    }


def _view(torch: Any, data: Any, stored: Stored) -> Any:
    dtype = SCALAR_TYPES.get(stored.scalar_type)
    if dtype is None:
        raise Unreadable(f"a tensor has the type {stored.scalar_type}")
    try:
        whole = data.view(getattr(torch, dtype))
        return whole.as_strided(stored.sizes, stored.strides, stored.offset)
    except (RuntimeError, TypeError) as error:  # the latter for numbers beyond 64 bits
        raise Unreadable(reason_of(error)) from None
