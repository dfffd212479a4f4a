"""Names from elsewhere can only mean files below the current folder, on every system."""

from __future__ import annotations

import pytest

from distilbert.checkpoint.foreign_names import is_inside, is_plain_name

INSIDE = ["a", "a/b.json", ".hidden", "a..b", "été 1%20#?", "..a/b..", "a b", "-x", "é" * 127]
OUTSIDE = ["..", "../a", "a/../b", "/a", "//host/a", "a\\b", "C:a", "a\nb", "a\0b", "\x7f"]
OUTSIDE += ["\ud800", "a" * 256, "é" * 128, f"a/{'b' * 256}", None, 1, b"a", ["a"]]


@pytest.mark.parametrize("path", INSIDE)
def test_paths_below_the_folder_are_accepted(path: str) -> None:
    assert is_inside(path)
    assert is_plain_name(path) == ("/" not in path)


@pytest.mark.parametrize("path", OUTSIDE)
def test_what_may_lead_elsewhere_is_refused(path: object) -> None:
    assert not is_inside(path)
    assert not is_plain_name(path)


@pytest.mark.parametrize("path", ["", "."])
def test_the_folder_itself_is_inside_but_no_file(path: str) -> None:
    assert is_inside(path)
    assert not is_plain_name(path)
