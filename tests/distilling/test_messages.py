"""What was decided is said before the training starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.distilling.assembly import Distillation, Teacher, corpus_of, student_for
from distilbert.distilling.card import DistillCard
from distilbert.distilling.messages import counting, decisions
from distilbert.opening import find_model
from distilbert.training.card_file import as_card


def test_tokens_are_counted_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = iter([0.0, 1.0, 6.0, 6.0, 7.0])
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    count = counting("Tokenizing")
    for n_tokens in (1000, 2000, 3000):
        count(n_tokens)
    assert capsys.readouterr().err == "Tokenizing: 2,000 tokens so far\n"


def test_teacher_student_corpus_losses_and_updates_are_named(
    teacher: Path, texts: Path, tmp_path: Path
) -> None:
    changes = {"teacher": "t", "train": str(texts), "output": "o", "corpus": str(tmp_path)}
    card = as_card(None, {**changes, "min_length": 5, "batch_tokens": 512}, DistillCard)
    source = Teacher.of(find_model(teacher, framework="torch"))
    student = student_for(card, source.weights)
    run = Distillation(card, source, student, corpus_of(card, source))
    lines = decisions(run)
    assert lines[0] == "Teacher: t; 4 layers of width 16, with a masked-LM head"
    assert lines[1].startswith("Student: 2 layers of width 16, copies of layers 0, 3; 0.0 M")
    assert lines[2].startswith("Corpus:  150 sequences, ")
    assert lines[2].endswith("3 held out")
    assert lines[3] == (
        "Losses:  5 x divergence from the teacher, 2 x masked tokens, 1 x cosine of hidden states"
    )
    assert "3 epochs in batches of 512 tokens" in lines[4]
    assert lines[5] == "Output:  o"
    card = as_card(card, {"max_steps": 1, "n_layers": 1}, DistillCard)
    student = student_for(card, source.weights)
    lines = decisions(Distillation(card, source, student, corpus_of(card, source)))
    assert lines[1].startswith("Student: 1 layer of width 16")
    assert lines[4].startswith(
        "Steps:   1 update: as many as `max_steps` allows, in batches of 512"
    )
