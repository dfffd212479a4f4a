"""What of a machine matters for speed."""

from __future__ import annotations

import os
from importlib.metadata import version

import pytest

from distilbert.machine import cpu_model, load_average, package_version, usable_cores


def test_versions_are_of_installed_packages() -> None:
    assert package_version("numpy") == version("numpy")
    assert package_version("no-such-package") is None


def test_the_processor_has_a_name_and_at_least_one_core() -> None:
    assert cpu_model()
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_the_load_is_that_of_the_last_minute_where_the_system_says_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (1.234, 9.0, 9.0))
    assert load_average() == 1.23
    monkeypatch.delattr(os, "getloadavg")
    assert load_average() is None
