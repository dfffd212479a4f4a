"""What an ONNX file refers to outside of itself, read without the package onnx.

A model is data from someone else: which operators it needs, and which files its constants are in,
must be known before a runtime opens it. Only the fields that say so are read (onnx.proto of ONNX
1.21); everything else, such as the constants, is skipped.
"""

from __future__ import annotations

import mmap
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from distilbert.errors import CheckpointError
from distilbert.git_lfs import refuse_pointer
from distilbert.runtimes.protobuf import fields

# Kind of message -> the numbers of the fields that hold messages, and the kinds of those.
MESSAGES = {
    "model": {7: "graph", 8: "opset", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
# Kind of message -> the numbers of the fields that are read, and their names.
FIELDS = {
    "opset": {1: "domain", 2: "version"},
    "node": {4: "operator", 7: "domain"},
    "function": {10: "domain"},
    "entry": {1: "key", 2: "value"},
}
STANDARD = ("", "ai.onnx")


@dataclass
class Contents:
    """What a file needs.

    Attributes:
        opset: the version of the standard operators; 0 if the file names none.
        operators: how often each is used; those outside the standard have `domain:` before.
        functions: the domains of functions that the file itself defines.
        locations: the files of constants, as written in the model.
    """

    opset: int = 0
    operators: Counter[str] = field(default_factory=Counter)
    functions: set[str] = field(default_factory=set)
    locations: set[str] = field(default_factory=set)

    def foreign_domains(self, known: tuple[str, ...]) -> list[str]:
        """The domains of operators that are neither standard, nor `known`, nor defined inside."""
        found = {name.rpartition(":")[0] for name in self.operators}
        return sorted(found - {"", *known} - self.functions)


def read_contents(path: Path) -> Contents:
    """The contents of an ONNX file.

    Raises:
        CheckpointError: it is missing, damaged or another kind of file.
    """
    refuse_pointer(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            contents = _read(data)
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"An ONNX file must be readable: {path} is not ({reason}).") from None
    except ValueError as error:  # UnicodeDecodeError, or an empty file, which cannot be mapped
        raise CheckpointError(
            f"An ONNX file must hold a model: {path} is damaged or another kind of file ({error})."
        ) from None
    if not contents.operators:
        raise CheckpointError(
            f"An ONNX file must hold a model: {path} has no operators, so it is another kind of "
            f"file."
        )
    return contents


def _read(data: mmap.mmap) -> Contents:
    contents = Contents()
    waiting = [("model", 0, len(data))]  # a stack instead of calls: nesting is up to the file
    while waiting:
        kind, start, stop = waiting.pop()
        inner, names = MESSAGES.get(kind, {}), FIELDS.get(kind, {})
        found: dict[str, str] = {}
        for number, value in fields(data, start, stop):
            if number in inner and isinstance(value, tuple):
                waiting.append((inner[number], *value))
            elif number in names:
                is_text = isinstance(value, tuple)
                found[names[number]] = data[slice(*value)].decode() if is_text else str(value)
        _note(contents, kind, found)
    return contents


def _note(contents: Contents, kind: str, found: dict[str, str]) -> None:
    domain = found.get("domain", "")
    domain = "" if domain in STANDARD else domain
    match kind:
        case "opset" if not domain:
            contents.opset = int(found.get("version", 0))
        case "node":
            operator = found.get("operator", "")
            contents.operators[f"{domain}:{operator}" if domain else operator] += 1
        case "function":
            contents.functions.add(domain)
        case "entry" if found.get("key") == "location":
            contents.locations.add(found.get("value", ""))
