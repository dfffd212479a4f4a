"""Time of importing the package, or one of its classes, in a new process; against transformers.

    python benchmarks/bench_import.py [--rounds 15]

Needs the dev extra. Writes benchmarks/results/bench_import.json.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from in_turns import compare, seconds, write_results

# Limit for `import distilbert` with a warm disk cache, without the start of the interpreter.
IMPORT_BAR_SECONDS = 0.150

PAIRS = (
    ("import the package", "import distilbert", "import transformers", None),
    (
        "import the config class",
        "from distilbert import DistilBertConfig",
        "from transformers import DistilBertConfig",
        None,
    ),
    (
        "import the fast tokenizer class",
        "from distilbert import DistilBertTokenizerFast",
        "from transformers import DistilBertTokenizerFast",
        None,
    ),
    (
        "import the PyTorch model class",
        "from distilbert import DistilBertModel",
        "from transformers import DistilBertModel",
        2.0,
    ),
)


def process_seconds(code: str) -> float:
    """Wall time of a new interpreter that runs `code`."""
    return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    comparisons = [
        compare(
            what,
            lambda code=ours: process_seconds(code),
            lambda code=peer: process_seconds(code),
            rounds=rounds,
            bar=bar,
        )
        for what, ours, peer, bar in PAIRS
    ]
    nothing = compare(
        "import distilbert / start Python",
        lambda: process_seconds("import distilbert"),
        lambda: process_seconds("pass"),
        rounds=rounds,
    )
    import_seconds = nothing.ours_median - nothing.peer_median
    bar = f"{IMPORT_BAR_SECONDS * 1000:.0f} ms"
    print(f"import distilbert alone: {import_seconds * 1000:.0f} ms (bar {bar})")
    path = write_results(
        "bench_import",
        [*comparisons, nothing],
        import_seconds_without_interpreter=import_seconds,
        import_bar_seconds=IMPORT_BAR_SECONDS,
    )
    print(path)


if __name__ == "__main__":
    main()
