"""One run card in three frameworks: do scores differ by more than they do between seeds?

The same seed gives the same initial weights and batches in each framework; each framework draws
dropout itself, so single runs differ while their distribution should not.

    python benchmarks/frameworks_agree.py recipes/small/trec.toml [--seeds 5] [--rows 2000]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from itertools import combinations
from pathlib import Path

from in_turns import RESULTS, machine

FRAMEWORKS = ("torch", "tensorflow", "flax")


def one(card: str, framework: str, seed: int, rows: int, epochs: float) -> None:
    """Run once in this process and print score and seconds."""
    import distilbert

    with tempfile.TemporaryDirectory() as folder:
        result = distilbert.finetune(
            card,
            output=f"{folder}/out",
            framework=framework,
            seed=seed,
            max_train_rows=rows,
            epochs=epochs,
            precision="float32",
            report=False,
            tensorboard=False,
            bootstrap=1,
        )
    print(json.dumps({"score": result.best_score, "seconds": result.seconds}))


def main() -> None:
    """Run all seeds in all frameworks, alternately."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("card")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--one", nargs=2, metavar=("FRAMEWORK", "SEED"))
    arguments = parser.parse_args()
    if arguments.one:
        framework, seed = arguments.one
        one(arguments.card, framework, int(seed), arguments.rows, arguments.epochs)
        return
    scores: dict[str, list[float]] = {framework: [] for framework in FRAMEWORKS}
    for seed in range(1, arguments.seeds + 1):
        for framework, found in scores.items():
            ran = subprocess.run(
                [sys.executable, __file__, *sys.argv[1:], "--one", framework, str(seed)],
                capture_output=True,
                text=True,
                check=True,
            )
            result = json.loads(ran.stdout.splitlines()[-1])
            found.append(result["score"])
            print(framework, seed, result, flush=True)
    report = {
        "card": Path(arguments.card).name,
        "rows": arguments.rows,
        "epochs": arguments.epochs,
        "machine": machine(),
        "scores": scores,
        "mean": {name: statistics.mean(found) for name, found in scores.items()},
        "deviation": {name: statistics.stdev(found) for name, found in scores.items()},
        "differences": [difference(a, b, scores) for a, b in combinations(FRAMEWORKS, 2)],
    }
    Path(RESULTS / "frameworks_agree.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["differences"], indent=1))


def difference(first: str, second: str, scores: dict[str, list[float]]) -> dict[str, object]:
    """The mean difference of two frameworks over seeds, and its standard error."""
    pairs = zip(scores[first], scores[second], strict=True)
    differences = [b - a for a, b in pairs]
    error = statistics.stdev(differences) / len(differences) ** 0.5
    return {
        "of": f"{second} - {first}",
        "mean": statistics.mean(differences),
        "standard_error": error,
    }


if __name__ == "__main__":
    main()
