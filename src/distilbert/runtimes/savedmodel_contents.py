"""What a SavedModel of TensorFlow computes, read without TensorFlow.

A SavedModel is a program: its functions may read and write files, and some run while it is opened.
All of them are therefore looked through before. Those that save and restore the variables, which
every SavedModel has, have to be out of the reach of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from distilbert._lazy import SAVED_MODEL_FILES
from distilbert.errors import CheckpointError
from distilbert.git_lfs import refuse_pointer
from distilbert.runtimes.contents import Contents
from distilbert.runtimes.protobuf import fields

KIND = "A SavedModel"
# Numbers of fields in saved_model.proto, meta_graph.proto, graph.proto, function.proto,
# op_def.proto and node_def.proto of TensorFlow 2.21.
VERSION, META_GRAPHS = 1, 2
GRAPH, OBJECTS = 2, 7
LIBRARY = 2
FUNCTIONS = 1
SIGNATURE, NODES = 1, 3
NAME, OPERATOR = 1, 2
# Other forms of the model, which TensorFlow could read instead.
OTHER_FORMS = ("saved_model.cpb", "saved_model.pbtxt")
# What an encoder may compute: operators on tensors, sizes and variables, without another effect.
TENSOR_OPERATORS = {
    *("Abs", "Add", "AddV2", "All", "Any", "BatchMatMulV2", "BatchMatMulV3", "BiasAdd"),
    *("BroadcastArgs", "BroadcastTo", "Cast", "ClipByValue", "Concat", "ConcatV2", "Const"),
    *("DivNoNan", "Einsum", "Equal", "Erf", "Erfc", "Exp", "ExpandDims", "Fill", "Floor"),
    *("FloorDiv", "FloorMod", "Gather", "GatherNd", "GatherV2", "Greater", "GreaterEqual"),
    *("Identity", "IdentityN", "LeakyRelu", "Less", "LessEqual", "Log", "Log1p", "LogicalAnd"),
    *("LogicalNot", "LogicalOr", "MatMul", "Max", "Maximum", "Mean", "Min", "Minimum", "Mul"),
    *("Neg", "NoOp", "NotEqual", "OneHot", "OnesLike", "Pack", "PartitionedCall", "Placeholder"),
    *("Pow", "Prod", "Range", "Rank", "ReadVariableOp", "RealDiv", "Reciprocal", "Relu", "Relu6"),
    *("Reshape", "ResourceGather", "Rsqrt", "Select", "SelectV2", "Shape", "Sigmoid", "Slice"),
    *("Softmax", "Softplus", "Split", "SplitV", "Sqrt", "Square", "SquaredDifference", "Squeeze"),
    *("StatefulPartitionedCall", "StopGradient", "StridedSlice", "Sub", "Sum", "Tanh", "Tile"),
    *("Transpose", "Unpack", "Where", "ZerosLike"),
}
# What saves and restores variables needs besides.
FILE_OPERATORS = {
    *("AssignVariableOp", "DisableCopyOnRead", "MergeV2Checkpoints", "RestoreV2", "SaveV2"),
    *("ShardedFilename", "StaticRegexFullMatch", "StringJoin"),
}


# Functions that use them; TensorFlow writes two. All of a file is searched for the name of each.
MAX_FILE_FUNCTIONS = 32


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    operators: list[str]
    start: int
    stop: int


class _NotAModel(ValueError):
    """Bytes that are something else."""


def read_contents(path: Path) -> Contents:
    """The contents of the file `saved_model.pb`; `opset` is the version of the format.

    Raises:
        CheckpointError: it is missing, damaged or another kind of file.
    """
    refuse_pointer(path)
    found = {name for name in SAVED_MODEL_FILES if (path.parent / name).is_file()}
    contents = Contents(locations=found)
    contents.foreign = {name for name in OTHER_FORMS if (path.parent / name).exists()}
    try:
        _note(path.read_bytes(), contents)
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"{KIND} must be readable: {path} is not ({reason}).") from None
    except ValueError as error:
        raise CheckpointError(
            f"{KIND} must be a model of TensorFlow 2: {path} is damaged or another kind of file "
            f"({error})."
        ) from None
    return contents


def _note(data: bytes, contents: Contents) -> None:
    whole = (0, len(data))
    contents.opset = next((n for n in _values(data, whole, VERSION) if isinstance(n, int)), 0)
    graphs = _messages(data, whole, META_GRAPHS)
    objects = [part for graph in graphs for part in _messages(data, graph, OBJECTS)]
    if len(graphs) != 1 or not objects:  # TensorFlow 1 runs other parts of a file
        raise _NotAModel("it has no objects of one graph")
    functions = [
        _function(data, span)
        for graph in _messages(data, graphs[0], GRAPH)
        for library in _messages(data, graph, LIBRARY)
        for span in _messages(data, library, FUNCTIONS)
    ]
    n_searched = 0
    for function in functions:
        others = {*function.operators} - TENSOR_OPERATORS
        if not others:
            contents.operators.update(function.operators)
            continue
        n_searched += 1
        if n_searched > MAX_FILE_FUNCTIONS:
            raise _NotAModel(f"more than {MAX_FILE_FUNCTIONS} functions use files")
        callers = [*objects, *((f.start, f.stop) for f in functions if f is not function)]
        if others <= FILE_OPERATORS and not _is_named(data, function.name, callers):
            continue
        contents.foreign |= others
        contents.operators.update(function.operators)


def _function(data: bytes, span: tuple[int, int]) -> _Function:
    names = [
        _text(data, name)
        for signature in _messages(data, span, SIGNATURE)
        for name in _messages(data, signature, NAME)
    ]
    operators = [
        _text(data, operator)
        for node in _messages(data, span, NODES)
        for operator in _messages(data, node, OPERATOR)[-1:]
    ]
    if len(names) != 1 or not names[0]:
        raise _NotAModel("a function has no name")
    return _Function(names[0], operators, *span)


def _is_named(data: bytes, name: str, spans: list[tuple[int, int]]) -> bool:
    return any(data.find(name.encode(), start, stop) >= 0 for start, stop in spans)


def _values(data: bytes, span: tuple[int, int], number: int) -> list[int | tuple[int, int]]:
    return [value for found, value in fields(data, *span) if found == number]


def _messages(data: bytes, span: tuple[int, int], number: int) -> list[tuple[int, int]]:
    return [value for value in _values(data, span, number) if isinstance(value, tuple)]


def _text(data: bytes, span: tuple[int, int]) -> str:
    return data[slice(*span)].decode()
