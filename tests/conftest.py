"""Fixtures every test may use: where real data and recorded reference values lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run, and no test fails because the machine was busy.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and reference values beside the checkout; skips if absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "golden" / "README.md").is_file():
        pytest.skip("needs the data folder ../shared beside the checkout, which is absent here")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """The committed part of the reference values (provenance in its README)."""
    return ROOT / "tests" / "golden"
