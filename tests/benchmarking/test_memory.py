"""The peak of a call's memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distilbert.benchmarking import memory
from distilbert.benchmarking.memory import peak_growth


def test_memory_that_a_call_releases_is_counted() -> None:
    result, mib = peak_growth(lambda: float(np.ones(16 * 2**20).sum()))  # 128 MiB
    assert result == 16 * 2**20
    if mib is None:
        pytest.skip("needs /proc/self/clear_refs, which this system does not have")
    assert 100 < mib < 400


def test_where_the_system_does_not_count_the_call_is_made_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "RESET", tmp_path / "none" / "clear_refs")
    assert peak_growth(lambda: 3) == (3, None)
