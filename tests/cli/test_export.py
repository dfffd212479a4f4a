"""`distilbert export`, and every command on what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from exports import FIXED_THREADS

from distilbert._lazy import RUNTIMES


@pytest.fixture(scope="module", params=RUNTIMES)
def runtime(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def exported(checkpoint, runtime, tmp_path_factory):
    """head -> an exported folder."""
    import distilbert

    root = tmp_path_factory.mktemp("exported")

    def make(head: str) -> Path:
        folder = root / head
        if not folder.exists():
            distilbert.export(checkpoint(head), folder, to=runtime)
        return folder

    return make


def test_it_says_what_it_wrote_and_how_close_it_is(run, checkpoint, tmp_path: Path) -> None:
    ran = run("export", checkpoint("base"), tmp_path / "a", "--pooling", "mean", "--normalize")
    assert ran.code == 0
    assert "DistilBertModel as onnx, opset 20" in ran.out
    assert "largest difference from the source" in ran.out
    options = ("--opset", 23, "--dtype", "float16", "--external-data", "--json")
    ran = run("export", checkpoint("masked_lm"), tmp_path / "b", "--to", "onnx", *options)
    facts = json.loads(ran.out)
    assert (facts["head"], facts["opset"], facts["dtype"]) == ("masked_lm", 23, "float16")
    assert [Path(file).name for file in facts["files"]] == ["model.onnx", "model.onnx_data"]
    assert facts["largest_difference"] < facts["tolerance"]


def test_openvino_takes_no_options_of_onnx(run, checkpoint, tmp_path: Path) -> None:
    ran = run("export", checkpoint("base"), tmp_path / "a", "--to", "openvino", "--json")
    facts = json.loads(ran.out)
    assert (facts["opset"], facts["outputs"]) == (None, ["last_hidden_state"])
    assert [Path(file).suffix for file in facts["files"]] == [".xml", ".bin"]
    options = ("--to", "openvino", "--opset", 20)
    ran = run("export", checkpoint("base"), tmp_path / "b", *options)
    expected = "`--opset` is an option of onnx: got 20 with to='openvino'. Leave it out."
    assert (ran.code, ran.err) == (1, f"Error: {expected}\n")


def test_a_wrong_option_is_one_sentence_with_its_name(run, checkpoint, tmp_path: Path) -> None:
    ran = run("export", checkpoint("base"), tmp_path / "a", "--opset", 9)
    assert (ran.code, ran.err) == (1, "Error: `--opset` must be from 18 to 23: got 9.\n")
    assert not (tmp_path / "a").exists()


TEXT = "the cat sat on the mat ."
LINES = {
    "sequence_classification": ("text-classification", TEXT),
    "token_classification": ("ner", TEXT, "--aggregation", "none"),
    "masked_lm": ("fill-mask", "the [MASK] sat ."),
    "question_answering": ("qa", "--question", "who sat ?", "--context", TEXT),
    "multiple_choice": ("multiple-choice", "the cat", "--choice", "sat", "--choice", "ran home"),
}


@pytest.mark.parametrize("head", LINES)
def test_predict_answers_as_with_the_weights(run, checkpoint, exported, runtime, head: str) -> None:
    task, *line = LINES[head]
    expected = run("predict", task, "-m", checkpoint(head), *line, "--json")
    threads = () if runtime in FIXED_THREADS else ("--num-threads", 1)
    ran = run("predict", task, "-m", exported(head), *line, "--json", *threads)
    assert (ran.code, ran.err) == (0, "")

    def scores(out: str) -> list[float]:
        answers = json.loads(out)["output"]
        return [one["score"] for one in (answers if isinstance(answers, list) else [answers])]

    np.testing.assert_allclose(scores(ran.out), scores(expected.out), atol=2e-5)


# Runtime -> its operator for GELU, how often it is in a file of two layers, and the version of the
# operators or of the format. A SavedModel has the function twice.
GELU = {
    "onnx": ("Gelu", 2, 20),
    "openvino": ("Gelu", 2, 8),
    "torchscript": ("gelu", 2, 10),
    "pt2": ("gelu", 2, 10),
    "savedmodel": ("Erf", 4, 1),
    "tflite": ("GELU", 2, 3),
}


def test_embed_evaluate_and_info_open_the_folder(
    run, checkpoint, exported, runtime, tmp_path
) -> None:
    for name, folder in (("a", checkpoint("base")), ("b", exported("base"))):
        run("embed", "-m", folder, TEXT, "cat", "--output", tmp_path / f"{name}.npy")
    vectors = [np.load(tmp_path / f"{name}.npy") for name in "ab"]
    np.testing.assert_allclose(*vectors, atol=2e-5)
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\n" + "the cat sat,GOOD\na bad film,BAD\n" * 5)
    head = "sequence_classification"
    ran = run("evaluate", exported(head), rows, "--compare", checkpoint(head), "--json")
    assert ran.code == 0, ran.err
    differences = json.loads(ran.out)["comparison"]["differences"]
    assert differences["accuracy"]["difference"] == 0
    shown = run("info", exported(head), "--json")
    facts = json.loads(shown.out)["checkpoint"]
    operator, n_operators, opset = GELU[runtime]
    assert (facts["runtime"], facts["operators"][operator]) == (runtime, n_operators)
    assert facts["opset"] == opset
    files = exported(head).glob(f"{runtime}/**/*")
    sizes = [path.stat().st_size for path in files if path.is_file()]
    assert facts["file_bytes"] == sum(sizes)
    assert facts["manifest"]["head"] == head
    assert "operators" in run("info", exported(head)).out


def test_weights_are_named_where_they_are_needed(run, exported, tmp_path: Path) -> None:
    ran = run("convert", exported("base"), tmp_path / "c")
    assert ran.code == 1
    assert "A checkpoint must hold one of" in ran.err
    ran = run("predict", "ner", "-m", exported("base"), "--framework", "torch", TEXT)
    assert "can only be run, and without `--framework`" in ran.err
