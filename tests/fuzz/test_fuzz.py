"""Mutants of small valid files of every format: read, or refused by an error of this package.

`benchmarks/fuzz_readers.py` runs a hundred thousand of them with limits on time and memory.
"""

from __future__ import annotations

import pytest
from fuzz.readers import READERS, Bench

N_MUTANTS = 250


@pytest.mark.parametrize("name", READERS)
def test_mutants_are_read_or_refused(tmp_path_factory, name):
    bench = Bench(name, tmp_path_factory.mktemp("fuzz"))
    found: set[str] = set()
    for seed in range(N_MUTANTS):
        try:
            found.add(bench.run(seed))
        except Exception as error:
            pytest.fail(f"{name}, seed {seed}: {type(error).__name__}: {error}")
    assert "refused" in found or name in ("data", "parquet")  # where errors are a part of the rows
    assert found & {"equal", "other"}
