"""A hundred thousand mutants of files of every format: what comes of them.

    python benchmarks/fuzz_readers.py [--mutants 100000] [--first 0] [--reader NAME]

Each reader of `tests/fuzz/readers.py` gets an equal share of the seeds, in a process of its own
whose memory is limited and in which no other process, no socket and no file for writing outside of
a temporary folder can be opened. A mutant that takes too long is a fault, as is any exception but
those of this package. Prints each kind of fault with a seed that shows it, and writes
benchmarks/results/fuzz.json. Linux only.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 10  # for one mutant
MEMORY = 1 << 30  # bytes that the process may take for all of them, besides its libraries
EVENTS = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "socket.")


class Forbidden(BaseException):
    """A mutant reached for something outside of its folder."""


def forbid(folder: Path) -> None:
    """From now on, refuse what reading a file never needs."""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(EVENTS):
            raise Forbidden(event)
        if event == "open" and isinstance(arguments[0], str | bytes):
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and not Path(os.fsdecode(arguments[0])).resolve().is_relative_to(folder):
                raise Forbidden(f"{event} {arguments[0]!r}")

    sys.addaudithook(watch)


def run(name: str, seeds: range, folder: Path) -> dict[str, Any]:
    """Outcomes of the mutants of one reader: how many of each, and a seed of each fault."""
    sys.path.insert(0, str(ROOT / "tests"))
    from fuzz.readers import Bench

    bench = Bench(name, folder / "files")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    signal.signal(signal.SIGALRM, _too_long)
    forbid(folder.resolve())
    counts: collections.Counter[str] = collections.Counter()
    faults: dict[str, int] = {}
    for seed in seeds:
        signal.alarm(SECONDS)
        try:
            counts[bench.run(seed)] += 1
        except (Exception, Forbidden) as error:
            counts["fault"] += 1
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "src" in f.filename]
            place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
            faults.setdefault(f"{type(error).__name__} {place} {str(error)[:80]}", seed)
        finally:
            signal.alarm(0)
    return {"counts": counts, "faults": faults}


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"more than {SECONDS} s")


def in_process(name: str, seeds: range) -> dict[str, Any]:
    """`run` in a new process; one that dies is a fault of the last seeds."""
    command = [sys.executable, __file__, "--reader", name, "--first", str(seeds.start)]
    limit = SECONDS * 60 + len(seeds)
    try:
        done = subprocess.run(
            [*command, "--mutants", str(len(seeds)), "--inside"],
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"counts": {"fault": 1}, "faults": {f"no end in {limit} s": seeds.start}}
    if done.returncode:
        text = f"exit status {done.returncode}: {done.stderr.strip()[-200:]}"
        return {"counts": {"fault": 1}, "faults": {text: seeds.start}}
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--reader", help="only this reader")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        with tempfile.TemporaryDirectory() as folder:
            seeds = range(options.first, options.first + options.mutants)
            print(json.dumps(run(options.reader, seeds, Path(folder))))
        return
    sys.path.insert(0, str(ROOT / "tests"))
    from fuzz.readers import READERS

    names = [options.reader] if options.reader else list(READERS)
    n_each = -(-options.mutants // len(names))
    results = {}
    for name in names:
        results[name] = found = in_process(name, range(options.first, options.first + n_each))
        print(f"{name:30}", *(f"{kind} {n}" for kind, n in sorted(found["counts"].items())))
        for fault, seed in found["faults"].items():
            print(f"    seed {seed}: {fault}")
    target = ROOT / "benchmarks" / "results" / "fuzz.json"
    if not options.reader:
        target.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
