"""Fixtures every test may use: where real data and recorded reference values lie."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# Models under test are tiny: no time to lose on logs of a framework's start.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Workers side by side: threads of one would only wait for those of the other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

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


# A claim of the contract suite that ran on one framework: `...test_modes.py::test_x[flax-...]`.
_LEG = re.compile(r"contract/test_\w+\.py::\w+\[(torch|tensorflow|flax)\b")
_legs: Counter[tuple[str, str]] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count how the contract suite ended on each framework."""
    found = _LEG.search(report.nodeid)
    if found and (report.when == "call" or report.outcome != "passed"):
        _legs[found[1], report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI no claim may be left out: a framework that is missing there is a failure."""
    if os.environ.get("CI") and any(outcome == "skipped" for _, outcome in _legs):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per leg."""
    for framework in sorted({name for name, _ in _legs}):
        ended = {outcome: n for (name, outcome), n in _legs.items() if name == framework}
        counts = ", ".join(f"{n} {outcome}" for outcome, n in sorted(ended.items()))
        terminalreporter.write_line(f"contract on {framework}: {counts}")
