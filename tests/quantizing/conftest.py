"""Exported models of each head with a tokenizer, and rows for their metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exports import tiny_source

import distilbert

TEXTS = [
    "the cat sat on the mat .",
    "who lives in paris ?",
    "berlin",
    "the dog ran home , not the cat !",
]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The exported folder of a tiny model with a head; options are those of `export`."""
    root = tmp_path_factory.mktemp("exported")

    def make(head: str, **options: Any) -> Path:
        name = "-".join([head, *map(str, options.values())])
        folder = root / name
        if not folder.exists():
            source = tiny_source(root / f"source-{name}", head)
            distilbert.export(source, folder, **options)
        return folder

    return make


@pytest.fixture(scope="session")
def sources(
    exported: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Path]:
    """What is quantized for a runtime: an exported model, or a checkpoint for PyTorch."""
    root = tmp_path_factory.mktemp("sources")

    def make(runtime: str, head: str) -> Path:
        if runtime != "torch":
            return exported(head)
        folder = root / head
        return folder if folder.exists() else tiny_source(folder, head)

    return make


ROWS: dict[str, Any] = {
    "sequence_classification": [
        {"text": text, "label": f"LABEL_{i % 2}"} for i, text in enumerate(TEXTS * 2)
    ],
    "masked_lm": [{"text": text} for text in TEXTS],
    "token_classification": [
        {"tokens": text.split(), "tags": ["LABEL_0"] * len(text.split())} for text in TEXTS
    ],
    "question_answering": [
        {
            "id": str(i),
            "question": "who sat ?",
            "context": text,
            "answers": {"text": [text.split()[0]], "answer_start": [0]},
        }
        for i, text in enumerate(TEXTS)
    ],
    "multiple_choice": [
        {"prompt": text, "choices": ["sat", "ran home"], "label": i % 2}
        for i, text in enumerate(TEXTS)
    ],
    "base": [
        {"text": a, "text_pair": b, "label": float(i % 5)}
        for i, (a, b) in enumerate(zip(TEXTS * 2, TEXTS[1:] * 3, strict=False))
    ],
}
CALIBRATION = [{"text": text} for text in TEXTS]


@pytest.fixture(scope="session")
def rows() -> dict[str, Any]:
    """Labelled rows by head; for base, pairs with their similarity."""
    return ROWS


@pytest.fixture(scope="session")
def calibration() -> list[dict[str, str]]:
    """Rows with texts."""
    return CALIBRATION


@pytest.fixture
def wanted() -> Callable[..., Any]:
    """What a user asks for, with a model."""
    from distilbert.load_options import LoadOptions
    from distilbert.quantizing.source import Wanted

    def make(model: Path, head: str | None = None, **export_options: Any) -> Wanted:
        loading = LoadOptions()
        return Wanted(model=model, head=head, loading=loading, export_options=export_options)

    return make


@pytest.fixture
def job(sources: Callable[..., Path], wanted: Callable[..., Any], tmp_path: Path) -> Any:
    """A job for the model of a head; options are those of a plan."""
    from distilbert.quantizing.plan import Plan
    from distilbert.quantizing.targets import TARGETS

    def make(head: str, **options: Any) -> Any:
        given = {"runtime": "onnx", "max_drop": 0.5, **options}
        target = TARGETS[given["runtime"]]
        plan = Plan(**{"mode": target.modes[0], **given})
        return target.open_job(wanted(sources(plan.runtime, head), head), plan, tmp_path)

    return make
