"""Which copy of the package the tests import: `.ci/run` tests an installed wheel as well."""

from __future__ import annotations

import os
from pathlib import Path

import distilbert


def test_a_run_for_the_wheel_imports_the_installed_package() -> None:
    installed = "site-packages" in Path(distilbert.__file__).parts
    assert installed or "DISTILBERT_TESTS_WHEEL" not in os.environ
