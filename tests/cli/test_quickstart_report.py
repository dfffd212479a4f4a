"""What `distilbert quickstart` prints, and its JSON."""

from __future__ import annotations

import json

from distilbert.cli.quickstart_report import Report
from distilbert.distilling.compare import Comparison, Line

ANSWER = {"query": "open a file", "topic": "files", "text": "Open a file.", "score": 0.75}


def report(**values):
    return Report(source="owner/encoder", target="out", passages=3, answers=[ANSWER], **values)


def test_without_a_student_only_the_encoder_is_shown(capsys):
    found = report(difference=3e-7)
    with found.step("load it"):
        pass
    found.show(tolerance=1e-5)
    printed = capsys.readouterr().out
    assert "3.0e-07 (at most 1e-05 allowed)" in printed
    assert "Best of 3 passages" in printed
    assert "load it" in printed
    assert "tudent" not in printed


def test_a_student_is_shown_next_to_its_encoder(capsys):
    comparison = Comparison("out", "out-student", (Line("layers", 6, 3, 0.5),))
    other = {**ANSWER, "topic": "loops", "text": "Leave a loop.", "score": 0.5}
    found = report(
        student="out-student", student_answers=[other], comparison=comparison, attempts=["hub: no"]
    )
    found.show(tolerance=1e-5)
    printed = capsys.readouterr().out
    assert "Not available: hub: no" in printed
    assert all(word in printed for word in ("layers", "0.5", "loops", "Leave a loop.", "0.500"))
    assert "The student is in out-student" in printed
    values = json.loads(json.dumps(found.values()))
    assert values["comparison"]["lines"][0]["student"] == 3
    same = report(student="out-student", student_answers=[ANSWER], comparison=comparison)
    same.show(tolerance=1e-5)
    assert "the same" in capsys.readouterr().out
