"""A comparison counts, measures and agrees with what can be counted and known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert import compare
from distilbert.checkpoint.folder import open_checkpoint, save_checkpoint
from distilbert.checkpoint.student import read_teacher, student_of
from distilbert.distilling.assembly import Teacher
from distilbert.distilling.compare import Comparison, Line
from distilbert.errors import DataError, InputError
from distilbert.opening import find_model


@pytest.fixture(scope="module")
def student(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers of the teacher."""
    folder = tmp_path_factory.mktemp("student") / "s"
    made = student_of(read_teacher(teacher))
    save_checkpoint(folder, made.arrays, made.config, head="masked_lm")
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((teacher / name).read_bytes())
    return folder


def test_sizes_are_counted_and_agreement_is_measured(
    teacher: Path, student: Path, texts: Path
) -> None:
    found = compare(str(teacher), str(student), texts=str(texts), max_texts=20, rounds=1)
    layers = found["parameters of the layers"]
    assert (layers.ratio, found["layers"].teacher, found["layers"].student) == (0.5, 4, 2)
    parameters = sum(array.size for array in open_checkpoint(student).values())
    assert found["parameters"].student == parameters
    assert found["latency of one input of 16 tokens (ms)"].student > 0
    assert -1 < found["cosine of the hidden states of tokens"].student < 1
    assert 0 <= found["masked tokens with the same prediction"].student <= 1


def test_a_model_agrees_with_itself(teacher: Path, encoder: Path, texts: Path) -> None:
    options: dict[str, Any] = {"texts": str(texts), "max_texts": 5, "rounds": 1, "lengths": [8]}
    same = compare(str(teacher), str(teacher), **options)
    assert same["masked tokens with the same prediction"].student == 1
    assert same["cosine of the mean vectors of texts"].student == pytest.approx(1, abs=1e-5)
    assert same["cross entropy of masked tokens"].ratio == 1
    names = [line.name for line in compare(str(teacher), str(encoder), **options).lines]
    assert not any("masked" in name for name in names)  # one of them has no head


def test_a_student_with_fewer_tokens_is_compared_on_those(
    lettered: Path, texts: Path, tmp_path: Path
) -> None:
    whole = Teacher.of(find_model(lettered, framework="torch"))
    cut = whole.with_ids(np.array([i for i in range(len(whole.tokenizer)) if i not in (6, 7)]))
    folder = tmp_path / "s"
    save_checkpoint(folder, cut.weights.arrays, cut.weights.config, head="masked_lm")
    cut.tokenizer.save_pretrained(folder)
    options: dict[str, Any] = {"texts": str(texts), "max_texts": 9, "rounds": 1, "lengths": [8]}
    found = compare(str(lettered), str(folder), **options)
    assert found["masked tokens with the same prediction"].student == 1
    assert found["cosine of the mean vectors of texts"].student == pytest.approx(1, abs=1e-5)
    parameters = found["parameters"]
    assert parameters.teacher is not None
    assert parameters.teacher - parameters.student == 2 * (16 + 1)  # rows and biases
    with pytest.raises(InputError, match=r"or the student a part .* has tokens that"):
        compare(str(folder), str(lettered), **options)


def report(folder: Path, **scores: float) -> Path:
    folder.mkdir()
    splits = {"dev": {"scores": {"f1": 0.1}}, "test": {"scores": scores}}
    text = json.dumps({"task": "text-classification", "metric": "f1", "splits": splits})
    (folder / "report.json").write_text(text)
    return folder


def test_scores_of_runs_become_lines(teacher: Path, student: Path, tmp_path: Path) -> None:
    runs = [(report(tmp_path / "sst2", f1=0.8), report(tmp_path / "s", f1=0.6, loss=1.0))]
    found = compare(str(teacher), str(student), runs=runs, rounds=1, lengths=[8])
    line = found["f1 on sst2 (test)"]
    assert (line.teacher, line.student, line.ratio) == (0.8, 0.6, pytest.approx(0.75))
    (tmp_path / "s" / "report.json").write_text('{"task": "masked-lm", "splits": {}}')
    with pytest.raises(InputError, match="must be of one task"):
        compare(str(teacher), str(student), runs=runs, rounds=1, lengths=[8])


def test_it_is_a_table_or_json(tmp_path: Path) -> None:
    lines = (Line("parameters", 66_000_000, 33_000_000, 0.5), Line("cosine", None, 0.98765))
    made = Comparison("t", "s", lines)
    assert made.table().splitlines() == [
        "|            | teacher    | student    | student / teacher |",
        "| ---------- | ---------: | ---------: | ----------------: |",
        "| parameters | 66,000,000 | 33,000,000 | 0.5               |",
        "| cosine     |            | 0.9877     |                   |",
    ]
    made.write(tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["lines"][1]["student"] == 0.98765
    made.write(tmp_path / "c.md")
    assert (tmp_path / "c.md").read_text() == made.table()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"rounds": 0}, InputError, "`rounds` and `max_texts` must be at least 1"),
        ({"texts": "nothing.txt"}, DataError, "nothing.txt"),
        ({"round": 1}, TypeError, "unexpected keyword argument 'round'"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    teacher: Path, student: Path, changes: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        compare(str(teacher), str(student), **changes)


def test_another_vocabulary_is_refused(teacher: Path, student: Path, tmp_path: Path) -> None:
    words = (student / "vocab.txt").read_text().splitlines()
    other = tmp_path / "other"
    other.mkdir()
    for path in student.iterdir():
        if path.name != "tokenizer.json":
            (other / path.name).write_bytes(path.read_bytes())
    (other / "vocab.txt").write_text("\n".join([*words[:5], *words[6:], "other"]) + "\n")
    with pytest.raises(InputError, match=r"the same vocabulary to be compared.* such as 'other'"):
        compare(str(teacher), str(other))
