"""The pickle inside a `torch.save` file: read as data, never executed; written without torch.

Python's pickle machine is not used: the opcodes are interpreted here, "calls" of the few functions
of a state dict become plain records, and all others are refused by name. Values of a pickle may
contain each other thousands of times: only texts are used as keys, and only numbers and texts are
compared or printed. The bytes of the storages are the business of `format_bin`.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from distilbert.checkpoint.mapped import DTYPES, is_shape, is_size
from distilbert.errors import CheckpointError, shown

# torch's storage classes -> dtype names of `mapped.DTYPES`.
STORAGE_TYPES = {
    "torch DoubleStorage": "float64",
    "torch FloatStorage": "float32",
    "torch HalfStorage": "float16",
    "torch BFloat16Storage": "bfloat16",
    "torch LongStorage": "int64",
    "torch IntStorage": "int32",
    "torch ShortStorage": "int16",
    "torch CharStorage": "int8",
    "torch ByteStorage": "uint8",
    "torch BoolStorage": "bool",
}
STORAGES_OF_TYPES = {dtype: storage for storage, dtype in STORAGE_TYPES.items()}

DICTIONARY = "collections OrderedDict"
REBUILD_TENSOR = "torch._utils _rebuild_tensor_v2"
REBUILD_PARAMETER = "torch._utils _rebuild_parameter"
ALLOWED = {DICTIONARY, REBUILD_TENSOR, REBUILD_PARAMETER, *STORAGE_TYPES}

# Pickles of state dicts have about 40 opcodes for each tensor: this is enough for 25,000 of them.
MAX_OPCODES = 1_000_000
# An integer has at most this many bits; the sizes in a state dict have 64.
MAX_BITS = 128


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of bytes named by the pickle."""

    key: str
    dtype: str
    n_elements: int

    @property
    def n_bytes(self) -> int:
        """The size of the tensors' part of the block."""
        return self.n_elements * DTYPES[self.dtype].itemsize


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A view on a storage; offset and strides are in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Global:
    """The name of a class or function; it is never imported."""

    name: str


_MARK = object()


def read_pickle(stream: BytesIO) -> Any:
    """The object in the stream as dicts, lists, tuples, numbers, text and `StoredTensor`s.

    The stream is left after the pickle's last byte.

    Raises:
        CheckpointError: the pickle is damaged, or needs other functions than a state dict.
    """
    reader = _Reader()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > MAX_OPCODES:
                raise CheckpointError(
                    f"A state dict must have < {MAX_OPCODES} pickle opcodes. Load the file with "
                    f"PyTorch and save its state dict as safetensors."
                )
            if opcode.name == "STOP":
                return reader.stack.pop()
            reader.n_opcodes = count
            reader.step(opcode.name, argument)
    except CheckpointError:
        raise
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise CheckpointError(f"The pickle is damaged: {error}.") from None
    raise CheckpointError("The pickle is damaged: it has no end.")


class _Reader:
    """The stack machine of the pickle format, without any opcode that runs code."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.n_opcodes = 0
        self.n_pairs = 0  # copied into dictionaries

    def step(self, opcode: str, argument: Any) -> None:
        stack = self.stack
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                stack.append(_MARK)
            case _ if opcode in _VALUES:
                stack.append(_VALUES[opcode]())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self._pop(int(opcode[-1]))))
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "SETITEM" | "SETITEMS":
                items = self._since_mark() if opcode == "SETITEMS" else self._pop(2)
                _fill(stack[-1], items)
            case "APPEND" | "APPENDS":
                items = self._since_mark() if opcode == "APPENDS" else self._pop(1)
                _extend(stack[-1], items)
            case "MEMOIZE":
                self.memo[len(self.memo)] = stack[-1]
            case _ if opcode in _PUT:
                self.memo[int(argument)] = stack[-1]
            case _ if opcode in _GET:
                stack.append(self.memo[int(argument)])
            case _ if opcode in _CONSTANTS:
                if isinstance(argument, int) and argument.bit_length() > MAX_BITS:
                    raise ValueError(f"a number of more than {MAX_BITS} bits")
                stack.append(argument)
            case _:
                self._call(opcode, argument)

    def _call(self, opcode: str, argument: Any) -> None:
        """The opcodes with which a pickle runs code; here they create records."""
        stack = self.stack
        match opcode:
            case "GLOBAL":
                stack.append(_global(argument))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                if not isinstance(name, str) or not isinstance(module, str):
                    raise ValueError("a function without a name")
                stack.append(_global(f"{module} {name}"))
            case "BINPERSID":
                stack.append(_storage(stack.pop()))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(self._reduce(function, arguments))
            case "BUILD":
                # Attributes of the dictionary (`_metadata`, versions of modules): not needed.
                stack.pop()
                if not isinstance(stack[-1], dict):
                    raise CheckpointError("A state dict must set attributes of dictionaries only.")
            case _:
                raise CheckpointError(
                    f"A state dict must not use the pickle opcode {opcode}: the file holds other "
                    f"objects, possibly malicious ones, and nothing of it was run."
                )

    def _reduce(self, function: object, arguments: object) -> Any:
        match function, arguments:
            case _Global("collections OrderedDict"), ():
                return {}
            case _Global("collections OrderedDict"), (list(pairs),):
                return self._dictionary(pairs)
            case (
                _Global("torch._utils _rebuild_tensor_v2"),
                (Storage() as storage, int(offset), tuple(shape), tuple(strides), *_),
            ) if _is_place(offset, shape, strides):
                return StoredTensor(storage, offset, shape, strides)
            case _Global("torch._utils _rebuild_parameter"), (StoredTensor() as tensor, *_):
                return tensor
        raise ValueError("a function with wrong arguments")

    def _dictionary(self, pairs: list[Any]) -> dict[str, Any]:
        """A dictionary of pairs; a list that is used again and again would take all memory."""
        self.n_pairs += len(pairs)
        if self.n_pairs > self.n_opcodes:
            raise ValueError("a list of pairs is used for many dictionaries")
        out: dict[str, Any] = {}
        for pair in pairs:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise ValueError("a dictionary of something other than pairs")
            _fill(out, list(pair))
        return out

    def _pop(self, n: int) -> list[Any]:
        if len(self.stack) < n:
            raise ValueError("the stack is too short")
        items = self.stack[-n:]
        del self.stack[-n:]
        return items

    def _since_mark(self) -> list[Any]:
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise ValueError("a mark is missing")


_VALUES: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_GET = {"GET", "BINGET", "LONG_BINGET"}
_CONSTANTS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}


def _fill(target: object, items: list[Any]) -> None:
    if not isinstance(target, dict) or len(items) % 2:
        raise ValueError("items for something that is not a dictionary")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not isinstance(key, str):  # hashing a tuple of tuples may never end
            raise ValueError(f"a {type(key).__name__}, not a text, as a key")
        target[key] = value


def _extend(target: object, items: list[Any]) -> None:
    if not isinstance(target, list):
        raise ValueError("elements for something that is not a list")
    target.extend(items)


def _global(name: str) -> _Global:
    if name not in ALLOWED:
        raise CheckpointError(
            f"A state dict must hold tensors only: this file asks for "
            f"`{shown(name.replace(' ', '.'))[1:-1]}`, which could run code. Nothing of it was "
            f"run. If you trust the file, load it with PyTorch and save its state dict as "
            f"safetensors."
        )
    return _Global(name)


def _is_place(offset: object, shape: object, strides: object) -> bool:
    return (
        isinstance(offset, int)
        and offset.bit_length() <= 64
        and is_shape(shape)
        and is_shape(strides)
        and len(shape) == len(strides)
    )


def _storage(identity: object) -> Storage:
    match identity:
        # Old files may add a view into another storage; only None is supported.
        case ("storage", _Global(name), str(key), str(), int(n_elements), *view) if (
            name in STORAGE_TYPES and is_size(n_elements) and view in ([], [None])
        ):
            return Storage(key, STORAGE_TYPES[name], n_elements)
    raise ValueError("a storage without a type, a key and a size")


def write_pickle(tensors: Iterable[tuple[str, StoredTensor]]) -> bytes:
    """A pickle (protocol 2) that `torch.load(weights_only=True)` reads as a dict of tensors."""
    out = [b"\x80\x02", _global_bytes(DICTIONARY), b")R("]
    for name, tensor in tensors:
        storage = tensor.storage
        kind = _global_bytes(STORAGES_OF_TYPES[storage.dtype])
        identity = (_text("storage"), kind, _text(storage.key), _text("cpu"))
        out += [_text(name), _global_bytes(REBUILD_TENSOR), b"(("]
        out += [*identity, _integer(storage.n_elements), b"tQ", _integer(tensor.offset)]
        out += [_integers(tensor.shape), _integers(tensor.strides), b"\x89"]  # requires_grad=False
        out += [_global_bytes(DICTIONARY), b")RtR"]  # no backward hooks
    return b"".join([*out, b"u."])


def _global_bytes(name: str) -> bytes:
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def _integer(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + len(data).to_bytes(1, "little") + data


def _integers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(_integer, values)) + b"t"
