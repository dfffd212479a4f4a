"""`distilbert embed`: JSON lines or one NumPy file."""

from __future__ import annotations

import json

import numpy as np


def test_each_text_gives_one_line_with_its_vector(run, checkpoint):
    ran = run("embed", "-m", checkpoint("base"), "the dog", "the cat sat")
    assert ran.code == 0, ran.err
    vectors = [json.loads(line) for line in ran.out.splitlines()]
    assert np.shape(vectors) == (2, 32)


def test_a_numpy_file_holds_all_vectors_and_options_reach_the_pipeline(run, checkpoint, tmp_path):
    (tmp_path / "texts.jsonl").write_text('{"body": "the dog"}\n{"body": "a good film"}\n')
    line = ["embed", "-m", checkpoint("base"), "--input", tmp_path / "texts.jsonl"]
    line += ["--field", "text=body", "--output", tmp_path / "v.npy"]
    assert run(*line).out.endswith("v.npy: 2 vectors of 32 numbers\n")
    plain = np.load(tmp_path / "v.npy")
    assert run(*line, "--normalize").code == 0
    unit = np.load(tmp_path / "v.npy")
    np.testing.assert_allclose(
        unit, plain / np.linalg.norm(plain, axis=1, keepdims=True), rtol=1e-5
    )
    assert run(*line, "--pooling", "cls").code == 0
    assert not np.allclose(np.load(tmp_path / "v.npy"), plain)


def test_rows_without_a_text_are_explained(run, checkpoint):
    ran = run(
        *("embed", "-m", checkpoint("base"), "--input", "-", "--input-format", "jsonl"),
        stdin=b'{"body": "x"}\n',
    )
    assert ran.code == 1
    assert "Every row must have a text in the column 'text': got the columns body." in ran.err
