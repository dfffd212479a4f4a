"""Lines of a text file, plain or gzipped, in any encoding; broken bytes are told by their line.

Only a newline ends a line: other characters that Unicode calls line ends may stand inside texts.
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

# Stands for a line that could not be read where a reader must still see that there was one.
UNREADABLE = "\ufffd"
# What files in UTF-16 begin with.
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Encodings to suggest for 8-bit files, first those that refuse more.
LIKELY = ("utf-8", "cp1252", "latin-1")


@dataclass
class Lines:
    """Lines of a file, each with its newline; to be gone through once.

    `broken` fills with the numbers of lines that are not in the encoding; in the place of each
    comes `UNREADABLE`.

    Raises:
        DataError: no such file, no such encoding, UTF-16 under the name of another encoding, or a
            damaged gzip file.
    """

    path: Path
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
                f"Usual ones: utf-8, latin-1, cp1252, utf-16."
            ) from None
        if not self.path.is_file():
            raise DataError(
                f"Data must be a file that exists, or hub:owner/name:split: got {self.name}."
            )

    def __iter__(self) -> Iterator[str]:
        with open_bytes(self.path, self.name) as stream:
            for number, line in enumerate(self._decoded(stream), 1):
                yield line.removeprefix("\ufeff") if number == 1 else line

    def _decoded(self, stream: IO[bytes]) -> Iterator[str]:
        if "\n".encode(self.encoding).removeprefix(codecs.BOM_UTF8) != b"\n":
            yield from self._decoded_as_a_whole(stream)
            return
        for number, raw in enumerate(stream, 1):
            try:
                yield raw.decode(self.encoding)
            except UnicodeDecodeError as error:
                if number == 1 and raw.startswith(WIDE):
                    raise DataError(
                        f"{self.name} must be in the encoding {self.encoding}: it begins as files "
                        f"in utf-16 do. Try `--encoding utf-16`."
                    ) from None
                self._note(raw, error, number)
                yield f"{UNREADABLE}\n"

    def _decoded_as_a_whole(self, stream: IO[bytes]) -> Iterator[str]:
        """Lines in an encoding with wider newlines; nothing can be read behind a broken one."""
        number = 0
        try:
            text = io.TextIOWrapper(io.BufferedReader(stream), self.encoding, newline="\n")  # type: ignore[arg-type]
            for line in text:
                number += 1
                yield line
        except UnicodeError as error:
            raise DataError(
                f"{self.name} must be in the encoding {self.encoding}: it is not after line "
                f"{number} ({error}). Name another with `--encoding`."
            ) from None

    def _note(self, raw: bytes, error: UnicodeDecodeError, number: int) -> None:
        likely = next((name for name in LIKELY if _decodes(raw, name)), None)
        hint = f" It would be in {likely}: try `--encoding {likely}`." if likely else ""
        rule = f"A line must be text in the encoding {self.encoding}.{hint}"
        got = f"byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
        self.broken.add(number)
        self.problems.add(rule, f"{self.name} line {number}", got)


@contextmanager
def open_bytes(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where its name ends in .gz.

    Raises:
        DataError: what is read is no whole gzip file.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb") as stream:
            yield stream  # type: ignore[misc]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name} must be a whole gzip file: {error}.") from None


def _decodes(raw: bytes, encoding: str) -> bool:
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
