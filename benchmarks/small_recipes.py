"""The cards of `recipes/small` over seeds: medians of scores and seconds.

Runs that are finished in the folder are read, the others are run. Writes
`results/small_recipes.json` and prints the rows of the table.

    python benchmarks/small_recipes.py runs [--seeds 1 2 3] [--only trec sst2] [--read]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

from in_turns import RESULTS, machine

CARDS = Path(__file__).parent.parent / "recipes" / "small"


def report_of(folder: Path) -> dict[str, Any] | None:
    """What a finished run reported."""
    path = folder / "report.json"
    return json.loads(path.read_text()) if path.is_file() else None


def run(card: Path, seed: int, folder: Path) -> None:
    """One run, where it is not finished; goes on where it was cut off."""
    if report_of(folder) is None:
        command = ["distilbert", "finetune", str(card), "--seed", str(seed), "--resume"]
        subprocess.run([*command, "--output", str(folder)], check=True)


def summary(name: str, reports: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Scores over seeds of the split that counts: test where the card has one, or else dev."""
    first = next(iter(reports.values()))
    split = "test" if "test" in first["splits"] else "dev"
    scores: dict[str, dict[str, float]] = {}
    for seed, report in reports.items():
        found = report["splits"][split]["scores"]
        scale = 1.0 if first["task"] == "question-answering" else 100.0
        scores[str(seed)] = {
            score: value * (1.0 if score in ("loss", "perplexity") else scale)
            for score, value in found.items()
        }
    return {
        "card": f"{name}.toml",
        "split": split,
        "n": first["splits"][split]["n"],
        "metric": first["metric"],
        "median": statistics.median(one[first["metric"]] for one in scores.values()),
        "scores": scores,
        "seconds": {str(seed): report["seconds"] for seed, report in reports.items()},
    }


def row(found: dict[str, Any]) -> str:
    """A row of the table."""
    own = [f"{one[found['metric']]:.1f}" for one in found["scores"].values()]
    seconds = statistics.median(found["seconds"].values())
    return (
        f"| `{found['card']}` | {found['split']}, {found['n']:,} | {found['metric']} | "
        f"**{found['median']:.1f}** | {', '.join(own)} | {seconds:.0f} s |"
    )


def main() -> None:
    """Run or read, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--read", action="store_true", help="only what is finished")
    arguments = parser.parse_args()
    names = sorted(path.stem for path in CARDS.glob("*.toml"))
    found = []
    for name in arguments.only or names:
        reports = {}
        for seed in arguments.seeds:
            folder = arguments.folder / f"{name}-{seed}"
            if not arguments.read:
                run(CARDS / f"{name}.toml", seed, folder)
            report = report_of(folder)
            if report is not None:
                reports[seed] = report
        if reports:
            found.append(summary(name, reports))
            print(row(found[-1]), flush=True)
    told = {"machine": machine(), "results": found}
    (RESULTS / "small_recipes.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
