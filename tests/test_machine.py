"""What of a machine matters for speed."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

import pytest

from distilbert import machine
from distilbert.machine import (
    core_quota,
    cpu_model,
    load_average,
    package_version,
    usable_cores,
)


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


@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2.0),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/not/there\n", {"cpu.max": "50000 100000\n"}, 0.5),
        (
            "4:memory:/x\n2:cpu,cpuacct:/x\n",
            {"cpu/x/cpu.cfs_quota_us": "300000\n", "cpu/x/cpu.cfs_period_us": "100000\n"},
            3.0,
        ),
        (
            "1:cpu:/\n",
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            None,
        ),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("nonsense\n", {}, None),
    ],
)
def test_the_quota_is_the_smallest_of_the_groups(tmp_path: Path, own, files, found) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own)
    assert core_quota(tmp_path, tmp_path / "own") == found
    assert core_quota(tmp_path, tmp_path / "none") is None


def test_a_quota_limits_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    for quota, cores in ((None, 16), (1.5, 2), (0.2, 1), (64.0, 16)):
        monkeypatch.setattr(machine, "core_quota", lambda quota=quota: quota)
        assert usable_cores() == cores
