"""Scores of the cards of `recipes/small` over several seeds, compared with simple baselines.

Finished runs in the folder are read, the others are started. Writes
`results/small_recipes.json`, which includes the rows of the table in `docs/results.md` and the
headers of the cards; a test compares both with this file.

    python benchmarks/small_recipes.py runs [--seeds 1 2 3] [--only trec sst2] [--read]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

from baselines import baselines
from in_turns import RESULTS, machine

CARDS = Path(__file__).parent.parent / "recipes" / "small"
TARGET = RESULTS / "small_recipes.json"
NOT_IN_PERCENT = ("loss", "rmse", "mae")
METRICS = {
    "f1": "F1",
    "f1_micro": "micro F1",
    "pearson_spearman": "mean of Pearson and Spearman",
}
ROW = "| `{card}` | {score} on {split} | **{median}** | {scores} | {baselines} | {seconds} |"
HEADER = """\
# Reached: {score} {median} on {split},
#   median of seeds {seeds} ({scores}).
# Baselines: {baselines} (benchmarks/baselines.py).
# Time and hardware: {seconds} of training while other jobs ran on a 2-core AMD EPYC (AVX512-BF16).
"""


def report_of(folder: Path) -> dict[str, Any] | None:
    """The report of a finished run, or None."""
    path = folder / "report.json"
    return json.loads(path.read_text()) if path.is_file() else None


def run(card: Path, seed: int, folder: Path) -> None:
    """Start or resume one run unless it is finished."""
    if report_of(folder) is None:
        command = ["distilbert", "finetune", str(card), "--seed", str(seed), "--resume"]
        subprocess.run([*command, "--output", str(folder)], check=True)


def summary(reports: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Scores over seeds on the test split if the card has one, else on dev."""
    first = next(iter(reports.values()))
    split = "test" if "test" in first["splits"] else "dev"
    scores = {
        str(seed): {
            score: value if score in NOT_IN_PERCENT else value * percent(first["task"])
            for score, value in report["splits"][split]["scores"].items()
        }
        for seed, report in reports.items()
    }
    return {
        "task": first["task"],
        "split": split,
        "n": first["splits"][split]["n"],
        "metric": first["metric"],
        "median": statistics.median(one[first["metric"]] for one in scores.values()),
        "scores": scores,
        "seconds": {str(seed): report["seconds"] for seed, report in reports.items()},
    }


def percent(task: str) -> float:
    """The factor that turns a score into per cent; scores of question answering already are."""
    return 1.0 if task == "question-answering" else 100.0


def with_baselines(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """The summary with its card, baselines, row of the table and header of the card."""
    below = baselines(str(CARDS / f"{name}.toml"))
    scaled = {baseline: value * percent(found["task"]) for baseline, value in below.items()}
    result = found | {"card": f"{name}.toml", "baselines": scaled}
    fields = texts(result)
    return result | {"row": ROW.format(**fields), "header": HEADER.format(**fields)}


def texts(found: dict[str, Any]) -> dict[str, str]:
    """The fields of a row and of a header."""
    seconds = statistics.median(found["seconds"].values())
    return {
        "card": found["card"],
        "score": METRICS.get(found["metric"], found["metric"]),
        "split": f"{found['split']} ({found['n']:,} rows)",
        "median": f"{found['median']:.1f}",
        "seeds": ", ".join(found["scores"]),
        "scores": ", ".join(f"{one[found['metric']]:.1f}" for one in found["scores"].values()),
        "baselines": "; ".join(f"{name} {value:.1f}" for name, value in found["baselines"].items()),
        "seconds": f"{seconds:,.0f} s",
    }


def main() -> None:
    """Run or read every card and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", nargs="+", help="other cards keep their entries in the file")
    parser.add_argument("--read", action="store_true", help="read finished runs only")
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
        card = f"{name}.toml"
        if reports:
            found[card] = summary(reports)
        if card in found:
            found[card] = with_baselines(name, found[card])
            print(found[card]["row"], flush=True)
    report = {"machine": machine(), "results": [found[card] for card in sorted(found)]}
    TARGET.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
