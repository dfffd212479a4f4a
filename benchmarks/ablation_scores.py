"""Scores of the models of the ablation: means over tasks, what is kept, what is gained, intervals.

Knows predictions and truths alone. In each resample all models see the same examples and the same
seeds of fine-tuning, both drawn with replacement, so differences between models are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilbert.tasks.metrics import precision_recall_f1
from distilbert.tasks.sequence_classification.metrics import (
    confusion,
    confusion_counts,
    matthews,
    pearson,
    ranks,
)

RESAMPLES = 1000
METRICS = {
    "sst2": "accuracy",
    "trec": "accuracy",
    "mrpc": "F1",
    "cola": "Matthews",
    "sick": "Spearman",
    "stsb": "Spearman",
}
TEACHER, STUDENT, CONTROL = "teacher", "minilm-3", "control"
ABLATIONS = ("no_kl", "no_cosine", "no_mlm", "random_init")
BARS = {
    "kept": "mean score at least 97 % of the teacher's",
    "kept_of_each": "no task below 90 % of the teacher's",
    "gap_closed": "at least half of the gap between control and teacher closed",
    "latency": "latency ratio at least 1.6 at 16, 32 and 128 tokens",
    "blocks": "parameters of the layers exactly halved",
    "base_size": "39.4 % fewer parameters at base size",
    "teacher_init": "the teacher's weights at least 2 points better than random ones",
    "losses": "removing KL, and removing the cosine, each cost more than removing MLM",
}


@dataclass(frozen=True)
class Predictions:
    """What a model said about a task: label numbers or values (seeds, E), and the truth (E,)."""

    said: np.ndarray
    truth: np.ndarray


Found = Mapping[str, Mapping[str, Predictions]]  # model -> task -> predictions


def score(task: str, truth: np.ndarray, said: np.ndarray) -> float:
    """The score of one run in per cent."""
    match METRICS[task]:
        case "accuracy":
            value = float((truth == said).mean())
        case "Spearman":
            value = pearson(ranks(truth), ranks(said))
        case "F1":
            counts = confusion_counts(confusion(truth, said, 2))
            value = float(precision_recall_f1(counts)[1, 2])
        case _:
            value = matthews(confusion(truth, said, 2))
    return 100 * value


def scores(found: Found) -> dict[str, dict[str, list[float]]]:
    """Model -> task -> the score of each seed; zero-shot tasks have one."""
    return {
        model: {
            task: [score(task, one.truth, said) for said in one.said] for task, one in tasks.items()
        }
        for model, tasks in found.items()
    }


def statistics_of(found: Found) -> dict[str, Any]:
    """Means and the quantities that the bars are about, each with a 95 % interval."""
    means = {
        model: {task: float(np.mean(values)) for task, values in tasks.items()}
        for model, tasks in scores(found).items()
    }
    point = quantities(means)
    drawn = resampled(found)
    intervals = {
        name: np.nanpercentile([one.get(name, np.nan) for one in drawn], [2.5, 97.5]).tolist()
        for name in point
    }
    return {
        "means": means,
        "quantities": {
            name: {"value": value, "interval": intervals[name]} for name, value in point.items()
        },
    }


def resampled(found: Found) -> list[dict[str, float]]:
    """The quantities in each resample of examples and seeds."""
    rng = np.random.default_rng(0)
    first = next(iter(found.values()))
    drawn = []
    for _ in range(RESAMPLES):
        chosen = {
            task: (
                rng.integers(len(one.truth), size=len(one.truth)),
                rng.integers(len(one.said), size=len(one.said)),
            )
            for task, one in first.items()
        }
        means = {
            model: {task: resampled_score(task, one, *chosen[task]) for task, one in tasks.items()}
            for model, tasks in found.items()
        }
        drawn.append(quantities(means))
    return drawn


def resampled_score(
    task: str, found: Predictions, examples: np.ndarray, seeds: np.ndarray
) -> float:
    """The mean over the drawn seeds of the score on the drawn examples."""
    truth = found.truth[examples]
    by_seed = {seed: score(task, truth, found.said[seed][examples]) for seed in set(seeds.tolist())}
    return float(np.mean([by_seed[seed] for seed in seeds.tolist()]))


def quantities(means: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What the bars are about, of those models that are there."""
    macro = {model: float(np.mean(list(tasks.values()))) for model, tasks in means.items()}
    found = {f"mean of {model}": value for model, value in macro.items()}
    if TEACHER in macro and STUDENT in macro:
        found["kept"] = 100 * macro[STUDENT] / macro[TEACHER]
        for task, value in means[TEACHER].items():
            if value > 0:  # not where the teacher learned nothing
                found[f"kept of {task}"] = 100 * means[STUDENT][task] / value
    if {TEACHER, STUDENT, CONTROL} <= macro.keys():
        gap = macro[TEACHER] - macro[CONTROL]
        found["gap"] = gap
        if gap > 0:  # not where fine-tuning makes as much of the control
            found["gap closed"] = 100 * (macro[STUDENT] - macro[CONTROL]) / gap
    for model in ABLATIONS:
        if model in macro and STUDENT in macro:
            found[f"cost of {model}"] = macro[STUDENT] - macro[model]
    return found


def verdicts(found: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Each bar with what was measured and whether it was reached."""
    value = {name: one["value"] for name, one in found["quantities"].items()}
    each = {task: value[f"kept of {task}"] for task in METRICS if f"kept of {task}" in value}
    cost = {model: value[f"cost of {model}"] for model in ABLATIONS}
    closed = value.get("gap closed")
    kept_of_each = min(each.values()) >= 90
    if kept_of_each and len(each) < len(METRICS):
        kept_of_each = None  # the teacher learned nothing of a task, which decides nothing
    reached: dict[str, tuple[Any, bool | None]] = {
        "kept": (value["kept"], value["kept"] >= 97),
        "kept_of_each": (each, kept_of_each),
        "gap_closed": (closed, None if closed is None else closed >= 50),
        "latency": (facts["latency_ratios"], min(facts["latency_ratios"].values()) >= 1.6),
        "blocks": (facts["layers_ratio"], facts["layers_ratio"] == 0.5),
        "base_size": (facts["base_saving"], round(facts["base_saving"], 1) == 39.4),
        "teacher_init": (cost["random_init"], cost["random_init"] >= 2),
        "losses": (cost, min(cost["no_kl"], cost["no_cosine"]) > cost["no_mlm"]),
    }
    return {
        name: {"bar": BARS[name], "measured": measured, "reached": holds}
        for name, (measured, holds) in reached.items()
    }


def table(found: Mapping[str, Any], per_seed: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """The scores of all models as a table in Markdown: means, and the spread over seeds."""
    tasks = list(METRICS)
    head = ["model", *(f"{task} ({METRICS[task]})" for task in tasks), "mean"]
    rows = [head, ["---", *["---:"] * (len(tasks) + 1)]]
    for model, means in found["means"].items():
        cells = []
        for task in tasks:
            values = per_seed[model][task]
            spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
            cells.append(f"{means[task]:.1f}{spread}")
        macro = found["quantities"][f"mean of {model}"]["value"]
        rows.append([f"`{model}`", *cells, f"**{macro:.1f}**"])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
