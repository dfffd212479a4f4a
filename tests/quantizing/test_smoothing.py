"""SmoothQuant: the same answers in float32, and smaller errors in int8."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from distilbert.exporting.graph import Graph
from distilbert.quantizing.layers import find_layers
from distilbert.quantizing.rewriting import Form, quantized
from distilbert.quantizing.smoothing import smoothed

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 32)).astype(np.float32)
X[:, 5] *= 100  # one large channel leaves the others few of 255 steps
X[:, 7] = 0


def product(operator: str) -> Graph:
    graph = Graph(20)
    graph.inputs = {"x": (np.float32, ["T", 32])}
    graph.constants |= {
        "w.weight": RNG.normal(size=(32, 16)).astype(np.float32),
        "b": RNG.normal(size=16).astype(np.float32),
    }
    inputs = ("x", "w.weight", *(["b"] if operator == "Gemm" else []))
    graph.output("y", graph.add(operator, *inputs), np.float32, ["T", 16])
    return graph


def answers(graph: Graph, folder) -> np.ndarray:
    graph.write(folder / "m.onnx", external=False, producer=("d", "0"), facts={})
    return onnxruntime.InferenceSession(str(folder / "m.onnx")).run(None, {"x": X})[0]


@pytest.mark.parametrize("operator", ["MatMul", "Gemm"])
def test_answers_stay_the_same_in_float32_and_come_closer_in_int8(tmp_path, operator: str) -> None:
    graph = product(operator)
    layers, expected = find_layers(graph), answers(graph, tmp_path)
    changed = smoothed(graph, layers.values(), {"x": np.abs(X).max(axis=0)})
    np.testing.assert_allclose(answers(changed, tmp_path), expected, rtol=1e-4, atol=1e-4)
    assert list(find_layers(changed)) == list(layers)
    (layer,) = find_layers(changed).values()
    smooth = X * changed.constants["x_factor"]
    errors = []
    for one, name, x in ((graph, "x", X), (changed, layer.inputs[0], smooth)):
        ranges = {name: (float(x.min()), float(x.max()))}
        found = answers(
            quantized(one, list(find_layers(one).values()), Form(ranges=ranges)), tmp_path
        )
        errors.append(float(np.abs(found - expected).mean()))
    assert errors[1] < 0.3 * errors[0]


def test_tables_and_what_is_always_0_stay_as_they_are(exported) -> None:
    from distilbert.quantizing.reading import read_graph

    graph = read_graph(exported("masked_lm") / "onnx/model.onnx")
    layers = find_layers(graph)
    names = {name for layer in layers.values() for name in layer.inputs}
    sizes = {
        node.inputs[0]: graph.constants[layer.weight].shape[1 - layer.axis]
        for layer in layers.values()
        for node in layer.nodes
    }
    ones = {name: np.ones(sizes[name], np.float32) for name in names}
    changed = smoothed(graph, layers.values(), ones)
    words = "distilbert.embeddings.word_embeddings.weight"  # tied to the projector
    np.testing.assert_array_equal(changed.constants[words], graph.constants[words])
    n_new = len(changed.nodes) - len(graph.nodes)
    assert n_new == len(names) - 1
    zeros = {name: np.zeros_like(one) for name, one in ones.items()}
    assert len(smoothed(graph, layers.values(), zeros).nodes) == len(graph.nodes)
