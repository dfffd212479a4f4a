"""Each framework has a leg; one whose framework is missing fails and is never skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from contract.legs import LEGS

from distilbert._lazy import FRAMEWORKS

ROOT = Path(__file__).resolve().parent.parent.parent
# pytest in a process where importing the framework fails.
WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None
import pytest
claims = "tests/contract/test_wrong_inputs.py"
sys.exit(pytest.main([claims, "-k", sys.argv[1], "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]))
"""


def test_every_room_has_a_leg() -> None:
    assert list(LEGS) == list(FRAMEWORKS)


@pytest.mark.parametrize("framework", LEGS)
def test_a_leg_without_its_framework_fails_and_is_not_skipped(framework: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, framework],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        # The options of the run around it (workers, coverage) are none of this one's.
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
    )
    closing = ran.stdout.splitlines()[-1]
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "passed" not in closing
    assert "skipped" not in closing
    assert "error" in closing or "failed" in closing
