"""The model card of a student names its teacher, not folders of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbert.distilling.result import model_card


def report(teacher: str) -> dict[str, Any]:
    return {
        "card": {"teacher": teacher},
        "student": {"layers": 3, "dim": 384},
        "n_parameters": 17_241_216,
        "n_teacher_parameters": 22_564_608,
        "corpus": {"tokens": 1_000_000},
        "splits": {"held-out": {"scores": {"loss": 1.5, "kl_loss": 0.25}}},
        "steps": 100,
        "seconds": 12.0,
    }


def test_scores_and_sizes_are_stated(tmp_path: Path) -> None:
    text = model_card(report(str(tmp_path)))
    assert f"# DistilBERT of 3 layers, distilled from {tmp_path.name}" in text
    assert str(tmp_path.parent) not in text
    assert "17,241,216 parameters" in text
    assert "| kl loss | 0.25 |" in text


def test_names_that_others_know_are_kept_without_their_hash() -> None:
    assert "`owner/name`" in model_card(report("owner/name"))
    assert "`pypi:x==1`" in model_card(report("pypi:x==1#sha256=00"))
