"""README.md of a result folder: what the model is for, how good it is, how it was made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

# Task of a card -> the hub's name for it, and the class of transformers.
NAMES = {
    "text-classification": ("text-classification", "AutoModelForSequenceClassification"),
    "token-classification": ("token-classification", "AutoModelForTokenClassification"),
    "masked-lm": ("fill-mask", "AutoModelForMaskedLM"),
    "question-answering": ("question-answering", "AutoModelForQuestionAnswering"),
    "multiple-choice": ("multiple-choice", "AutoModelForMultipleChoice"),
}
SHOWN = ("epochs", "max_steps", "batch_size", "batch_tokens", "accumulation", "learning_rate")
SHOWN += ("schedule", "warmup", "weight_decay", "precision", "label_smoothing", "r_drop", "ema")


def model_card(report: Mapping[str, Any]) -> str:
    """The text of a README.md with the front matter that model hubs read.

    Names of files are told without their folders.
    """
    card = report.get("card", {})
    tag, kind = NAMES[report["task"]]
    base = _base(card.get("model", ""))
    parts = [_front(report, tag, base), f"# DistilBERT for {report['task'].replace('-', ' ')}\n"]
    parts.append(
        f"Fine-tuned from `{base}` on {_data(card, report)} with the package `distilbert`.\n"
    )
    parts.append(_usage(tag, kind))
    parts.append(_scores(report))
    parts.append(_making(report, card))
    return "\n".join(parts)


def _base(model: str) -> str:
    """A hub name as it is; of a folder only its last part."""
    path = PurePath(model)
    is_folder = path.is_absolute() or model.startswith(".") or len(path.parts) > 2
    return path.name if is_folder and not model.startswith("pypi:") else model


def _data(card: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    train = card.get("data", {}).get("train") or "unknown data"
    name = train if train.startswith("hub:") else PurePath(train).name
    return f"`{name}` ({report.get('n_train', 0):,} examples)"


def _front(report: Mapping[str, Any], tag: str, base: str) -> str:
    """YAML; strings are written as JSON, which YAML contains."""
    lines = ["---", "library_name: transformers", f"pipeline_tag: {tag}"]
    if base.count("/") <= 1 and base and ":" not in base:
        lines.append(f"base_model: {json.dumps(base)}")
    lines += ["tags:", "- distilbert", "- generated-from-run-card"]
    metrics = [
        (split, name, value)
        for split, one in report.get("splits", {}).items()
        for name, value in one["scores"].items()
        if math.isfinite(value)
    ]
    if metrics:
        lines += ["model-index:", f"- name: {json.dumps(f'{base}-{tag}')}", "  results:"]
    for split in dict.fromkeys(split for split, *_ in metrics):
        lines += ["  - task:", f"      type: {tag}", "    dataset:"]
        lines += [f"      name: {json.dumps(split)}", f"      type: {json.dumps(split)}"]
        lines.append("    metrics:")
        for _, name, value in (one for one in metrics if one[0] == split):
            lines += [f"    - type: {json.dumps(name)}", f"      value: {value!r}"]
    return "\n".join([*lines, "---", ""])


def _usage(tag: str, kind: str) -> str:
    return f"""## Use

```python
from distilbert.pipelines import pipeline

predict = pipeline({tag!r}, "path/of/this/folder")
```

or with transformers:

```python
from transformers import {kind}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/of/this/folder")
model = {kind}.from_pretrained("path/of/this/folder")
```

Meant for texts like those it was trained on. Its mistakes on others have not been measured.
"""


def _scores(report: Mapping[str, Any]) -> str:
    lines = ["## Scores", ""]
    if not report.get("splits"):
        return "\n".join([*lines, "Not measured: the run had no dev or test rows.", ""])
    lines += ["| split | examples | score | value | 95 % interval |", "|---|---:|---|---:|---|"]
    for split, one in report["splits"].items():
        for name, value in one["scores"].items():
            interval = one.get("intervals", {}).get(name)
            told = "" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
            lines.append(f"| {split} | {one['n']:,} | {name} | {value:.4f} | {told} |")
    lines += [
        "",
        "Intervals: percentile bootstrap over examples. The best update was chosen on dev.",
    ]
    return "\n".join([*lines, ""])


def _making(report: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    options = card.get("optimization", {})
    lines = ["## How it was made", "", "| field | value |", "|---|---|"]
    lines += [f"| {n} | {options[n]} |" for n in SHOWN if options.get(n) is not None]
    lines += [f"| seed | {card.get('seed')} |", f"| updates | {report.get('steps')} |"]
    lines.append(f"| training time | {report.get('seconds', 0):,.0f} s |")
    machine = dict(report.get("environment", {}))
    packages = machine.pop("packages", {})
    lines += ["", "Environment: " + ", ".join(f"{n} {v}" for n, v in machine.items() if v) + "."]
    lines.append("Packages: " + ", ".join(f"{n} {v}" for n, v in packages.items()) + ".")
    lines += ["", "All fields are in `card.toml`, all numbers in `report.json`.", ""]
    return "\n".join(lines)
