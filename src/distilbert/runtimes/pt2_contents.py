"""What an exported program (`torch.export`, .pt2) computes, read without torch.

Such a file is a graph of operators in JSON and weights as plain bytes. `torch.export.load` also
unpickles parts of it, and evaluates texts in it as Python. Therefore this module reads the graph,
`distilbert.runtimes.pt2` computes it, and nothing else in the file is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distilbert.runtimes.contents import Contents
from distilbert.runtimes.torch_archive import Archive, Unreadable, open_archive
from distilbert.runtimes.torchscript_contents import TENSOR_FUNCTIONS

KIND = "An exported program"
PROGRAM = "models/model.json"
# The folders of tensors, each with the file that describes them.
STORES = {
    "data/weights/": "data/weights/model_weights_config.json",
    "data/constants/": "data/constants/model_constants_config.json",
}
NATIVE_CODE = "data/aotinductor/"
# The version of the format (torch/_export/serde/schema.py); others may mean something else.
SCHEMA_VERSION = 8
LIBRARY = "torch.ops.aten."
# What an encoder may call besides functions of tensors: the parts that these are made of, and tests
# of sizes.
OPERATORS = TENSOR_FUNCTIONS - {"add_", "append", "list", "len", "tensor"} | {
    *("_assert_scalar", "_assert_tensor_metadata", "_softmax", "_to_copy", "_unsafe_view"),
    *("addmm", "alias", "clone", "copy", "detach_", "lift_fresh_copy", "logical_xor", "mm"),
    *("native_dropout", "native_layer_norm", "reciprocal", "rsqrt", "sin", "cos", "square"),
    *("sym_constrain_range_for_size", "sym_numel", "sym_size", "var_mean"),
}
# The variants of these; those that write into an argument are foreign.
OVERLOAD = re.compile("[A-Za-z][A-Za-z0-9_]*")
WRITING_OVERLOADS = {"dim_max", "dim_min"}  # besides those with "out" in the name
# Python's functions for the sizes of axes.
SIZE_FUNCTIONS = {
    f"_operator.{name}"
    for name in ("add", "sub", "mul", "floordiv", "mod", "neg", "eq", "ne", "lt", "le", "gt", "ge")
}
# The kinds of an argument: those that are a value themselves, those that name results of earlier
# steps, and those that PyTorch has objects for.
PLAIN = {
    *("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools"),
    *("as_string", "as_strings"),
}
REFERENCES = {
    *("as_tensor", "as_tensors", "as_optional_tensor", "as_optional_tensors"),
    *("as_sym_int", "as_sym_ints", "as_sym_float", "as_sym_floats", "as_sym_bool", "as_sym_bools"),
}
OBJECTS = {"as_scalar_type", "as_memory_format", "as_layout", "as_device"}
KEYWORD = 2  # `ArgumentKind`


class Reference(str):
    """The name of a result of an earlier step, of a weight, or of an input."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Object:
    """An object of PyTorch: `kind` is one of `OBJECTS`, `number` that of its enumeration."""

    kind: str
    number: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One operator. Arguments may be or contain references; several results form a list."""

    target: str
    arguments: list[Any]
    keywords: dict[str, Any]
    results: list[Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor: a view of the bytes of an entry of the archive."""

    entry: str
    scalar_type: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int


@dataclass
class Program:
    """A graph.

    Attributes:
        inputs: the axes of each, None for one of any size.
        weights: the tensors by the names that the steps know.
        outputs: the name of each -> that of the result.
    """

    contents: Contents = field(default_factory=Contents)
    inputs: dict[str, list[int | None]] = field(default_factory=dict)
    weights: dict[str, Stored] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)


def read_contents(path: Path) -> Contents:
    """The contents of a file; `opset` is the version of PyTorch's operators.

    Raises:
        CheckpointError: it is missing, damaged or another kind of file.
    """
    with open_archive(path, KIND) as entries:
        return read_program(entries).contents


def read_program(entries: Archive) -> Program:
    """The program in an archive; whether it may run is for its `contents` to say.

    Raises:
        KeyError, ValueError: there is none, or in another format.
    """
    program = Program()
    if any(name.startswith(NATIVE_CODE) for name in entries):
        program.contents.foreign.add("compiled code")
        return program
    try:
        _read(entries, program)
    except (TypeError, AttributeError, IndexError, RecursionError):
        raise Unreadable("its program is not readable") from None
    return program


def _read(entries: Archive, program: Program) -> None:
    facts = json.loads(entries[PROGRAM])
    version = facts["schema_version"]["major"]
    if version != SCHEMA_VERSION:
        raise Unreadable(f"its format has the version {version}, not {SCHEMA_VERSION}")
    contents, module = program.contents, facts["graph_module"]
    contents.opset = int(facts["opset_version"]["aten"])
    graph = module["graph"]
    stores = {
        folder: json.loads(entries[description])["config"]
        for folder, description in STORES.items()
        if description in entries
    }
    for spec in module["signature"]["input_specs"]:
        ((kind, about),) = spec.items()
        if kind == "user_input":
            name = about["arg"]["as_tensor"]["name"]
            program.inputs[name] = [_size(one) for one in graph["tensor_values"][name]["sizes"]]
        elif kind in ("parameter", "buffer", "tensor_constant"):
            stored = _stored(stores, about[f"{kind}_name"], contents)
            if stored is not None:
                program.weights[about["arg"]["name"]] = stored
        else:
            contents.foreign.add(f"the input {kind}")
    program.steps += [_step(node, contents) for node in graph["nodes"]]
    results = []
    for spec in module["signature"]["output_specs"]:
        ((kind, about),) = spec.items()
        if kind == "user_output":
            results.append(_argument(about["arg"], contents))
            if not isinstance(results[-1], Reference):
                raise Unreadable("an output is not the result of a step")
        else:
            contents.foreign.add(f"the output {kind}")
    names = _output_names(module["module_call_graph"])
    program.outputs.update(zip(names, results, strict=True) if names else {})


def _size(size: Mapping[str, Any]) -> int | None:
    return int(size["as_int"]) if "as_int" in size else None


def _stored(
    stores: Mapping[str, Mapping[str, Any]], name: str, contents: Contents
) -> Stored | None:
    for folder, tensors in stores.items():
        about = tensors.get(name)
        if about is None:
            continue
        if about["use_pickle"]:
            contents.foreign.add("a pickle")
            return None
        tensor = about["tensor_meta"]
        sizes, strides = (
            tuple(int(size["as_int"]) for size in tensor[key]) for key in ("sizes", "strides")
        )
        entry, offset = folder + about["path_name"], int(tensor["storage_offset"]["as_int"])
        return Stored(entry, int(tensor["dtype"]), sizes, strides, offset)
    raise Unreadable(f"the tensor {name} is missing")


def _step(node: Mapping[str, Any], contents: Contents) -> Step:
    target = str(node["target"])
    name = target.removeprefix(LIBRARY).partition(".")[0]
    if target in SIZE_FUNCTIONS:
        contents.operators[target] += 1
    elif _is_operator(target):
        contents.operators[name] += 1
    else:
        contents.operators[target] += 1
        contents.foreign.add(target)
    step = Step(target, [], {}, [_argument(one, contents) for one in node["outputs"]])
    for given in node["inputs"]:
        value = _argument(given["arg"], contents)
        if given["kind"] == KEYWORD:
            step.keywords[str(given["name"])] = value
        else:
            step.arguments.append(value)
    return step


def _is_operator(target: str) -> bool:
    name, _, overload = target.removeprefix(LIBRARY).partition(".")
    return (
        target.startswith(LIBRARY)
        and name in OPERATORS
        and OVERLOAD.fullmatch(overload) is not None
        and "out" not in overload.split("_")
        and overload not in WRITING_OVERLOADS
    )


def _argument(argument: Mapping[str, Any], contents: Contents) -> Any:
    ((kind, value),) = argument.items()
    if kind == "as_none":
        return None
    if kind in PLAIN:
        return _plain(kind, value)
    if kind in OBJECTS:
        if kind != "as_device" and type(value) is not int:
            raise Unreadable(f"an argument {kind.removeprefix('as_')} is not a number")
        return Object(kind, value)
    if kind in REFERENCES:
        return [_reference(one) for one in value] if isinstance(value, list) else _reference(value)
    contents.foreign.add(f"an argument {kind.removeprefix('as_')}")
    return None


def _plain(kind: str, value: Any) -> Any:
    if kind == "as_float":
        return float(value)  # may be the text "Infinity"
    return [float(one) for one in value] if kind == "as_floats" else value


def _reference(about: Mapping[str, Any]) -> Any:
    """A name, or the value that a list of names may have in its place."""
    if "name" in about:
        return Reference(about["name"])
    ((kind, value),) = about.items()
    if kind == "as_name":
        return Reference(value)
    if kind == "as_tensor":
        return Reference(value["name"])
    return None if kind == "as_none" else value


def _output_names(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names in the dict that a program returns; none if it returns something else."""
    whole = next(one["signature"] for one in calls if one["fqn"] == "")
    _, structure = json.loads(whole["out_spec"])
    names = json.loads(structure["context"] or "null")
    has_names = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if has_names and len(names) == len(structure["children_spec"]) else []
