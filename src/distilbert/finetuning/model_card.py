"""The model card of a result folder: `README.md` as hubs read it, made from a report."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from distilbert.training.public_names import hub_model, public_name

# Task of a run card -> what hubs call it, and the class of transformers that reads the folder.
HUB_TASKS = {
    "text-classification": ("text-classification", "AutoModelForSequenceClassification"),
    "token-classification": ("token-classification", "AutoModelForTokenClassification"),
    "masked-lm": ("fill-mask", "AutoModelForMaskedLM"),
    "question-answering": ("question-answering", "AutoModelForQuestionAnswering"),
    "multiple-choice": ("multiple-choice", "AutoModelForMultipleChoice"),
}
# Fields of the card that say most about how the weights came to be.
TELLING = ("learning_rate", "epochs", "max_steps", "batch_size", "batch_tokens", "accumulation")
TELLING += ("schedule", "warmup", "weight_decay", "precision", "label_smoothing", "r_drop", "ema")


def model_card(report: Mapping[str, Any]) -> str:
    """Front matter with the scores, then what the model is, how to use it, how it was made."""
    card = report["card"]
    base = public_name(card["model"])
    kind = HUB_TASKS[report["task"]][0].replace("-", " ")
    name = f"DistilBERT for {kind}"
    parts = [
        _front_matter(report, name),
        f"# {name}\n",
        f"`{base}`, fine-tuned for {kind} on {report['n_train']:,} examples of "
        f"`{_data_name(card['data'], 'train')}`.\n",
        _use(report["task"]),
        _answers(report),
        _scores(report),
        _training(report),
    ]
    return "\n".join(parts)


def _front_matter(report: Mapping[str, Any], name: str) -> str:
    """YAML in its JSON form, line by line, which every YAML reader takes."""
    card = report["card"]
    kind = HUB_TASKS[report["task"]][0]
    values: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": kind,
        "base_model": hub_model(card["model"]),
        "tags": ["distilbert", kind],
        "metrics": sorted(
            {score for one in report["splits"].values() for score in one["scores"]} - {"loss"}
        ),
    }
    results = [
        {
            "task": {"type": kind},
            "dataset": {
                "name": _data_name(card["data"], split),
                "type": _hub_data(card["data"][split]) or "custom",
                "split": split,
            },
            "metrics": [
                {"type": score, "name": score.replace("_", " "), "value": value}
                for score, value in one["scores"].items()
                if math.isfinite(value)  # JSON knows no other
            ],
        }
        for split, one in report["splits"].items()
    ]
    if results:
        values["model-index"] = [{"name": name, "results": results}]
    lines = [
        f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value
    ]
    return "\n".join(["---", *lines, "---\n"])


def _hub_data(sources: Sequence[str]) -> str | None:
    """The data set's name on the hub, unless it came from somewhere else."""
    if len(sources) != 1 or not sources[0].startswith("hub:"):
        return None
    return "/".join(sources[0].removeprefix("hub:").split(":")[0].split("/")[:2])


def _data_name(data: Mapping[str, Any], split: str) -> str:
    """The sources of a split without their folders; what a split of the training rows is."""
    if split == "dev" and data.get("dev_split") is not None:
        return f"{100 * data['dev_split']:g} % of {_data_name(data, 'train')}"
    return ", ".join(map(public_name, data[split])) or split


def _use(task: str) -> str:
    kind, name = HUB_TASKS[task]
    ours = (
        f"With the package `distilbert`, `FOLDER` being this folder:\n\n"
        f"```python\nfrom distilbert import pipeline\n\n"
        f'answer = pipeline("{kind}", model="FOLDER")\n```\n'
    )
    theirs = (
        f"With transformers:\n\n```python\nfrom transformers import AutoTokenizer, {name}\n\n"
        f'tokenizer = AutoTokenizer.from_pretrained("FOLDER")\n'
        f'model = {name}.from_pretrained("FOLDER")\n```\n'
    )
    limits = (
        "It answers about texts like those it was trained on; about others its scores say nothing. "
        "What is unfair in the training texts it may have learned, too.\n"
    )
    return f"## Use\n\n{ours}\n{theirs}\n{limits}"


def _answers(report: Mapping[str, Any]) -> str:
    """The labels in the order of their numbers, and the thresholds that were found in training."""
    labels, thresholds = report.get("labels") or [], report.get("thresholds") or []
    null = report.get("null_threshold")
    lines = ["## Answers\n"] if labels or null is not None else []
    if labels:
        head = ["number", "label", *(["threshold"] if thresholds else [])]
        lines += [f"| {' | '.join(head)} |", "|---:|---|" + "---:|" * bool(thresholds)]
        for number, label in enumerate(labels):
            threshold = [f"{thresholds[number]:.4g}"] if thresholds else []
            cell = " ".join(label.split()).replace("|", "\\|")
            lines.append(f"| {' | '.join([str(number), cell, *threshold])} |")
        lines.append("")
    if thresholds:
        lines.append("A label is assigned if its probability reaches its threshold.\n")
    if null is not None:
        lines.append(
            f"No answer is given if its score exceeds that of the best span by more than "
            f"{null:.4g}.\n"
        )
    return "\n".join(lines)


def _scores(report: Mapping[str, Any]) -> str:
    lines = ["## Scores\n"]
    for split, one in report["splits"].items():
        lines += [
            f"On {one['n']:,} {split} examples of `{_data_name(report['card']['data'], split)}`:\n",
            "| score | value | 95 % interval |",
            "|---|---:|---:|",
        ]
        for name, value in one["scores"].items():
            low, high = one["intervals"].get(name, (math.nan, math.nan))
            ends = f"{low:.4g} to {high:.4g}" if math.isfinite(low) else ""
            chosen = f"**{name}**" if name == report["metric"] else name
            lines.append(f"| {chosen} | {value:.4g} | {ends} |")
        lines.append("")
    if not report["splits"]:
        lines.append("Not measured: the run had neither dev nor test examples.\n")
    else:
        scale = " Scores are per cent." if report["task"] == "question-answering" else ""
        lines.append(f"Intervals are percentiles of a bootstrap over examples.{scale}\n")
    return "\n".join(lines)


def _training(report: Mapping[str, Any]) -> str:
    card, machine = report["card"], report["environment"]
    options = {"seed": card["seed"], "max_length": card["inputs"]["max_length"]}
    chosen = {**card["optimization"], **card["objective"]}
    options |= {name: chosen[name] for name in TELLING}
    lines = ["## Training\n", "| option | value |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in options.items() if value is not None]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    gpus = ", ".join(machine["gpus"])
    where = f"{machine['cpu'] or 'an unknown CPU'}, {machine['cores']} cores"
    where += f", {gpus}" if gpus else ""
    lines += [
        "",
        f"{report['steps']:,} updates in {report['seconds']:.0f} s with {report['framework']} on "
        f"{where}. Python {machine['python']}, {packages}. The whole run card is in `card.toml`.",
        "",
    ]
    return "\n".join(lines)
