"""Graphs with layers in int8: the operators, the arithmetic, what is left of the weights."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from distilbert.errors import CheckpointError
from distilbert.exporting.graph import Graph
from distilbert.heads import HEADS
from distilbert.quantizing.layers import find_layers
from distilbert.quantizing.reading import read_graph
from distilbert.quantizing.rewriting import Form, quantized

BATCH = {
    "input_ids": np.array([[5, 6, 7, 8], [9, 10, 0, 0]]),
    "attention_mask": np.array([[1, 1, 1, 1], [1, 1, 0, 0]]),
}


def wide_ranges(layers) -> dict[str, tuple[float, float]]:
    names = [name for layer in layers.values() for name in layer.inputs]
    return dict.fromkeys(names, (-5.0, 5.0))


@pytest.mark.parametrize("mode", ["dynamic", "static"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("head", HEADS)
def test_answers_stay_close(exported, job, head: str, dtype: str, mode: str) -> None:
    folder = exported(head, dtype=dtype)
    graph = read_graph(folder / "onnx/model.onnx")
    layers = find_layers(graph)
    form = Form(ranges=wide_ranges(layers) if mode == "static" else None)
    changed = quantized(graph, list(layers.values()), form)
    batch = BATCH
    if head == "multiple_choice":
        batch = {name: array[:, None] for name, array in BATCH.items()}
    pair = [job(head).open(one) for one in (graph, changed)]
    expected, found = (runner.run_batch(batch) for runner in pair)
    for name, axes in HEADS[head].outputs.items():
        real = BATCH["attention_mask"] == 1 if "S" in axes else slice(None)
        a, b = expected[name][real], found[name][real]
        error = np.sqrt(((a - b) ** 2).sum() / (a**2).sum())
        assert 0 < error < 0.25, (name, error)  # weights are random: a sum may be near 0
    assert not [
        name
        for name in changed.constants
        if changed.constants[name].dtype == np.float16
        and changed.constants[name].ndim == 2
        and "word" in name
    ]


def test_weights_are_stored_once_and_only_in_int8(exported) -> None:
    graph = read_graph(exported("masked_lm") / "onnx/model.onnx")
    layers = find_layers(graph)
    changed = quantized(graph, list(layers.values()), Form())
    for layer in layers.values():
        assert layer.weight not in changed.constants
        values = changed.constants[f"{layer.name}.int8"]
        assert (values.dtype, values.shape) == (np.int8, graph.constants[layer.weight].shape)
        scales = changed.constants[f"{layer.name}.scale"]
        assert scales.shape == (values.shape[layer.axis],)
    some = quantized(graph, [layers["vocab_transform"]], Form())
    assert "vocab_transform.int8" in some.constants
    assert "distilbert.embeddings.word_embeddings.weight" in some.constants
    assert (
        graph.constants.keys()
        == read_graph(exported("masked_lm") / "onnx/model.onnx").constants.keys()
    )


def optimized(graph: Graph, folder: Path) -> Counter[str]:
    """The operators that onnxruntime makes of a graph."""
    graph.write(folder / "m.onnx", external=False, producer=("d", "0"), facts={})
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    onnxruntime.InferenceSession(str(folder / "m.onnx"), options)
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def test_onnxruntime_joins_each_layer_into_one_integer_operator(exported, tmp_path) -> None:
    graph = read_graph(exported("base") / "onnx/model.onnx")
    layers = find_layers(graph)
    for ranges, joined in ((None, "DynamicQuantizeMatMul"), (wide_ranges(layers), "QGemm")):
        changed = quantized(graph, list(layers.values()), Form(ranges=ranges))
        assert optimized(changed, tmp_path)[joined] == len(layers) - 1


def test_no_matrix_becomes_float32_at_each_call(exported, tmp_path) -> None:
    graph = read_graph(exported("sequence_classification") / "onnx/model.onnx")  # ends in a ReLU
    layers = find_layers(graph)
    changed = quantized(graph, list(layers.values()), Form(ranges=wide_ranges(layers)))
    found = optimized(changed, tmp_path)
    assert (found["DequantizeLinear"], found["QGemm"]) == (0, len(layers) - 2)
    assert found["MatMulInteger"] == 1


def one_product(weight: np.ndarray, bias: np.ndarray) -> Graph:
    """The graph of y = x `weight` + `bias`."""
    graph = Graph(20)
    graph.inputs = {"x": (np.float32, ["T", weight.shape[0]])}
    graph.constants |= {"w.weight": weight, "b": bias}
    graph.output("y", graph.add("Gemm", "x", "w.weight", "b"), np.float32, ["T", len(bias)])
    return graph


def answers(graph: Graph, folder: Path, x: np.ndarray) -> np.ndarray:
    """y of a graph in onnxruntime."""
    graph.write(folder / "m.onnx", external=False, producer=("d", "0"), facts={})
    return onnxruntime.InferenceSession(str(folder / "m.onnx")).run(None, {"x": x})[0]


@pytest.mark.parametrize("operator", ["MatMul", "Gemm"])
@pytest.mark.parametrize("static", [False, True])
def test_the_arithmetic_is_that_of_rounded_numbers(tmp_path, operator: str, static: bool) -> None:
    rng = np.random.default_rng(0)
    graph = Graph(20)
    graph.inputs = {"x": (np.float32, ["T", 24])}
    weight = rng.normal(size=(24, 16)).astype(np.float32)
    bias = rng.normal(size=16).astype(np.float32)
    graph.constants |= {"w.weight": weight, "b": bias}
    inputs = ("x", "w.weight", *(["b"] if operator == "Gemm" else []))
    graph.output("y", graph.add(operator, *inputs), np.float32, ["T", 16])
    x = rng.uniform(-1, 3, size=(5, 24)).astype(np.float32)
    x[0, :2] = -1, 3  # the ends of the range
    ranges = {"x": (-1.0, 3.0)} if static else None
    changed = quantized(graph, list(find_layers(graph).values()), Form(ranges=ranges))
    changed.write(tmp_path / "m.onnx", external=False, producer=("d", "0"), facts={})
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    step = 4 / 255
    zero = np.rint(1 / step)
    rounded = (np.clip(np.rint(x / step) + zero, 0, 255) - zero) * step
    scales = np.abs(weight).max(axis=0) / 127
    expected = rounded @ (np.rint(weight / scales) * scales)
    expected = expected + bias if operator == "Gemm" else expected
    found = session.run(None, {"x": x})[0]
    np.testing.assert_allclose(found, expected, atol=step * float(scales.max()))


def test_a_bias_too_large_for_int32_is_added_in_float32(tmp_path) -> None:
    graph = one_product(np.full((16, 16), 1e-9, np.float32), np.full(16, 7, np.float32))
    changed = quantized(graph, list(find_layers(graph).values()), Form(ranges={"x": (0.0, 1.0)}))
    assert [node.operator for node in changed.nodes][-2:] == ["Add", "Identity"]
    found = answers(changed, tmp_path, np.ones((2, 16), np.float32))
    np.testing.assert_allclose(found, 7, rtol=1e-6)


def test_seven_bits_leave_the_largest_values_out(exported) -> None:
    graph = read_graph(exported("base") / "onnx/model.onnx")
    changed = quantized(graph, list(find_layers(graph).values()), Form(bits=7))
    values = [a for a in changed.constants.values() if a.dtype == np.int8]
    assert max(int(np.abs(a.astype(int)).max()) for a in values) == 63


def test_a_channel_without_weights_keeps_its_bias(tmp_path) -> None:
    weight = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    weight[:, 3] = 0
    graph = one_product(weight, np.full(16, 0.4321, np.float32))
    changed = quantized(graph, list(find_layers(graph).values()), Form(ranges={"x": (0.0, 50.0)}))
    found = answers(changed, tmp_path, np.ones((2, 16), np.float32))
    np.testing.assert_allclose(found[:, 3], 0.4321, atol=1e-3)
    graph.constants["w.weight"] = np.zeros_like(weight)
    changed = quantized(graph, list(find_layers(graph).values()), Form(ranges={"x": (0.0, 50.0)}))
    found = answers(changed, tmp_path, np.ones((2, 16), np.float32))
    np.testing.assert_allclose(found, 0.4321, atol=1e-3)


@pytest.mark.parametrize("limits", [(0.0, 0.0), (3.0, 3.0), (-2.0, -2.0), (0.0, 1e-44)])
def test_a_range_of_one_value_is_no_fault(tmp_path, limits: tuple[float, float]) -> None:
    graph = one_product(np.eye(16, dtype=np.float32), np.zeros(16, np.float32))
    changed = quantized(graph, list(find_layers(graph).values()), Form(ranges={"x": limits}))
    x = np.full((1, 16), limits[0], np.float32)
    np.testing.assert_allclose(answers(changed, tmp_path, x), x, rtol=1e-2)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_floating_point_weights_are_stored_once_and_become_float32(exported, dtype: str) -> None:
    graph = read_graph(exported("masked_lm") / "onnx/model.onnx")
    layers = find_layers(graph)
    changed = quantized(graph, list(layers.values()), Form(dtype=dtype))
    for layer in layers.values():
        assert layer.weight not in changed.constants
        stored = changed.constants[f"{layer.name}.{dtype}"]
        assert (stored.dtype.name, stored.shape) == (dtype, graph.constants[layer.weight].shape)
    kinds = Counter(node.operator for node in changed.nodes)
    before = Counter(node.operator for node in graph.nodes)
    assert kinds["Cast"] == before["Cast"] + len(layers) + 1  # the tied table has two readers
    layer = layers["vocab_transform"]
    graph.constants[layer.weight] = np.full_like(graph.constants[layer.weight], 1e6)
    if dtype == "float16":
        with pytest.raises(CheckpointError, match=r"too large for float16\. Use bfloat16"):
            quantized(graph, [layer], Form(dtype=dtype))


def test_a_runtime_that_finds_integers_gets_weights_and_biases_in_plain_operators(
    exported,
) -> None:
    graph = read_graph(exported("sequence_classification") / "onnx/model.onnx")
    layers = find_layers(graph)
    for ranges in (None, wide_ranges(layers)):
        form = Form(ranges=ranges, finds_integers=True)
        kinds = Counter(n.operator for n in quantized(graph, list(layers.values()), form).nodes)
        assert kinds["Gemm"] == Counter(n.operator for n in graph.nodes)["Gemm"]
        assert kinds["MatMulInteger"] == kinds["DynamicQuantizeLinear"] == 0
        n_inputs = len({node.inputs[0] for layer in layers.values() for node in layer.nodes}) - 1
        assert kinds["QuantizeLinear"] == (0 if ranges is None else n_inputs)
