"""Graphs as ONNX files, written and opened."""

from __future__ import annotations

import numpy as np
import onnx

from distilbert.config import DistilBertConfig
from distilbert.quantizing.reading import read_graph
from distilbert.quantizing.to_onnx import open_file, write_graph


def test_the_file_names_its_head_and_a_runner_needs_it_only_to_open(exported, tmp_path) -> None:
    folder = exported("token_classification")
    graph = read_graph(folder / "onnx/model.onnx")
    files = write_graph(graph, tmp_path / "a.onnx", "token_classification", external=True)
    assert [file.name for file in files] == ["a.onnx", "a.onnx_data"]
    model = onnx.load(files[0])
    assert {one.key: one.value for one in model.metadata_props} == {"head": "token_classification"}
    assert model.producer_name == "distilbert"
    config = DistilBertConfig.from_pretrained(folder)
    runner = open_file(files[0], config, "token_classification", num_threads=1)
    for file in files:
        file.unlink()
    assert runner.run_batch({"input_ids": np.array([[5, 6]])})["logits"].shape == (1, 2, 2)
