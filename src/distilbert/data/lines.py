"""Lines of a text file or stream in any encoding; undecodable bytes are reported by their line.

Only a newline ends a line: the other line ends of Unicode may occur inside texts.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from distilbert.data.problems import Problems
from distilbert.errors import DataError

# Replaces a line that cannot be decoded, so that readers still see that there is one.
UNREADABLE = "\ufffd"
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Encodings to suggest for 8-bit files, the strictest first.
LIKELY = ("utf-8", "cp1252", "latin-1")
# Bytes of a line, which is held in memory: a compressed file of 1 MB may be one of 1 GB. The
# largest data sets that are one line, SQuAD and the like, have 50 MB.
LONGEST_LINE = 256 * 1024 * 1024


@dataclass
class Lines:
    """Lines of a file or binary stream, each with its newline; iterate over them once.

    `broken` collects the numbers of the lines that cannot be decoded; the text of such a line is
    `UNREADABLE`.

    Raises:
        DataError: the encoding is unknown, the file is in UTF-16 instead of `encoding`, or a gzip
            file is damaged.
    """

    source: Path | IO[bytes]
    name: str
    encoding: str
    problems: Problems
    broken: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        try:
            "\n".encode(self.encoding)
        except LookupError:
            raise DataError(
                f"`encoding` must name a character encoding: got {self.encoding!r}. "
                f"Common ones: utf-8, latin-1, cp1252, utf-16."
            ) from None

    def __iter__(self) -> Iterator[str]:
        with open_bytes(self.source, self.name) as stream:
            for number, line in enumerate(self._decoded(stream), 1):
                yield line.removeprefix("\ufeff") if number == 1 else line

    def _decoded(self, stream: IO[bytes]) -> Iterator[str]:
        if "\n".encode(self.encoding).removeprefix(codecs.BOM_UTF8) != b"\n":
            yield from self._decoded_stream(stream)
            return
        for number, raw in enumerate(iter(lambda: stream.readline(LONGEST_LINE + 1), b""), 1):
            if len(raw) > LONGEST_LINE:
                raise DataError(
                    f"A line must have at most {LONGEST_LINE} bytes: line {number} of {self.name} "
                    f"has more. Write one row per line."
                )
            try:
                yield raw.decode(self.encoding)
            except UnicodeDecodeError as error:
                if number == 1 and raw.startswith(UTF_16_MARKS):
                    raise DataError(
                        f"{self.name} must be in the encoding {self.encoding}: it begins with the "
                        f"byte order mark of utf-16. Try `encoding` utf-16."
                    ) from None
                self._report(raw, error, number)
                yield f"{UNREADABLE}\n"

    def _decoded_stream(self, stream: IO[bytes]) -> Iterator[str]:
        """Lines in an encoding with wider newlines; reading cannot continue after an error."""
        number = 0
        try:
            text = io.TextIOWrapper(io.BufferedReader(stream), self.encoding, newline="\n")  # type: ignore[arg-type]
            for line in text:
                number += 1
                yield line
        except UnicodeError as error:
            raise DataError(
                f"{self.name} must be in the encoding {self.encoding}: it is not after line "
                f"{number} ({error}). Set `encoding` to another one."
            ) from None

    def _report(self, raw: bytes, error: UnicodeDecodeError, number: int) -> None:
        likely = next((name for name in LIKELY if _decodes(raw, name)), None)
        hint = f" It could be in {likely}: try `encoding` {likely}." if likely else ""
        rule = f"A line must be text in the encoding {self.encoding}.{hint}"
        got = f"byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
        self.broken.add(number)
        self.problems.add(rule, f"{self.name} line {number}", got)


@contextmanager
def open_bytes(source: Path | IO[bytes], name: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed if its name ends in .gz; a stream is returned as it is.

    Raises:
        DataError: the gzip file is damaged or incomplete.
    """
    if not isinstance(source, Path):
        yield source
        return
    opener = gzip.open if source.suffix.lower() == ".gz" else open
    try:
        with opener(source, "rb") as stream:
            yield stream  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name} must be a complete gzip file: {error}.") from None


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
