"""A report of an invented run, as `distilbert.finetuning.result` puts one together."""

from __future__ import annotations

import math
from typing import Any

from distilbert.training.run_card import RunCard


def sample_report(**changes: Any) -> dict[str, Any]:
    """A classification with one split, two evaluations, and a score that is not defined."""
    card = RunCard(model="owner/model", output="out").model_dump()
    card["data"] |= {"train": ("/home/somebody/train.csv",), "dev": ("hub:owner/set/part:dev",)}
    report = {
        "task": "text-classification",
        "framework": "torch",
        "metric": "accuracy",
        "higher_is_better": True,
        "command": "distilbert finetune card.toml --seed 1",
        "card": card,
        "n_train": 1234,
        "skipped_rows": 2,
        "steps": 20,
        "seconds": 75.0,
        "examples_per_second": 32.0,
        "tokens_per_second": 640.0,
        "best_step": 20,
        "n_parameters": 22_700_000,
        "history": sample_history(),
        "splits": {"dev": sample_split()},
        "environment": {
            "python": "3.12.1",
            "platform": "Linux",
            "cpu": "Some CPU",
            "cores": 2,
            "memory_gb": 8.0,
            "gpus": ["Some GPU"],
            "packages": {"distilbert": "1.0", "torch": "2.6"},
            "git_commit": None,
        },
    }
    return report | changes


def sample_history() -> list[dict[str, Any]]:
    """Lines of a log."""
    return [
        {
            "kind": "train",
            "step": 10,
            "epoch": 1.0,
            "values": {"loss": 0.7, "learning_rate": 1e-5, "grad_norm": None},
            "time": 1.0,
        },
        {
            "kind": "scores",
            "step": 10,
            "epoch": 1.0,
            "split": "dev",
            "values": {"loss": 0.6, "accuracy": 0.5},
            "time": 2.0,
        },
        {
            "kind": "train",
            "step": 20,
            "epoch": 2.0,
            "values": {"loss": 0.3, "learning_rate": 0.0, "grad_norm": 1.0},
            "time": 3.0,
        },
        {
            "kind": "scores",
            "step": 20,
            "epoch": 2.0,
            "split": "dev",
            "values": {"loss": 0.4, "accuracy": 0.75},
            "time": 4.0,
        },
    ]


def sample_split() -> dict[str, Any]:
    """Scores, tables and examples of a split."""
    return {
        "n": 4,
        "seconds": 0.5,
        "examples_per_second": 8.0,
        "scores": {"loss": 0.4, "accuracy": 0.75, "matthews": math.nan},
        "intervals": {"accuracy": (0.25, 1.0), "matthews": (math.nan, math.nan)},
        "tables": {
            "confusion": {"labels": ["bad", "<good> $"], "counts": [[2, 0], [1, 1]]},
            "per_label": [{"label": "bad", "precision": 0.66667, "recall": 1.0, "support": 2}],
            "calibration": {
                "bins": [{"confidence": 0.55, "accuracy": 0.5, "n": 4}],
                "error": 0.05,
            },
        },
        "wrongest": [
            {
                "example": "<script>alert(1)</script>  ->  bad",
                "answer": {"label": "<good> $", "probabilities": [0.1, 0.9]},
                "loss": 2.3026,
            }
        ],
        "slowest": [{"example": "long", "tokens": 512, "seconds": 0.034}],
    }
