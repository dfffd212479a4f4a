"""Where our pipelines mean the same as those of transformers 4.37.2, they answer the same.

`reference.json` was recorded by `record_reference.py` beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import distilbert
from distilbert import pipeline

CALLS = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))
TAGS = {"id2label": {0: "I-PER", 1: "I-LOC"}, "label2id": {"I-PER": 0, "I-LOC": 1}}


def assert_close(ours: Any, theirs: Any) -> None:
    """Same shape, keys, texts and numbers; floats within the tolerance of the specification."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_close(ours[key], theirs[key])
    elif isinstance(theirs, list):
        assert isinstance(ours, list)
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_close(one, other)
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, abs=2e-5, rel=1e-5)
    else:
        assert ours == theirs


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "slow"])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call['task']}-{call['options']}")
def test_answers_equal_the_reference(golden: Path, call: dict[str, Any], fast: bool) -> None:
    folder = golden / "doc" / "uncased"
    tokenizer = distilbert.AutoTokenizer.from_pretrained(folder, use_fast=fast)
    model: Any = folder
    if call["task"] == "token-classification":
        model = distilbert.DistilBertForTokenClassification.from_pretrained(folder, **TAGS)
    pipe = pipeline(call["task"], model, tokenizer, device="cpu")
    assert_close(pipe(call["inputs"], **call["options"]), call["result"])
