"""The vocabulary file: one token per line, the line number is the id.

Knows nothing of text processing and of special tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from distilbert.checkpoint.atomic import atomic_file
from distilbert.errors import CheckpointError
from distilbert.git_lfs import refuse_pointer
from distilbert.json_files import read_small_file

# How a file begins that is something else, without the white space before it.
_JSON = re.compile(r'\{\s*(["}]|$)|\[\s*(["{\]\d]|$)')
_WEB_PAGE = re.compile(r"<(!doctype\s+html|html)\b", re.IGNORECASE)


def load_vocab(path: str | Path) -> dict[str, int]:
    """Token to id; a token that occurs on two lines keeps the later id.

    Only line ends are cut off, so a token may begin or end with a space. Lines end with `\\n`,
    `\\r\\n` or `\\r`, not with the other characters `str.splitlines` knows: some are tokens. A byte
    order mark before the first token is skipped.

    Raises:
        CheckpointError: the file cannot be read, is too large, is not UTF-8 or is not a vocabulary.
    """
    try:
        content = read_small_file(Path(path)).decode("utf-8-sig")
        text = content.replace("\r\n", "\n").replace("\r", "\n")
    except CheckpointError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"A vocabulary must be a readable UTF-8 text file: got `{path}` ({error}). "
            "Pass the path of a `vocab.txt`."
        ) from error
    refuse_pointer(Path(path))
    start = text.lstrip()[:200]
    found = None
    if not start:
        found = "an empty file"
    elif _JSON.match(start):
        found = "a JSON file"
    elif _WEB_PAGE.match(start):
        found = "a web page"
    if found is not None:
        raise CheckpointError(
            f"A vocabulary must be a text file with one token per line: got {found}, {path}. "
            "Pass the path of a `vocab.txt`, or of a `tokenizer.json` to `from_pretrained`."
        )
    return {token: index for index, token in enumerate(text.removesuffix("\n").split("\n"))}


def vocab_text(vocab: Mapping[str, int]) -> str:
    """The content of a file from which `load_vocab` returns the same ids.

    An id that no token has (a repeated line of the origin) becomes a line that repeats the next
    token: since the later line wins, every id survives the round trip.
    """
    lines: list[str] = []
    for token, index in sorted(vocab.items(), key=lambda item: item[1]):
        lines.extend([token + "\n"] * (index + 1 - len(lines)))
    return "".join(lines)


def save_vocab(vocab: Mapping[str, int], path: str | Path) -> None:
    """Write `vocab` so that `load_vocab` returns the same ids."""
    with atomic_file(Path(path)) as partial:
        partial.write_bytes(vocab_text(vocab).encode("utf-8"))
