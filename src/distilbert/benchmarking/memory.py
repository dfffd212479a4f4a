"""How much memory a call needs at most, where the system counts it: on Linux."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # proc(5): sets the peak to what the process has now
KIB_PER_MIB = 1024


def peak_growth(call: Callable[[], Result]) -> tuple[Result, float | None]:
    """What a call returns, and by how many MiB the process grew at most while it ran.

    None where the system does not count it. Memory that earlier work released is used again, and is
    not part of the number.
    """
    try:
        RESET.write_text(RESET_PEAK, encoding="ascii")
        before = _kib("VmRSS")
    except (OSError, KeyError):
        return call(), None
    result = call()
    return result, max(0, _kib("VmHWM") - before) / KIB_PER_MIB


def _kib(field: str) -> int:
    lines = (line.partition(":") for line in STATUS.read_text(encoding="utf-8").splitlines())
    return int({name: value for name, _, value in lines}[field].split()[0])
