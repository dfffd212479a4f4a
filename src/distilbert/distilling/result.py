"""From the best weights of a distillation to its result folder: student, scores, report, card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distilbert.checkpoint.bert_folder import CARRIED
from distilbert.checkpoint.hub import TOKENIZER_FILES
from distilbert.distilling.assembly import FRAMEWORK, Distillation, losses_of
from distilbert.opening import find_model, load_runner
from distilbert.training.card_file import card_text
from distilbert.training.environment import environment
from distilbert.training.loop import Trained
from distilbert.training.public_names import public_name
from distilbert.training.report import PAGE_FILE, REPORT_FILE, write_report
from distilbert.training.result import course, result_folder, run_contents, write_model
from distilbert.training.run_folder import CARD_FILE

# A student may be a sentence encoder.
RUN = run_contents(*CARRIED)


def finish(run: Distillation, trained: Trained, *, command: str | None) -> dict[str, Any]:
    """Score the best student in float32 and write the files of the result.

    Returns:
        The fields of a `DistillResult` except card and output.
    """
    card, output = run.card, Path(run.card.output)
    best = find_model(trained.best, framework=FRAMEWORK)
    scores = run.evaluate(load_runner(best, run.head, device=card.run.device))
    report = _report(run, trained, scores, command)
    with result_folder(output) as staging:
        write_model(trained.best, staging, run.head)
        run.tokenizer.save_pretrained(staging)
        for name, content in run.teacher.files.items():
            if name not in TOKENIZER_FILES:
                (staging / name).parent.mkdir(parents=True, exist_ok=True)
                (staging / name).write_bytes(content)
        (staging / CARD_FILE).write_text(card_text(card), encoding="utf-8")
        write_report(staging, report, pages=card.run.report)
        (staging / "README.md").write_text(model_card(report), encoding="utf-8")
    return {
        "scores": scores,
        "steps": trained.progress.step,
        "seconds": trained.progress.seconds,
        "tokens_per_second": report["tokens_per_second"],
        "n_parameters": report["n_parameters"],
        "n_teacher_parameters": report["n_teacher_parameters"],
        "report": output / (PAGE_FILE if card.run.report else REPORT_FILE),
    }


def _report(
    run: Distillation, trained: Trained, scores: Mapping[str, float], command: str | None
) -> dict[str, Any]:
    """What `distilbert.training.report` writes."""
    card, corpus, student = run.card, run.corpus.info, run.student
    of_corpus = ("content_hash", "sequences", "tokens", "texts", "short", "unknown_heavy")
    held_out = {"n": len(run.dev.numbers), "scores": scores, "intervals": {}, "tables": {}}
    return {
        "kind": "Distillation",
        "task": "distillation",
        "model": card.teacher,
        "framework": FRAMEWORK,
        "metric": run.metric,
        "higher_is_better": run.metric not in losses_of(card),
        "command": command,
        "card": card.model_dump(),
        "n_train": len(run.train.numbers),
        "n_teacher_parameters": run.n_teacher_parameters,
        "student": {
            "layers": student.config.n_layers,
            "dim": student.config.dim,
            "copied_layers": list(student.layers),
        },
        "corpus": {name: getattr(corpus, name) for name in of_corpus},
        **course(trained),
        "splits": {"held-out": held_out},
        "environment": environment(),
    }


def model_card(report: Mapping[str, Any]) -> str:
    """The student's README: what it is, how to use it, its losses, how it was made."""
    card, student = report["card"], report["student"]
    teacher = public_name(card["teacher"])
    scores = report["splits"]["held-out"]["scores"]
    front = {"library_name": "transformers", "tags": ["distilbert", "distillation"]}
    lines = [
        "---",
        *(f"{name}: {json.dumps(value)}" for name, value in front.items()),
        "---",
        "",
        f"# DistilBERT of {student['layers']} layers, distilled from {teacher}",
        "",
        f"A student of {report['n_parameters']:,} parameters, {student['layers']} layers of width "
        f"{student['dim']}, distilled from `{teacher}` ({report['n_teacher_parameters']:,} "
        f"parameters) on {report['corpus']['tokens']:,} tokens of text.",
        "",
        "## Use",
        "",
        "Fine-tune it for a task, `FOLDER` being this folder:",
        "",
        "```",
        "distilbert finetune --model FOLDER --train train.csv --dev-split 0.1 --output ./my-model",
        "```",
        "",
        "## Held-out texts",
        "",
        "| loss or score | value |",
        "|---|---:|",
        *(f"| {name.replace('_', ' ')} | {value:.4g} |" for name, value in scores.items()),
        "",
        "## Training",
        "",
        f"{report['steps']:,} updates in {report['seconds']:.0f} s. The whole card is in "
        f"`{CARD_FILE}`, all numbers are in `{REPORT_FILE}`.",
        "",
    ]
    return "\n".join(lines)
