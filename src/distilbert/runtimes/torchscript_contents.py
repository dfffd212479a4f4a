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
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and not METHOD.fullmatch(node.name):
                contents.foreign.add(f"the method {node.name}")
            if isinstance(node, ast.Call):
                _note_call(ast.unparse(node.func), contents)
    except (SyntaxError, RecursionError, MemoryError):
        raise Unreadable("its functions are not readable") from None


def _note_call(function: str, contents: Contents) -> None:
    library, _, name = function.rpartition(".")
    if library == "torch" and name in TENSOR_FUNCTIONS:
        contents.operators[name] += 1
    elif function not in OTHER_FUNCTIONS and not METHOD.fullmatch(name):
        contents.foreign.add(function)
        contents.operators[function] += 1
