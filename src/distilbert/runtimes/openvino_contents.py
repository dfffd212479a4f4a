"""What an OpenVINO model needs, read without openvino.

A model is data from someone else: which operators it needs must be known before a runtime opens it.
The XML file names no other file; its constants are in the file with the ending `.bin` next to it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from distilbert.errors import CheckpointError
from distilbert.git_lfs import refuse_pointer

STANDARD_OPSET = re.compile(r"opset([0-9]{1,3})")


@dataclass
class Contents:
    """What a file needs.

    Attributes:
        opset: the newest version of the standard operators.
        operators: how often each is used; those outside the standard have `opset:` before.
        foreign: the opsets that are not standard.
        locations: the names of the files of constants.
    """

    opset: int = 0
    operators: Counter[str] = field(default_factory=Counter)
    foreign: set[str] = field(default_factory=set)
    locations: set[str] = field(default_factory=set)


def read_contents(path: Path) -> Contents:
    """The contents of the XML file of a model.

    Raises:
        CheckpointError: it is missing, damaged or another kind of file.
    """
    refuse_pointer(path)
    contents = Contents(locations={data_file(path).name})
    try:
        with path.open("rb") as file:
            _parser(contents).ParseFile(file)
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(
            f"An OpenVINO model must be readable: {path} is not ({reason})."
        ) from None
    except (expat.ExpatError, UnicodeError, _NotAModel) as error:
        raise CheckpointError(
            f"An OpenVINO model must be an XML file of layers: {path} is damaged or another kind "
            f"of file ({error})."
        ) from None
    return contents


def data_file(path: Path) -> Path:
    """Where the constants of a model are."""
    return path.with_suffix(".bin")


class _NotAModel(ValueError):
    """XML that describes something else."""


def _parser(contents: Contents) -> Any:
    depth = 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        if depth == 0 and name != "net":
            raise _NotAModel(f"its first element is {name!r}, not 'net'")
        depth += 1
        if name == "layer":
            _note(contents, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if depth == 0 and not contents.operators:
            raise _NotAModel("it has no layers")

    def refuse_document_type(*args: Any) -> None:
        raise _NotAModel("it defines a document type")  # entities could refer to other files

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = refuse_document_type
    return parser


def _note(contents: Contents, attributes: Mapping[str, str]) -> None:
    operator, opset = attributes.get("type", ""), attributes.get("version", "")
    standard = STANDARD_OPSET.fullmatch(opset)
    if standard:
        contents.opset = max(contents.opset, int(standard[1]))
        contents.operators[operator] += 1
    else:
        contents.foreign.add(opset)
        contents.operators[f"{opset}:{operator}"] += 1
