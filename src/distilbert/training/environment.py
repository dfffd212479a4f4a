"""On what a number was measured: machine, versions, commit. Starts no framework."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

# What can move a number or a speed.
PACKAGES = (
    "distilbert",
    "numpy",
    "tokenizers",
    "torch",
    "tensorflow",
    "keras",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "peft",
)
SECONDS_FOR_A_TOOL = 10


def environment() -> dict[str, Any]:
    """Python, platform, CPU, cores this process may use, memory in bytes, GPUs, package versions
    and the git commit of the code. What cannot be found out is None or left out."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": _cores(),
        "memory_bytes": _memory(),
        "gpus": _gpus(),
        "packages": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "commit": _commit(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu_model() -> str | None:
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        return _said("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or None


def _cores() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _memory() -> int | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _gpus() -> list[str]:
    said = _said("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    return [] if said is None else said.splitlines()


def _commit() -> str | None:
    """The commit that this code lies in, with "+" where files were changed."""
    here = Path(__file__).resolve()
    # An installed package may lie in a checkout of something else, say in its environment.
    root = here.parents[3]
    if here.parents[2].name != "src" or not (root / ".git").exists():
        return None
    commit = _said("git", "-C", str(root), "rev-parse", "HEAD")
    changed = _said("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return commit + "+" if commit and changed else commit


def _said(*command: str) -> str | None:
    """The output of a tool, or None where it is missing, fails, hangs or says nothing."""
    tool = shutil.which(command[0])
    if tool is None:
        return None
    try:
        ran = subprocess.run(
            [tool, *command[1:]],
            capture_output=True,
            text=True,
            timeout=SECONDS_FOR_A_TOOL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() or None if ran.returncode == 0 else None
