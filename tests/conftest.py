"""Fixtures for every test: paths of real data and recorded values, a tiny config and batch."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from distilbert import DistilBertConfig

# TensorFlow's start-up messages would drown the output of pytest.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Parallel workers: the threads of one would only wait for those of the other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# JAX: tests compile much and compute little. Most optimizations are off (except where a test asks
# for them, see `tests/flax/conftest.py`), and no worker and no process that a test starts compiles
# what another one of this run has compiled: workers inherit these variables.
_compiled = tempfile.TemporaryDirectory(prefix="compiled-", ignore_cleanup_errors=True)
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _compiled.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# The same examples in every run, and no test fails because the machine was busy.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and reference values next to the checkout; skips if absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "golden" / "README.md").is_file():
        pytest.skip("needs the data folder ../shared next to the checkout, which does not exist")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """The committed part of the reference values (provenance in its README)."""
    return ROOT / "tests" / "golden"


@pytest.fixture
def config() -> DistilBertConfig:
    """2 layers, D 32, V 99, no dropout, so that training is deterministic too."""
    return DistilBertConfig(
        vocab_size=99,
        dim=32,
        n_heads=4,
        n_layers=2,
        hidden_dim=64,
        max_position_embeddings=40,
        dropout=0.0,
        attention_dropout=0.0,
        qa_dropout=0.0,
        seq_classif_dropout=0.0,
    )


@pytest.fixture
def ids() -> np.ndarray:
    """(3, 7), every token ordinary."""
    return np.random.default_rng(5).integers(1, 99, (3, 7))


@pytest.fixture
def mask() -> np.ndarray:
    """(3, 7): a full row, a padded row, and a row with one token."""
    return np.array([[1] * 7, [1] * 4 + [0] * 3, [1] + [0] * 6])


# A test of the contract suite that ran on one framework: `...test_modes.py::test_x[flax-...]`.
_LEG = re.compile(r"contract/test_\w+\.py::\w+\[(torch|tensorflow|flax)\b")
_legs: Counter[tuple[str, str]] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count how the contract suite ended on each framework."""
    found = _LEG.search(report.nodeid)
    if found and (report.when == "call" or report.outcome != "passed"):
        _legs[found[1], report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI no contract test may be skipped: a missing framework is a failure there."""
    if os.environ.get("CI") and any(outcome == "skipped" for _, outcome in _legs):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per framework."""
    for framework in sorted({name for name, _ in _legs}):
        ended = {outcome: n for (name, outcome), n in _legs.items() if name == framework}
        counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(ended.items()))
        terminalreporter.write_line(f"contract on {framework}: {counts}")
