"""JSON files of checkpoints, tokenizers and sentence encoders: read with one form of error.

They are data from someone else, so size, depth and numbers have limits: what comes out of here can
be walked through, compared, copied and printed. A byte order mark before the content, as some
editors write it, is skipped.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert.errors import CheckpointError, shown
from distilbert.git_lfs import refuse_pointer

_NAMES = {dict: "object", list: "array"}

# The tokenizer.json of the largest published vocabulary of BERT's kind (LaBSE, 500,000 tokens) has
# 15 MB; parsed, a file takes up to 20 times its size in memory.
MAX_BYTES = 32 * 1024 * 1024
# Objects and arrays inside of each other; a tokenizer.json has 7.
MAX_DEPTH = 64
# Tokenizers without a limit of length write 1e30 in digits.
LARGEST_INTEGER = 10**40
# How JSON writes half of a character; two halves in a row are a character.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(path: str | PathLike[str], kind: type = dict, *, max_bytes: int = MAX_BYTES) -> Any:
    """The content of a JSON file, which must be an object (or, with `kind=list`, an array).

    Raises:
        CheckpointError: the file is missing, unreadable, larger than `max_bytes`, not JSON in
            UTF-8 within the limits of `parse_json`, or holds another kind of value.
    """
    path = Path(path)
    try:
        content = parse_json(read_small_file(path, max_bytes).decode("utf-8-sig"))
    except CheckpointError:
        raise
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise CheckpointError(
            f"A checkpoint must hold a file `{path.name}`: found none at {path}."
        ) from None
    except (OSError, ValueError) as error:  # ValueError includes UnicodeDecodeError
        refuse_pointer(path)
        raise CheckpointError(
            f"`{path.name}` must be a JSON file in UTF-8: {path} is not ({error})."
        ) from None
    if not isinstance(content, kind):
        raise CheckpointError(
            f"`{path.name}` must be a JSON {_NAMES[kind]}: {path} holds a {type(content).__name__}."
        )
    return content


def read_small_file(path: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The content of a file, never more than `max_bytes`, and nothing of a device or a pipe, which
    may have no end.

    Raises:
        CheckpointError: it is larger.
        OSError: it is missing, unreadable, or another kind of file.
    """
    about = path.stat()
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(about.st_mode):
        raise OSError("it is a device or a pipe")
    with path.open("rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise CheckpointError(
            f"`{path.name}` must have at most {max_bytes} bytes: {path} has "
            f"{max(about.st_size, len(content))}. Remove what is not needed from it."
        )
    return content


def read_optional_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; an empty one where there is no such file.

    Raises:
        CheckpointError: as `read_json`.
    """
    return read_json(path) if path.is_file() else {}


def parse_json(text: str, *, unique_names: bool = False) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, too deep, has a number that is too large or half a character;
            with `unique_names` also if an object has a name twice.
    """
    hook = _with_unique_names if unique_names else None
    try:
        content = json.loads(text, object_pairs_hook=hook)
    except RecursionError:
        raise ValueError(f"it is deeper than {MAX_DEPTH} objects and arrays") from None
    _check_values(content)
    if "\\u" in text and _HALF.search(text):
        try:
            json.dumps(content, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a text has half a character (a lone surrogate)") from None
    return content


def _check_values(content: Any) -> None:
    level: list[Any] = [[content]]
    for _ in range(MAX_DEPTH + 2):
        inner = []
        for value in level:
            # Most values of large files are the ids of tokens: loops over them are left to C.
            items = value.values() if isinstance(value, dict) else value
            kinds = {*map(type, items)} if isinstance(value, dict | list) else set()
            if kinds & {dict, list}:
                inner += [item for item in items if isinstance(item, dict | list)]
            if int in kinds:
                all_are = len(kinds) == 1
                _check_integers(items if all_are else [i for i in items if type(i) is int])
        if not inner:
            return
        level = inner
    raise ValueError(f"it is deeper than {MAX_DEPTH} objects and arrays")


def _check_integers(numbers: Collection[int]) -> None:
    for number in (min(numbers), max(numbers)):
        if abs(number) > LARGEST_INTEGER:
            raise ValueError(f"a number has more than 40 digits ({shown(number)})")


def _with_unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in pairs:
        if name in out:
            raise ValueError(f"the name {shown(name)} occurs twice")
        out[name] = value
    return out
