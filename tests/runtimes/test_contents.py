"""What a file contains besides computation is named, in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.errors import CheckpointError
from distilbert.runtimes.contents import Contents


def test_what_could_do_something_else_is_refused() -> None:
    Contents(operators={"add": 3}).check("A file", Path("m"))  # type: ignore[arg-type]
    text = "A file may only compute with tensors: m contains a, b, which could do something else"
    with pytest.raises(CheckpointError, match=text):
        Contents(foreign={"b", "a"}).check("A file", Path("m"))
