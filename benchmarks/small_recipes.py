"""The cards of `recipes/small` over seeds, beside what majorities and counts of words reach.

Runs that are finished in the folder are read, the others are run. Writes
`results/small_recipes.json` with the rows of the table in `docs/results.md` and the sentences in the
headers of the cards; a test holds both to it.

    python benchmarks/small_recipes.py runs [--seeds 1 2 3] [--only trec sst2] [--read]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

from floors import floors
from in_turns import RESULTS, machine

CARDS = Path(__file__).parent.parent / "recipes" / "small"
TARGET = RESULTS / "small_recipes.json"
NOT_IN_PERCENT = ("loss", "rmse", "mae")


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
    # Scores of questions are per cent already, as SQuAD's script has them.
    factor = 1.0 if first["task"] == "question-answering" else 100.0
    scores = {
        str(seed): {
            score: value if score in NOT_IN_PERCENT else value * factor
            for score, value in report["splits"][split]["scores"].items()
        }
        for seed, report in reports.items()
    }
    found = {
        "card": f"{name}.toml",
        "split": split,
        "n": first["splits"][split]["n"],
        "metric": first["metric"],
        "median": statistics.median(one[first["metric"]] for one in scores.values()),
        "scores": scores,
        "floors": {
            floor: value * factor for floor, value in floors(str(CARDS / f"{name}.toml")).items()
        },
        "seconds": {str(seed): report["seconds"] for seed, report in reports.items()},
    }
    return found | {"row": row(found), "header": header(found)}


def each(found: dict[str, Any]) -> tuple[str, str]:
    """The scores of the seeds, and the floors."""
    own = ", ".join(f"{one[found['metric']]:.1f}" for one in found["scores"].values())
    return own, "; ".join(f"{name} {value:.1f}" for name, value in found["floors"].items())


def row(found: dict[str, Any]) -> str:
    """A row of the table."""
    own, below = each(found)
    seconds = statistics.median(found["seconds"].values())
    return (
        f"| `{found['card']}` | {found['metric']} on {found['split']} ({found['n']:,}) | "
        f"**{found['median']:.1f}** | {own} | {below} | {seconds:.0f} s |"
    )


def header(found: dict[str, Any]) -> str:
    """What the header of a card says."""
    own, below = each(found)
    seeds = ", ".join(found["scores"])
    return (
        f"# Reached: {found['metric']} {found['median']:.1f} on {found['split']} "
        f"({found['n']:,} rows), median of seeds {seeds} ({own}).\n"
        f"# Floors: {below}.\n"
    )


def main() -> None:
    """Run or read, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", help="other cards keep what the file has")
    parser.add_argument("--read", action="store_true", help="only what is finished")
    arguments = parser.parse_args()
    known = json.loads(TARGET.read_text())["results"] if TARGET.is_file() else []
    found = {one["card"]: one for one in known}
    for name in arguments.only or sorted(path.stem for path in CARDS.glob("*.toml")):
        reports = {}
        for seed in arguments.seeds:
            folder = arguments.folder / f"{name}-{seed}"
            if not arguments.read:
                run(CARDS / f"{name}.toml", seed, folder)
            report = report_of(folder)
            if report is not None:
                reports[seed] = report
        if reports:
            found[f"{name}.toml"] = summary(name, reports)
            print(found[f"{name}.toml"]["row"], flush=True)
    told = {"machine": machine(), "results": [found[card] for card in sorted(found)]}
    TARGET.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
