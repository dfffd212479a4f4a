"""Matrices that can be in int8, found in graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distilbert.exporting.graph import Graph
from distilbert.heads import HEADS
from distilbert.quantizing.layers import find_layers
from distilbert.quantizing.reading import read_graph

MODEL = Path("onnx/model.onnx")
OF_BLOCKS = ["attention.q_k_v_lin", "attention.out_lin", "ffn.lin1", "ffn.lin2"]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("head", HEADS)
def test_words_blocks_and_wide_heads_are_layers(exported, head, dtype) -> None:
    found = find_layers(read_graph(exported(head, dtype=dtype) / MODEL))
    prefix = "" if head == "base" else "distilbert."
    names = [f"{prefix}embeddings.word_embeddings"]
    names += [f"{prefix}transformer.layer.0.{part}" for part in OF_BLOCKS]
    last = OF_BLOCKS
    if HEADS[head].reads_first_token:
        last = ["attention.q_lin", "attention.k_v_lin", *OF_BLOCKS[1:]]
    names += [f"{prefix}transformer.layer.1.{part}" for part in last]
    if HEADS[head].reads_first_token:
        names.append("pre_classifier")
    if head == "masked_lm":
        names.append("vocab_transform")
    # The last matrix of a classifier has too few outputs to save anything.
    assert list(found) == names


def test_a_tied_projection_is_one_layer_with_the_table(exported) -> None:
    found = find_layers(read_graph(exported("masked_lm") / MODEL))
    words = found["distilbert.embeddings.word_embeddings"]
    assert [node.operator for node in words.nodes] == ["Gather", "Gemm"]
    assert (words.axis, len(words.inputs)) == (0, 1)


def graph_with(operator: str, *, shape=(32, 32), dtype=np.float32, **attributes) -> Graph:
    graph = Graph(20)
    graph.constants["w.weight"] = np.ones(shape, dtype)
    graph.output("y", graph.add(operator, "x", "w.weight", **attributes), np.float32, ["a", "b"])
    return graph


def test_products_of_other_exporters_are_layers() -> None:
    assert find_layers(graph_with("MatMul"))["w"].axis == 1
    assert find_layers(graph_with("Gemm"))["w"].axis == 1
    assert find_layers(graph_with("Gemm", transB=1))["w"].axis == 0


@pytest.mark.parametrize(
    "graph",
    [
        graph_with("Gemm", alpha=0.5),
        graph_with("Gemm", transA=1),
        graph_with("MatMul", shape=(32, 3)),
        graph_with("MatMul", shape=(2, 32, 32)),
        graph_with("MatMul", dtype=np.float16),
        graph_with("Mul"),
    ],
)
def test_other_uses_are_left_alone(graph: Graph) -> None:
    assert find_layers(graph) == {}


def test_a_matrix_that_something_else_reads_too_is_left_alone() -> None:
    graph = graph_with("MatMul")
    graph.output("z", graph.add("Relu", "w.weight"), np.float32, ["a", "b"])
    assert find_layers(graph) == {}
