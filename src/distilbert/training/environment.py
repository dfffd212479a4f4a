"""The machine and the packages of a run, as needed to repeat it or to interpret its speed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from typing import Any

from distilbert.machine import cpu_model, package_version, usable_cores

PACKAGES = ("distilbert", "numpy", "torch", "tensorflow", "keras", "jax", "flax", "tokenizers")
PACKAGES += ("peft", "optax", "safetensors")
TOOL_SECONDS = 5.0


def is_main_process() -> bool:
    """Whether this process may print: the only one, or the first of those of `torchrun`."""
    return os.environ.get("RANK", "0") == "0"


def environment() -> dict[str, Any]:
    """Python, machine, GPUs of NVIDIA, package versions, and the git commit of the working folder.

    Unknown values are None. Contains no names of users, hosts or folders, so it may be published.
    """
    versions = {name: package_version(name) for name in PACKAGES}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "memory_gb": _memory_gb(),
        "gpus": (
            _output_of("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") or ""
        ).splitlines(),
        "packages": {name: version for name, version in versions.items() if version},
        "git_commit": _output_of("git", "rev-parse", "HEAD"),
    }


def _memory_gb() -> float | None:
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)


def _output_of(*command: str) -> str | None:
    """The output of a command; None if it is missing, fails or hangs."""
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() or None if ran.returncode == 0 else None
