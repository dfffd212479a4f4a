"""The student of `distilbert quickstart`: the texts it learns from, where it is written."""

from __future__ import annotations

import pytest

from distilbert.cli import quickstart_student as module
from distilbert.errors import DataError, InputError

MODULE = '''"""A module about files.

    >>> this is an example, which no one should read as a sentence

Open a file,
  read what is written in it, and close it.
"""

class Reader:
    """Reads one line after the other until there are no more of them."""

    def no_documentation(self): ...

    async def read(self):
        """Too short."""
'''


def test_texts_are_the_paragraphs_of_docstrings(tmp_path):
    (tmp_path / "files.py").write_text(MODULE)
    (tmp_path / "template.py").write_text("class {{ name }}: pass")
    (tmp_path / "null.py").write_bytes(b"x = 1\x00")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "files.py").write_text(MODULE)
    assert list(module.docstrings(tmp_path)) == [
        "Open a file, read what is written in it, and close it.",
        "Reads one line after the other until there are no more of them.",
    ]


def test_a_python_without_source_code_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(module.sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(DataError, match=r"has none of its source code\. Use `--no-distil`"):
        module.distil_student("teacher", str(tmp_path / "student"))


def test_only_a_student_is_replaced(tmp_path):
    assert module.check_student(str(tmp_path / "new")) == str(tmp_path / "new")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt"):
        module.check_student(str(tmp_path))
