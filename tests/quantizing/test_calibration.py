"""Ranges of activations, and texts that cannot give any."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from distilbert import AutoTokenizer
from distilbert.errors import DataError, InputError
from distilbert.exporting.graph import Graph
from distilbert.quantizing.calibration import (
    MOST_TEXTS,
    check_known,
    largest_of_channels,
    measure_ranges,
)
from distilbert.quantizing.layers import find_layers
from distilbert.quantizing.reading import read_graph
from distilbert.runtimes.file_runner import FileRunner

SEQUENCES = [np.array([2, 7, 9, 11, 3]), np.array([2, 8, 3])]
Opened = Callable[[Graph], FileRunner]


@pytest.fixture
def opener(job) -> Callable[[str], Opened]:
    """What opens graphs with the inputs and outputs of a head."""
    return lambda head: job(head).open


@pytest.mark.parametrize("head", ["base", "multiple_choice"])
def test_minmax_is_the_range_of_what_the_layers_multiply(exported, opener, head: str) -> None:
    graph, open_graph = read_graph(exported(head) / "onnx/model.onnx"), opener(head)
    names = sorted({name for layer in find_layers(graph).values() for name in layer.inputs})
    found = measure_ranges(graph, names, SEQUENCES, kind="minmax", open_graph=open_graph)
    assert list(found) == names
    graph.outputs |= dict.fromkeys(names, (np.float32, None))
    runner = open_graph(graph)
    shape = (1, 1, -1) if head == "multiple_choice" else (1, -1)
    batches = [{"input_ids": ids.reshape(shape)} for ids in SEQUENCES]
    for i, name in enumerate(names):
        values = [runner.compute_all(names, batch)[i] for batch in batches]
        ends = (min(v.min() for v in values), max(v.max() for v in values))
        assert found[name] == pytest.approx(ends)


def test_percentiles_are_means_over_texts_and_leave_out_few_values(exported, opener) -> None:
    graph = read_graph(exported("base") / "onnx/model.onnx")
    name = find_layers(graph)["transformer.layer.1.ffn.lin2"].inputs[0]
    how = {"open_graph": opener("base")}
    per_text = [
        measure_ranges(graph, [name], [ids], kind="minmax", **how)[name] for ids in SEQUENCES
    ]
    found = measure_ranges(graph, [name], SEQUENCES, kind="percentile", **how)
    # So short texts have no ten thousandth value to leave out.
    assert found[name] == pytest.approx(np.mean(per_text, axis=0))
    long = [np.arange(64) % 40 + 5] * 5
    wide = measure_ranges(graph, [name], long, kind="minmax", **how)[name]
    narrow = measure_ranges(graph, [name], long, kind="percentile", **how)[name]
    assert wide[0] <= narrow[0] < narrow[1] <= wide[1]


def test_the_largest_of_each_channel(exported, opener) -> None:
    graph, open_graph = read_graph(exported("base") / "onnx/model.onnx"), opener("base")
    name = find_layers(graph)["transformer.layer.0.ffn.lin1"].inputs[0]
    found = largest_of_channels(graph, [name], SEQUENCES, open_graph=open_graph)[name]
    low, high = measure_ranges(graph, [name], SEQUENCES, kind="minmax", open_graph=open_graph)[name]
    assert found.shape == (32,)
    assert found.max() == pytest.approx(max(-low, high))


def test_only_the_first_texts_are_used(exported, opener) -> None:
    graph = read_graph(exported("base") / "onnx/model.onnx")
    name = find_layers(graph)["transformer.layer.0.ffn.lin1"].inputs[0]
    how = {"open_graph": opener("base"), "kind": "minmax"}
    first, other = SEQUENCES[1], np.array([2, *range(20, 40), 3])
    found = measure_ranges(graph, [name], [first] * MOST_TEXTS + [other], **how)
    assert found == measure_ranges(graph, [name], [first], **how)


def test_texts_of_unknown_words_are_refused(exported) -> None:
    tokenizer = AutoTokenizer.from_pretrained(exported("base"))
    unknown = [np.array(tokenizer("日本 ☃ [MASK]")["input_ids"])]
    for sequences in (unknown, []):
        with pytest.raises(DataError, match="those given have none but unknown ones"):
            check_known(sequences, tokenizer)
    check_known([*unknown, np.array(tokenizer("cat")["input_ids"])], tokenizer)


def test_activations_that_are_not_numbers_are_refused(exported, opener) -> None:
    graph = read_graph(exported("base") / "onnx/model.onnx")
    layers = find_layers(graph)
    name = layers["transformer.layer.1.ffn.lin2"].inputs[0]
    bias = "transformer.layer.1.ffn.lin1.bias"
    graph.constants[bias] = np.full_like(graph.constants[bias], np.nan)
    with pytest.raises(InputError, match=f"must compute finite values: {name} has others"):
        largest_of_channels(graph, [name], SEQUENCES, open_graph=opener("base"))
