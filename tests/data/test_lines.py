"""Lines end at newlines only; bad bytes are reported by line, byte and likely encoding."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from distilbert.data.lines import UNREADABLE, Lines, open_bytes
from distilbert.data.problems import Problems
from distilbert.errors import DataError


def lines_of(folder: Path, content: bytes, encoding: str = "utf-8", name: str = "x.txt") -> Lines:
    path = folder / name
    path.write_bytes(content)
    return Lines(path, name, encoding, Problems())


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, "a\u2028b\x0bc\x85\rd\ne\r\nf".encode())
    assert list(lines) == ["a\u2028b\x0bc\x85\rd\n", "e\r\n", "f"]


def test_gzipped_files_read_like_plain_ones(tmp_path: Path) -> None:
    assert list(lines_of(tmp_path, gzip.compress(b"a\nb\n"), name="x.txt.gz")) == ["a\n", "b\n"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_byte_order_mark_is_no_text(tmp_path: Path, encoding: str) -> None:
    bom = "" if encoding in ("utf-8-sig", "utf-16", "utf-32") else "\ufeff"
    lines = lines_of(tmp_path, f"{bom}é\nb\n".encode(encoding), encoding)
    assert list(lines) == ["é\n", "b\n"]


@pytest.mark.parametrize(
    ("raw", "encoding", "hint"),
    [
        (b"caf\xe9\n", "utf-8", " It could be in cp1252: try `encoding` cp1252."),
        (b"a\x81\n", "utf-8", " It could be in latin-1: try `encoding` latin-1."),
        ("é\n".encode(), "ascii", " It could be in utf-8: try `encoding` utf-8."),
    ],
)
def test_a_line_in_another_encoding_is_reported_and_the_next_one_read(
    tmp_path: Path, raw: bytes, encoding: str, hint: str
) -> None:
    lines = lines_of(tmp_path, b"good\n" + raw + b"good\n", encoding)
    assert list(lines) == ["good\n", f"{UNREADABLE}\n", "good\n"]
    assert lines.broken == {2}
    ((rule, ((place, got),)),) = lines.problems.found.items()
    assert rule == f"A line must be text in the encoding {encoding}.{hint}"
    assert place == "x.txt line 2"
    first = next(i for i, byte in enumerate(raw) if byte > 127)
    assert got == f"'byte 0x{raw[first]:02x} at byte {first + 1} of the line'"


def test_nothing_can_be_read_after_a_broken_wide_character(tmp_path: Path) -> None:
    content = "a\nb\n".encode("utf-16-le") + b"\x00\xdc" + "c\n".encode("utf-16-le")
    with pytest.raises(DataError, match=r"x\.txt must be in the encoding utf-16-le: it is not"):
        list(lines_of(tmp_path, content, "utf-16-le"))


def test_an_unknown_encoding_is_reported_at_once(tmp_path: Path) -> None:
    for encoding in ("utf8000", "base64"):
        with pytest.raises(DataError, match=f"`encoding` must name a character .* '{encoding}'"):
            lines_of(tmp_path, b"", encoding)


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"abc" * 99, mtime=0)[:-9]])
def test_a_damaged_gzip_file_is_reported(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"x\.gz must be a complete gzip file"):
        list(lines_of(tmp_path, content, name="x.gz"))


def test_a_stream_is_read_line_by_line(tmp_path: Path) -> None:
    lines = Lines(io.BytesIO(b"\xef\xbb\xbfa\n\xff\nb"), "stream", "utf-8", Problems())
    assert list(lines) == ["a\n", f"{UNREADABLE}\n", "b"]
    assert lines.broken == {2}


def test_open_bytes_decompresses_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.GZ").write_bytes(gzip.compress(b"a"))
    with open_bytes(tmp_path / "a.GZ", "a.GZ") as stream:
        assert stream.read() == b"a"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_under_the_name_of_utf_8_is_reported_once(tmp_path: Path, encoding: str) -> None:
    lines = lines_of(tmp_path, "\ufefftext,label\ngood,up\n".encode(encoding))
    with pytest.raises(DataError, match=r"x\.txt must be .* Try `encoding` utf-16\.$"):
        list(lines)


def test_a_line_that_a_small_file_unpacks_to_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("distilbert.data.lines.LONGEST_LINE", 1000)
    path = tmp_path / "a.txt.gz"
    for n_bytes in (999, 1000):
        path.write_bytes(gzip.compress(b"0" * n_bytes + b"\n0"))
        lines = Lines(path, "a", "utf-8", Problems())
        if n_bytes == 999:
            assert [len(line) for line in lines] == [1000, 1]
        else:
            with pytest.raises(DataError, match="line 1 of a has more"):
                list(lines)
