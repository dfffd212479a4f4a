"""What a TorchScript file computes, read without torch.

PyTorch runs the functions of such a file in an interpreter of its own, never as Python, and reads
its values without Python's pickle. But the language has functions that read and write files, and a
function can run while the file is opened. All functions are therefore looked through before.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from distilbert.input_checks import WANTED_INPUT
from distilbert.runtimes.contents import Contents
from distilbert.runtimes.torch_archive import MAX_BYTES, Unreadable, open_archive

KIND = "A TorchScript file"
# Where the version of the format is, in newer and in older files.
VERSIONS = (".data/version", "version")
# What an encoder may call: functions of tensors, sizes and numbers, without any effect.
TENSOR_FUNCTIONS = {
    *(
        "abs",
        "all",
        "any",
        "add",
        "add_",
        "amax",
        "amin",
        "arange",
        "bitwise_and",
        "bitwise_not",
        "bmm",
        "cat",
    ),
    *("ceil", "chunk", "clamp", "clamp_min", "contiguous", "cumsum", "detach", "dim", "div"),
    *("dropout", "embedding", "eq", "erf", "exp", "expand", "expand_as", "flatten", "floor"),
    *("floor_divide", "full", "full_like", "gather", "ge", "gelu", "gt", "hardtanh", "index"),
    *("layer_norm", "le", "leaky_relu", "len", "linalg_vector_norm", "linear", "list", "log"),
    *("logical_and", "logical_not", "logical_or", "lt", "masked_fill", "matmul", "max", "maximum"),
    *("mean", "min", "minimum", "mish", "mul", "narrow", "ne", "neg", "new_full", "new_ones"),
    *("new_zeros", "norm", "ones", "ones_like", "permute", "pow", "relu", "relu6", "remainder"),
    *("repeat", "reshape", "rsub", "scalar_tensor", "scaled_dot_product_attention", "select"),
    *("sigmoid", "silu", "size", "slice", "softmax", "split", "split_with_sizes", "sqrt"),
    *("squeeze", "stack", "sub", "sum", "t", "tanh", "tensor", "to", "transpose", "type_as"),
    *("unbind", "unflatten", "unsqueeze", "view", "where", "zeros", "zeros_like"),
    *("__and__", "__or__", "__getitem__", "__contains__", "append", "item"),
}
OTHER_FUNCTIONS = {
    *("torch.device", "torch.jit._pickle", "ops.prim.NumToTensor", "ops.prim.device"),
    *("ops.prim.dtype", "ops.prim.unchecked_cast", "ops.prim.data", "ops.aten.Int"),
    *("int", "float", "bool", "getattr", "annotate", "unchecked_cast", "uninitialized"),
    *("ops.prim.ListUnpack", "ops.prim.TupleUnpack", "ops.prim.max", "ops.prim.min"),
}
# The functions of an object that run only when they are called; PyTorch numbers those that it
# recorded for a second function of the model.
METHOD = re.compile(rf"forward[0-9]*|{WANTED_INPUT}")
# Where functions come from that the file does not contain. It may not use them as values.
LIBRARIES = {"torch", "ops"}
# What a file may not give another meaning: PyTorch looks for a variable first.
RESERVED = (
    LIBRARIES | {"__torch__", "CONSTANTS"} | {name.partition(".")[0] for name in OTHER_FUNCTIONS}
)
# All of Python's syntax that PyTorch writes.
SYNTAX = (
    *(ast.Module, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Expr),
    *(ast.Assign, ast.AnnAssign, ast.If, ast.For, ast.While, ast.Pass, ast.Call, ast.keyword),
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.List, ast.Tuple),
    *(ast.Dict, ast.UnaryOp, ast.USub, ast.Load, ast.Store),
)


def read_contents(path: Path) -> Contents:
    """The contents of a file; `opset` is the version of the format.

    Raises:
        CheckpointError: it is missing, damaged or another kind of file.
    """
    contents = Contents()
    with open_archive(path, KIND) as entries:
        if "data.pkl" not in entries:
            raise Unreadable("it contains no values")
        contents.opset = int(entries[next(filter(entries.__contains__, VERSIONS), VERSIONS[0])])
        sources = [name for name in entries if name.endswith(".py")]
        if not sources:
            raise Unreadable("it contains no functions")
        n_bytes = 0
        for name in sources:
            source = entries[name]
            n_bytes += len(source)
            if n_bytes > MAX_BYTES:
                raise Unreadable(f"its functions have more than {MAX_BYTES} bytes")
            _note(source.decode(), contents)
    return contents


def _note(source: str, contents: Contents) -> None:
    try:
        nodes = list(ast.walk(ast.parse(source)))
        called = {_note_call(node.func, contents) for node in nodes if isinstance(node, ast.Call)}
        for node in nodes:
            if not isinstance(node, SYNTAX) or getattr(node, "decorator_list", None):
                contents.foreign.add(f"the syntax {type(node).__name__}")
            if isinstance(node, ast.FunctionDef) and not METHOD.fullmatch(node.name):
                contents.foreign.add(f"the method {node.name}")
            if _bound(node) in RESERVED:
                contents.foreign.add(f"another {_bound(node)}")
            if isinstance(node, ast.Name) and node.id in LIBRARIES and node not in called:
                contents.foreign.add(f"a function of {node.id} that it does not call")
    except (SyntaxError, RecursionError, MemoryError):
        raise Unreadable("its functions are not readable") from None


def _bound(node: ast.AST) -> str | None:
    """The name that gets a meaning here, if one does."""
    if isinstance(node, ast.arg):
        return node.arg
    if isinstance(node, ast.ClassDef):
        return node.name
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    return None


def _note_call(function: ast.expr, contents: Contents) -> ast.expr:
    """Note what is called; returns the variable or value that it is found in."""
    found = function
    while isinstance(found, ast.Attribute):
        found = found.value
    root = found.id if isinstance(found, ast.Name) else ""
    text = ast.unparse(function)
    library, _, name = text.rpartition(".")
    if library == "torch" and name in TENSOR_FUNCTIONS:
        contents.operators[name] += 1
    elif text not in OTHER_FUNCTIONS and not (_is_method(function) and root not in LIBRARIES):
        contents.foreign.add(text)
        contents.operators[text] += 1
    return found


def _is_method(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and bool(METHOD.fullmatch(function.attr))
