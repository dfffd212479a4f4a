"""What of a machine matters for speed: its processor, its cores, how busy it is, its packages."""

from __future__ import annotations

import math
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def package_version(name: str) -> str | None:
    """The version of an installed package; None for one that is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """The number of cores that this process may use at once, by its affinity and its quota."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, math.ceil(core_quota() or cores)))


def core_quota(mounted: Path = CGROUPS, own: Path = OWN_CGROUPS) -> float | None:
    """The cores whose time the container may use, such as 1.5; None where there is no limit.

    Args:
        mounted: where the control groups of Linux are.
        own: the file that says in which of them this process is.
    """
    try:
        lines = [line.split(":", 2) for line in own.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return None
    quotas = []
    for _, controllers, name in (line for line in lines if len(line) == 3):
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = mounted if not controllers else mounted / "cpu"  # version 2, and version 1
        inside = PurePosixPath(name.lstrip("/"))  # its limit, and those of the groups around it
        quotas += [_quota_in(root / place) for place in (inside, *inside.parents)]
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota_in(group: Path) -> float | None:
    """Microseconds of computing per period, in `cpu.max` or in two files; "max" or -1: no limit."""
    try:
        if (group / "cpu.max").is_file():
            values = (group / "cpu.max").read_text(encoding="ascii").split()
        else:
            files = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            values = [(group / name).read_text(encoding="ascii").strip() for name in files]
        quota, period = map(int, values)
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def load_average() -> float | None:
    """How many processes wanted a core in the last minute; None where the system does not say."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
