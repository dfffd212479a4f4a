"""JSON files of checkpoints, tokenizers and sentence encoders: read with one form of error.

A byte order mark before the content, as some editors write it, is skipped.
"""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert.errors import CheckpointError
from distilbert.git_lfs import refuse_pointer

_NAMES = {dict: "object", list: "array"}


def read_json(path: str | PathLike[str], kind: type = dict, *, max_bytes: int | None = None) -> Any:
    """The content of a JSON file, which must be an object (or, with `kind=list`, an array).

    Raises:
        CheckpointError: the file is missing, unreadable, larger than `max_bytes`, not JSON in
            UTF-8, or holds another kind of value.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if max_bytes is not None and size > max_bytes:
            raise CheckpointError(
                f"`{path.name}` must have at most {max_bytes} bytes: {path} has {size}."
            )
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except CheckpointError:
        raise
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise CheckpointError(
            f"A checkpoint must hold a file `{path.name}`: found none at {path}."
        ) from None
    # ValueError includes UnicodeDecodeError and JSONDecodeError.
    except (OSError, ValueError, RecursionError) as error:
        refuse_pointer(path)
        raise CheckpointError(
            f"`{path.name}` must be a JSON file in UTF-8: {path} is not ({error})."
        ) from None
    if not isinstance(content, kind):
        raise CheckpointError(
            f"`{path.name}` must be a JSON {_NAMES[kind]}: {path} holds a {type(content).__name__}."
        )
    return content


def read_optional_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; an empty one where there is no such file.

    Raises:
        CheckpointError: as `read_json`.
    """
    return read_json(path) if path.is_file() else {}
