"""Speed and memory of exported models by the number of padded tokens in a batch.

    python benchmarks/bench_batch_tokens.py --texts FILE FOLDER [FOLDER=bfloat16 ...] [--rounds 5]

Each exported folder, with the type of computation behind `=` where it is not the default, runs the
texts of the file (a line each) in batches of each size, sizes in turns, on one thread. The table
has real tokens per second of processor time (the median), and the same for the first run, in which
a runtime prepares itself for the shapes; and by how many MiB the process grew in it, smallest size
first. `preferred_batch_tokens` of the runtimes rests on this. Writes
benchmarks/results/bench_batch_tokens.json.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from in_turns import write_results

from distilbert.batching import run_windows
from distilbert.benchmarking.memory import peak_growth
from distilbert.load_options import LoadOptions
from distilbert.opening import find_model, open_model
from distilbert.tasks.windows import single_windows
from distilbert.timing import seconds_in_turns

SIZES = (256, 512, 1024, 2048, 4096)


def run_texts(model: Any, windows: list[Any], size: int) -> None:
    """All windows in batches of so many padded tokens."""
    run_windows(model.runner, windows, lambda number, outputs: None, batch_tokens=size)


def measure(source: str, texts: list[str], rounds: int) -> list[dict[str, Any]]:
    """A row for each size."""
    folder, _, dtype = source.partition("=")
    found = find_model(folder, options=LoadOptions(num_threads=1))
    head = found.exported.manifest["head"] if found.exported else "base"
    model = open_model(found, head, dtype=dtype or None)
    windows = [
        window.ids
        for ids in model.tokenizer.token_ids(texts)
        for window in single_windows(model.tokenizer, ids, max_length=model.max_length)
    ]
    n_tokens = sum(map(len, windows))
    calls: list[Callable[[], None]] = [partial(run_texts, model, windows, n) for n in SIZES]
    first = []
    for call in calls:
        begin = time.process_time()
        _, growth = peak_growth(call)
        first.append((time.process_time() - begin, growth))
    later = seconds_in_turns(calls, rounds=rounds, warm_up=0, clock=time.process_time)
    rows = [
        {
            "model": source,
            "batch_tokens": size,
            "tokens_per_second": round(n_tokens / statistics.median(seconds)),
            "fastest_and_slowest": [round(n_tokens / f(seconds)) for f in (min, max)],
            "tokens_per_second_at_first": round(n_tokens / once),
            "growth_in_mib": None if growth is None else round(growth),
        }
        for size, seconds, (once, growth) in zip(SIZES, later, first, strict=True)
    ]
    for row in rows:
        print(*row.values(), sep="  ", flush=True)
    return rows


def main() -> None:
    """Measure all models and sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="FOLDER[=DTYPE]")
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    texts = given.texts.read_text(encoding="utf-8").splitlines()
    rows = [row for model in given.models for row in measure(model, texts, given.rounds)]
    print(write_results("bench_batch_tokens", [], threads=1, rows=rows))


if __name__ == "__main__":
    main()
