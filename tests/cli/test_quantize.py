"""`distilbert quantize`, and every command on what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROWS = "text,label\n" + "the cat sat,GOOD\na bad film,BAD\n" * 5
ONE = ("--num-threads", 1)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return path


def test_it_prints_the_table_and_the_folder_is_a_model(run, checkpoint, rows, tmp_path) -> None:
    model, out = checkpoint("sequence_classification"), tmp_path / "out"
    given = ("--eval", rows, "--max-drop", 100, "--bootstrap", 10, *ONE)
    ran = run("quantize", model, out, *given)
    assert (ran.code, ran.err) == (0, "")
    for text in ("size (MB)", "latency", "throughput", "accuracy", "same decisions as float32"):
        assert f"| {text}" in ran.out
    assert f"{out}: 11 of 11 layers in int8. accuracy was" in ran.out
    ran = run("evaluate", out, rows, "--compare", model, "--json", "--bootstrap", 10)
    assert ran.code == 0, ran.err
    ran = run("predict", "text-classification", "-m", out, "the cat", "--runtime", "onnx", "--json")
    assert ran.code == 0, ran.err
    facts = json.loads(run("info", out, "--json").out)["checkpoint"]
    assert facts["operators"]["MatMulInteger"] == 10
    assert facts["manifest"]["quantization"]["mode"] == "dynamic"


def test_static_models_and_encoders(run, checkpoint, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("the cat sat on the mat .\nwho ran home ?\n")
    options = ("--mode", "static", "--calibration", texts, "--ranges", "minmax", "--bits", 7)
    ran = run(
        "quantize", checkpoint("base"), tmp_path / "out", "--texts", texts, "--json", *options, *ONE
    )
    assert ran.code == 0, ran.err
    facts = json.loads(ran.out)
    assert (facts["mode"], facts["metric"], facts["float32"]) == ("static", None, [])
    assert facts["agreement"]["cosine"] > 0.9
    ran = run("embed", "-m", tmp_path / "out", "the cat")
    assert ran.code == 0, ran.err


def test_openvino_and_float16(run, checkpoint, rows, tmp_path: Path) -> None:
    model, out = checkpoint("sequence_classification"), tmp_path / "out"
    given = ("--eval", rows, "--max-drop", 100, "--bootstrap", 10, "--runtime", "openvino", *ONE)
    ran = run("quantize", model, out, *given, "--dtype", "float16")
    assert ran.code == 0, ran.err
    assert "| float16 / float32 |" in ran.out
    assert f"{out}: 11 of 11 layers in float16. accuracy was" in ran.out
    ran = run("predict", "text-classification", "-m", out, "the cat", "--json")
    assert ran.code == 0, ran.err
    facts = json.loads(run("info", out, "--json").out)["checkpoint"]
    assert facts["manifest"]["quantization"]["weights"] == "float16"


def test_what_is_wrong_is_one_sentence_with_the_name_of_the_option(
    run, checkpoint, rows, tmp_path
) -> None:
    model, out = checkpoint("sequence_classification"), tmp_path / "out"
    ran = run("quantize", model, out)
    assert ran.code == 1
    assert ran.err.startswith("Error: `--eval` must be given, labelled rows on which the metric")
    ran = run("quantize", model, out, "--eval", rows, "--max-drop", -1)
    assert ran.err == "Error: `--max-drop` must be a number of points >= 0: got -1.0.\n"
    ran = run("quantize", model, out, "--eval", rows, "--runtime", "coreml")
    assert ran.err == "Error: `--runtime` must be one of onnx, openvino, torch: got 'coreml'.\n"
    assert not out.exists()
