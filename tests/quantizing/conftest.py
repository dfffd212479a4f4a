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
def job(exported: Callable[..., Path], tmp_path: Path) -> Callable[..., Any]:
    """A job for the exported model of a head; options are those of a plan."""
    from distilbert.load_options import LoadOptions
    from distilbert.quantizing.job import Job
    from distilbert.quantizing.plan import Plan
    from distilbert.quantizing.source import open_source

    def make(head: str, **options: Any) -> Job:
        source = open_source(
            exported(head),
            tmp_path / "float32",
            runtime="onnx",
            head=head,
            loading=LoadOptions(),
            export_options={},
        )
        given = {"runtime": "onnx", "mode": "dynamic", "max_drop": 0.5, **options}
        return Job(source, Plan(**given), tmp_path, num_threads=1)

    return make
