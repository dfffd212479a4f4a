"""What a TF-Lite file computes, read without TensorFlow.

TensorFlow Lite's own operators only compute with tensors. Custom ones are code from elsewhere, and
among them are those of TensorFlow, some of which read and write files.
"""

from __future__ import annotations

import struct
from pathlib import Path

from distilbert.errors import CheckpointError
from distilbert.git_lfs import refuse_pointer
from distilbert.runtimes.contents import Contents

KIND = "A TF-Lite file"
IDENTIFIER = b"TFL3"
# Places of fields in tables of TensorFlow Lite's schema (schema.fbs, version 3).
VERSION, OPERATOR_CODES, SUBGRAPHS = 0, 1, 2
OLD_CODE, CUSTOM_CODE, CODE = 0, 1, 3  # of an operator code
OPERATORS = 3  # of a subgraph
CODE_INDEX = 0  # of an operator
CUSTOM = 32
# Bytes of the name of an operator.
MAX_NAME = 1000
# Codes of operators that an encoder has; others are shown by their number.
NAMES = {
    0: "ADD", 2: "CONCATENATION", 6: "DEQUANTIZE", 9: "FULLY_CONNECTED", 14: "LOGISTIC",
    18: "MUL", 19: "RELU", 21: "RELU6", 22: "RESHAPE", 25: "SOFTMAX", 28: "TANH", 36: "GATHER",
    39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 42: "DIV", 43: "SQUEEZE", 45: "STRIDED_SLICE",
    47: "EXP", 49: "SPLIT", 53: "CAST", 55: "MAXIMUM", 57: "MINIMUM", 59: "NEG", 65: "SLICE",
    69: "TILE", 70: "EXPAND_DIMS", 71: "EQUAL", 72: "NOT_EQUAL", 73: "LOG", 74: "SUM", 75: "SQRT",
    76: "RSQRT", 77: "SHAPE", 78: "POW", 82: "REDUCE_MAX", 83: "PACK", 88: "UNPACK", 92: "SQUARE",
    94: "FILL", 96: "RANGE", 98: "LEAKY_RELU", 99: "SQUARED_DIFFERENCE", 123: "SELECT_V2",
    126: "BATCH_MATMUL", 130: "BROADCAST_TO", 150: "GELU",
}  # fmt: skip


def read_contents(path: Path) -> Contents:
    """The contents of a file; `opset` is the version of its schema.

    Raises:
        CheckpointError: it is missing, damaged or another kind of file.
    """
    refuse_pointer(path)
    contents = Contents()
    try:
        _note(path.read_bytes(), contents)
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"{KIND} must be readable: {path} is not ({reason}).") from None
    except (struct.error, IndexError, ValueError) as error:
        raise CheckpointError(
            f"{KIND} must hold a model: {path} is damaged or another kind of file ({error})."
        ) from None
    return contents


def _note(data: bytes, contents: Contents) -> None:
    if data[4:8] != IDENTIFIER:
        raise ValueError(f"it does not begin with {IDENTIFIER.decode()}")
    model = _Table(data, _number(data, 0, "<I"))
    contents.opset = model.number(VERSION, "<I")
    codes = [_name(code, contents) for code in model.tables(OPERATOR_CODES)]
    n_operators = 0
    for graph in model.tables(SUBGRAPHS):
        operators = graph.tables(OPERATORS)
        n_operators += len(operators)
        if n_operators > len(data):  # graphs that have all operators in common
            raise ValueError("it has more operators than bytes")
        for operator in operators:
            contents.operators[codes[operator.number(CODE_INDEX, "<I")]] += 1
    if not contents.operators:
        raise ValueError("it has no operators")


def _name(code: _Table, contents: Contents) -> str:
    # Files of older programs have the code in a field of one byte.
    number = max(code.number(OLD_CODE, "<b"), code.number(CODE, "<i"))
    custom = code.text(CUSTOM_CODE)
    if number != CUSTOM and not custom:
        return NAMES.get(number, f"operator {number}")
    name = f"the custom operator {custom!r}"
    contents.foreign.add(name)
    return name


class _Table:
    """A table of a FlatBuffer: fields in numbered places, each of which may be missing."""

    def __init__(self, data: bytes, start: int) -> None:
        self.data, self.start = data, start
        self.places = start - _number(data, start, "<i")
        self.n_bytes = _number(data, self.places, "<H")

    def _find(self, field: int) -> int | None:
        place = 4 + 2 * field
        offset = _number(self.data, self.places + place, "<H") if place < self.n_bytes else 0
        return self.start + offset if offset else None

    def number(self, field: int, kind: str) -> int:
        """The value of a field, 0 if it is missing."""
        place = self._find(field)
        return 0 if place is None else _number(self.data, place, kind)

    def _vector(self, field: int) -> tuple[int, int]:
        """Where the items of a vector begin, and how many there are."""
        place = self._find(field)
        if place is None:
            return 0, 0
        place += _number(self.data, place, "<I")
        return place + 4, _number(self.data, place, "<I")

    def tables(self, field: int) -> list[_Table]:
        """The items of a vector of tables."""
        start, n_items = self._vector(field)
        if n_items > len(self.data):
            raise ValueError("a vector is longer than the file")
        places = [start + 4 * i for i in range(n_items)]
        return [_Table(self.data, one + _number(self.data, one, "<I")) for one in places]

    def text(self, field: int) -> str:
        """A text, empty if it is missing."""
        start, n_bytes = self._vector(field)
        if n_bytes > MAX_NAME:
            raise ValueError(f"a name is longer than {MAX_NAME} bytes")
        return self.data[start : start + n_bytes].decode()


def _number(data: bytes, place: int, kind: str) -> int:
    if place < 0:
        raise ValueError("a place before the file")
    return struct.unpack_from(kind, data, place)[0]
