"""Activations, attention and pooling: what onnxruntime computes equals PyTorch or NumPy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from distilbert.config_checks import ACTIVATIONS
from distilbert.errors import ActivationError
from distilbert.exporting import operators
from distilbert.exporting.graph import Graph
from distilbert.tasks import embedding
from distilbert.torch.activations import activation_function

PRODUCER = ("distilbert", "0")


def compute(folder: Path, opset: int, build: Any, **inputs: np.ndarray) -> np.ndarray:
    """What `build(graph, *names)` computes of the inputs."""
    graph = Graph(opset)
    graph.inputs = {name: (array.dtype, [None] * array.ndim) for name, array in inputs.items()}
    graph.output("y", build(graph, *inputs), np.float32, None)
    graph.write(folder / "m.onnx", external=False, producer=PRODUCER, facts={})
    session = onnxruntime.InferenceSession(str(folder / "m.onnx"))
    return session.run(["y"], inputs)[0]


@pytest.mark.parametrize("opset", [operators.MIN_OPSET, 20])
def test_every_activation_of_a_config_is_that_of_pytorch(tmp_path: Path, opset: int) -> None:
    x = np.linspace(-12, 12, 97, dtype=np.float32)
    for name in ACTIVATIONS:
        found = compute(
            tmp_path, opset, lambda g, v, name=name: operators.activate(g, v, name), x=x
        )
        expected = activation_function(name)(torch.tensor(x)).numpy()
        np.testing.assert_allclose(found, expected, atol=2e-6, rtol=2e-6, err_msg=name)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ActivationError, match="`activation` must be"):
        operators.activate(Graph(20), "x", "swiglu")


@pytest.mark.parametrize("opset", [operators.MIN_OPSET, operators.MAX_OPSET])
@pytest.mark.parametrize("n_queries", [1, 4])
def test_attention_hides_keys_and_a_row_without_any_is_uniform(
    tmp_path: Path, opset: int, n_queries: int
) -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(3, n, 6)).astype(np.float32) for n in (n_queries, 4, 4))
    visible = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=bool)

    def build(graph: Graph, q: str, k: str, v: str, visible: str) -> str:
        bias = operators.attention_bias(graph, visible)
        return operators.attend(graph, q, k, v, bias=bias, n_heads=2, head_size=3)

    found = compute(tmp_path, opset, build, q=q, k=k, v=v, visible=visible)
    heads = [x.reshape(3, -1, 2, 3).transpose(0, 2, 1, 3).astype(np.float64) for x in (q, k, v)]
    scores = heads[0] @ heads[1].transpose(0, 1, 3, 2) / math.sqrt(3)
    scores = np.where(visible[:, None, None], scores, -1e30)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    expected = (weights / weights.sum(-1, keepdims=True)) @ heads[2]
    np.testing.assert_allclose(
        found, expected.transpose(0, 2, 1, 3).reshape(3, n_queries, 6), atol=1e-6
    )


@pytest.mark.parametrize("mode", ["mean", "cls", "max"])
def test_pooling_is_that_of_the_pipelines(tmp_path: Path, mode: Any) -> None:
    states = np.random.default_rng(1).normal(size=(2, 5, 3)).astype(np.float32)
    visible = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], dtype=bool)
    found = compute(
        tmp_path, 20, lambda g, s, v: operators.pool(g, s, v, mode), states=states, visible=visible
    )
    expected = [embedding.pool(row[real], mode) for row, real in zip(states, visible, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_zero_vector_stays_zero_and_others_get_length_1(tmp_path: Path) -> None:
    vectors = np.array([[3, 4], [0, 0]], dtype=np.float32)
    found = compute(tmp_path, 20, operators.normalize, vectors=vectors)
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0]], atol=1e-7)
