"""Exported models where a runtime is installed and no framework; `.ci/run` runs both steps.

    python tests/exchange/run_exported.py write FOLDER onnx  # here: exports, answers of PyTorch
    python tests/exchange/run_exported.py read FOLDER  # there, after pip install '.[onnx]'

The second step runs every pipeline, `evaluate` and the commands, compares the answers, and checks
that what needs a framework says which one to install. It prints a line for each, and a difference
ends it with an error.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 1e-4
FRAMEWORKS = ("torch", "tensorflow", "jax", "transformers", "onnx")
TEXTS = ["the cat sat on mat .", "who lives in berlin ?"]
QUESTION = {"question": "who lives in berlin ?", "context": "my name is wolfgang . i live in paris"}
CHOICES = [{"prompt": "the cat sat", "choices": ["on mat .", "in paris .", "good film"]}]
# Name of a case -> head, task of `pipeline`, inputs, options.
CASES: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "sentiment": ("sequence_classification", "sentiment-analysis", TEXTS, {"top_k": None}),
    "zero-shot": (
        "sequence_classification",
        "zero-shot-classification",
        TEXTS,
        {"candidate_labels": ["good", "bad"]},
    ),
    "entities": ("token_classification", "ner", TEXTS, {}),
    "answers": ("question_answering", "question-answering", [QUESTION], {}),
    "choices": ("multiple_choice", "multiple-choice", CHOICES, {}),
    "masks": ("masked_lm", "fill-mask", ["the [MASK] sat on [MASK] ."], {}),
    "features": ("base", "feature-extraction", TEXTS, {}),
    "vectors": ("base", "sentence-embedding", TEXTS, {}),
}
# Head -> rows that `evaluate` scores.
ROWS: dict[str, list[dict[str, Any]]] = {
    "sequence_classification": [
        {"text": TEXTS[0], "label": "entailment"},
        {"text": TEXTS[1], "label": "contradiction"},
    ],
    "token_classification": [{"tokens": ["wolfgang", "lives"], "tags": ["B-PER", "O"]}],
    "question_answering": [
        {
            "id": "1",
            **QUESTION,
            "answer_text": "paris",
            "answer_start": len(QUESTION["context"]) - 5,
        }
    ],
    "multiple_choice": [{**CHOICES[0], "label": 1}],
    "masked_lm": [{"text": text} for text in TEXTS],
}
LABELS = {
    "sequence_classification": ["contradiction", "neutral", "entailment"],
    "token_classification": ["O", "B-PER", "I-PER"],
}
# What needs a framework, as arguments of the command.
REFUSED = (
    ["finetune", "--model", "M", "--train", "T", "--dev", "T", "--output", "O"],
    ["distill", "--teacher", "M", "--train", "T", "--output", "O"],
    ["export", "M", "O"],
)


def write(folder: Path, runtime: str) -> None:
    """Export a small model of every head, and note what PyTorch answers."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from exports import tiny_source

    import distilbert

    answers = {}
    for head in dict.fromkeys(case[0] for case in CASES.values()):
        names = dict(enumerate(LABELS.get(head, [])))
        labels = {"id2label": names, "label2id": {v: k for k, v in names.items()}} if names else {}
        source = tiny_source(folder / "checkpoints" / head, head, **labels)
        pooling = {"pooling": "mean"} if head == "base" else {}
        distilbert.export(source, folder / head, to=runtime, **pooling)
        for name, (of, task, inputs, options) in CASES.items():
            if of == head:
                answers[name] = plain(distilbert.pipeline(task, source)(inputs, **options))
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


def read(folder: Path) -> None:
    """Check everything that a runtime alone can do, and what it cannot."""
    present = [name for name in FRAMEWORKS if find_spec(name)]
    assert not present, f"this environment must have none of {present}"
    from distilbert import evaluate, pipeline

    answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    for name, (head, task, inputs, options) in CASES.items():
        found = plain(pipeline(task, folder / head)(inputs, **options))
        check_close(found, answers[name], name)
        print("pipeline", name)
    for head, rows in ROWS.items():
        scored = evaluate(folder / head, rows, bootstrap=10)
        assert scored.scores, head
        print("evaluate", head, scored.scores)
    check_commands(folder)
    loaded = [name for name in FRAMEWORKS if name in sys.modules]
    assert not loaded, loaded


def check_commands(folder: Path) -> None:
    """Run the commands, and those that must be refused, each in a process of its own."""
    model, scratch = folder / "sequence_classification", folder / "scratch"
    scratch.mkdir(exist_ok=True)
    (scratch / "texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    texts, vectors = str(scratch / "texts.txt"), str(scratch / "vectors.npy")
    command("predict", "sentiment-analysis", "-m", str(model), TEXTS[0])
    command("embed", "-m", str(folder / "base"), "--input", texts, "--output", vectors)
    command("info", str(model))
    command("benchmark", str(model), "--texts", texts, "--seconds", "1", "--num-threads", "1")
    rows = [{"text": text, "label": "neutral"} for text in TEXTS]
    (scratch / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    command("evaluate", str(model), str(scratch / "rows.jsonl"))
    places = {"T": texts, "O": str(scratch / "out"), "M": str(folder / "checkpoints" / "masked_lm")}
    for arguments in REFUSED:
        said = command(*(places.get(one, one) for one in arguments), fails=True)
        assert "pip install" in said, said
        assert "Traceback" not in said, said
        assert not (scratch / "out").exists()


def command(*arguments: str, fails: bool = False) -> str:
    """What `distilbert` prints."""
    program = [sys.executable, "-m", "distilbert", *arguments]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert (done.returncode != 0) == fails, said
    print("command", arguments[0], "refused: " + " ".join(said.split()) if fails else "")
    return said


def plain(value: Any) -> Any:
    """An answer as JSON has it."""
    return json.loads(json.dumps(value, default=lambda one: np.asarray(one).tolist()))


def check_close(found: Any, expected: Any, name: str) -> None:
    """Raise AssertionError unless both have equal texts, and numbers that are about equal."""
    assert type(found) is type(expected) or isinstance(expected, float), name
    match expected:
        case dict():
            assert found.keys() == expected.keys(), name
            for key, value in expected.items():
                check_close(found[key], value, f"{name}.{key}")
        case list():
            assert len(found) == len(expected), name
            for i, value in enumerate(expected):
                check_close(found[i], value, f"{name}[{i}]")
        case float():
            assert abs(found - expected) <= TOLERANCE * max(1, abs(expected)), (name, found)
        case _:
            assert found == expected, (name, found, expected)


if __name__ == "__main__":
    step, place, *rest = sys.argv[1:]
    {"write": write, "read": read}[step](Path(place).absolute(), *rest)
