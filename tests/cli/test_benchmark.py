"""`distilbert benchmark`: options become arguments, the table is printed, JSON on request."""

from __future__ import annotations

import json
from typing import Any

from exports import tiny_source

from distilbert.benchmarking import benchmark as measuring


def test_a_model_is_measured_and_then_opened_as_the_fastest(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILBERT_CACHE", str(tmp_path / "cache"))
    source = tiny_source(tmp_path / "m", "sequence_classification")
    predict = ("predict", "text-classification", "-m", source, "the cat", "--runtime", "fastest")
    before = run(*predict)
    assert before.code == 1
    assert f"Measure it first: distilbert benchmark {source} --head" in before.err
    ran = run("benchmark", source, "--seconds", "0.01", "-o", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert "| torch float32" in ran.out
    assert "For many texts use" in ran.out
    assert (tmp_path / "out" / "report.md").read_text().startswith(ran.out)
    again = ("benchmark", source, "--seconds", "0.01", "-o", tmp_path / "out")
    assert "Replace a benchmark with `--overwrite`" in run(*again).err
    (tmp_path / "out" / "answers.jsonl").touch()  # of an evaluation, which also has a report.json
    assert "contains answers.jsonl" in run(*again, "--overwrite").err
    after = run(*predict)  # torch answers, or the error says how to write the faster file
    assert after.code == 0 or "distilbert export" in after.err


def test_options_become_arguments_and_json_is_printed(run, tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILBERT_CACHE", str(tmp_path / "cache"))
    source = tiny_source(tmp_path / "m", "base")
    texts = tmp_path / "t.txt"
    texts.write_text("the cat\na dog\n")
    measured, seen = measuring.benchmark, {}

    def watched(model: str, **given: Any) -> Any:
        seen.update(given)
        return measured(model, **{**given, "peers": False})

    monkeypatch.setattr(measuring, "benchmark", watched)
    line = ("--texts", texts, "--num-threads", "1", "--seconds", "0.01", "--peers", "--json")
    ran = run("benchmark", source, *line)
    assert ran.code == 0, ran.err
    assert (seen["num_threads"], seen["peers"], seen["texts"]) == (1, True, [str(texts)])
    report = json.loads(ran.out)
    assert (report["kind"], report["sample"]["n_texts"]) == ("benchmark", 2)


def test_a_wrong_option_is_one_sentence(run, tmp_path):
    source = tiny_source(tmp_path / "m", "base")
    ran = run("benchmark", source, "--head", "lm")
    assert ran.code == 1
    assert ran.err.startswith("Error: `--head` must be one of base,")
