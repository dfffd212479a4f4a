"""`distilbert embed`: JSON lines or one NumPy file."""

from __future__ import annotations

import csv
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


def test_a_table_keeps_its_columns_beside_the_vectors(run, checkpoint, tmp_path):
    (tmp_path / "in.csv").write_text("id,sentence,embedding\n7,the dog,x\n8,a film,y\n")
    line = ["embed", "-m", checkpoint("base"), "--input", tmp_path / "in.csv"]
    assert run(*line, "--output", tmp_path / "v.csv").code == 0
    with (tmp_path / "v.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row.values())[:3] for row in rows] == [["7", "the dog", "x"], ["8", "a film", "y"]]
    assert run(*line, "--output", tmp_path / "v.npy").code == 0
    vectors = [json.loads(row["predicted_embedding"]) for row in rows]
    np.testing.assert_allclose(vectors, np.load(tmp_path / "v.npy"), rtol=1e-6)
    ran = run("embed", "-m", "no-model", "x", "--output", tmp_path / "no" / "v.npy")
    assert "`--output`: The output must be a writable file" in ran.err
