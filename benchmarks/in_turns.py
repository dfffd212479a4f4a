"""Shared measuring code: time this package and a peer alternately, write ratios as JSON.

Machines are shared and noisy, so single times mean little: each round times both sides one after
the other and keeps their ratio; we report the median over rounds.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Comparison:
    """One measured pair. `ratio` is peer / ours: above 1, this package is faster or smaller."""

    what: str
    ours_median: float
    peer_median: float
    unit: str
    ratio_median: float
    ratio_min: float
    ratio_max: float
    rounds: int
    bar: float | None = None  # the ratio that this project aims for

    def line(self) -> str:
        """One line for a terminal."""
        promise = "" if self.bar is None else f" (bar {self.bar:g})"
        return (
            f"{self.what}: ours {self.ours_median:.4g} {self.unit}, "
            f"peer {self.peer_median:.4g} {self.unit}, "
            f"ratio {self.ratio_median:.2f} [{self.ratio_min:.2f}, {self.ratio_max:.2f}]{promise}"
        )


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def seconds(call: Callable[[], object], clock: str = "wall") -> float:
    """Time of one call; "cpu" is that of all threads, to be used with one on a busy machine."""
    read = CLOCKS[clock]
    begin = read()
    call()
    return read() - begin


def compare(
    what: str,
    ours: Callable[[], float],
    peer: Callable[[], float],
    *,
    rounds: int = 9,
    warm_up: int = 1,
    unit: str = "s",
    bar: float | None = None,
) -> Comparison:
    """Measure both sides alternately (smaller is better); odd rounds start with the peer."""
    for _ in range(warm_up):
        ours(), peer()
    pairs = []
    for index in range(rounds):
        if index % 2:
            theirs = peer()
            pairs.append((ours(), theirs))
        else:
            mine = ours()
            pairs.append((mine, peer()))
    ratios = [theirs / mine for mine, theirs in pairs]
    result = Comparison(
        what=what,
        ours_median=statistics.median(mine for mine, _ in pairs),
        peer_median=statistics.median(theirs for _, theirs in pairs),
        unit=unit,
        ratio_median=statistics.median(ratios),
        ratio_min=min(ratios),
        ratio_max=max(ratios),
        rounds=rounds,
        bar=bar,
    )
    print(result.line(), flush=True)
    return result


def write_results(name: str, comparisons: list[Comparison], **facts: object) -> Path:
    """Write `results/NAME.json`: comparisons, machine, versions, commit and further facts."""
    path = RESULTS / f"{name}.json"
    RESULTS.mkdir(exist_ok=True)
    report = {
        "benchmark": name,
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--", "src")),
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions("distilbert", "numpy", "tokenizers", "torch", "transformers"),
        **facts,
        "comparisons": [asdict(comparison) for comparison in comparisons],
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
    return path


def machine() -> dict[str, object]:
    """Facts that matter for speed: processor, cores, load, Python."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        model = next((x.partition(":")[2].strip() for x in lines if "model name" in x), model)
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "system": platform.system(),
        "python": platform.python_version(),
    }


def versions(*names: str) -> dict[str, str]:
    """Installed versions of the given packages."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
