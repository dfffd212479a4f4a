"""The vocabulary file: one token per line, the line number is the id.

Knows nothing of text processing and of special tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from distilbert.checkpoint.atomic import atomic_file
from distilbert.errors import CheckpointError


def load_vocab(path: str | Path) -> dict[str, int]:
    """Token to id; a token that occurs on two lines keeps the later id.

    Only line ends are cut off, so a token may begin or end with a space. Lines end with `\\n`,
    `\\r\\n` or `\\r`, not with the other characters `str.splitlines` knows: some are tokens.

    Raises:
        CheckpointError: the file cannot be read or is not UTF-8.
    """
    try:
        with open(path, encoding="utf-8") as lines:
            return {line.removesuffix("\n"): index for index, line in enumerate(lines)}
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"A vocabulary must be a readable UTF-8 text file: got `{path}` ({error}). "
            "Pass the path of a `vocab.txt`."
        ) from error


def save_vocab(vocab: Mapping[str, int], path: str | Path) -> None:
    """Write `vocab` so that `load_vocab` returns the same ids.

    An id that no token has (a repeated line of the origin) becomes a line that repeats the next
    token: since the later line wins, every id survives the round trip.
    """
    lines: list[str] = []
    for token, index in sorted(vocab.items(), key=lambda item: item[1]):
        lines.extend([token + "\n"] * (index + 1 - len(lines)))
    with atomic_file(Path(path)) as partial:
        partial.write_bytes("".join(lines).encode("utf-8"))
