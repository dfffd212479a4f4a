"""Graphs of every head answer as PyTorch, from standard operators alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exports import graph_runner, tiny_weights, write_graph
from stand_ins import small_config
from tolerances import HALF, OUTPUT, assert_close

from distilbert.exporting.operators import MAX_OPSET, MIN_OPSET
from distilbert.heads import HEADS
from distilbert.torch.heads import MODEL_CLASSES
from distilbert.torch.runner import TorchRunner

LENGTHS = {
    "padded": [9, 4, 1],
    "equal": [6, 6],
    "one row": [7],
    "one token": [1],
    "full length": [64],
}


def batch_of(lengths: list[int], head: str) -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(2).integers(5, 80, (len(lengths), max(lengths)))
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    batch = {"input_ids": drawn, "attention_mask": mask}
    if head == "multiple_choice":
        return {name: np.stack([array, array[::-1]], axis=1) for name, array in batch.items()}
    return batch


def torch_runner(config: Any, head: str, weights: Any) -> TorchRunner:
    model = MODEL_CLASSES[head](config)
    model.load_state_dict({n: torch.tensor(a) for n, a in weights.items()}, strict=False)
    model.tie_weights()
    return TorchRunner(model)


def assert_equal_to_torch(
    folder: Path, config: Any, head: str, *, tolerance: Any = OUTPUT, **options: Any
) -> None:
    weights = tiny_weights(config, head)
    ours, theirs = graph_runner(folder, config, head, weights, **options), None
    theirs = torch_runner(config, head, weights)
    for kind, lengths in LENGTHS.items():
        batch = batch_of(lengths, head)
        found, expected = ours.run_batch(batch), theirs.run_batch(batch)
        assert list(found) == list(expected)
        for name, axes in HEADS[head].outputs.items():
            chosen = batch["attention_mask"] != 0 if "S" in axes else slice(None)
            assert found[name].dtype == np.float32
            assert_close(found[name][chosen], expected[name][chosen], tolerance, f"{kind} {name}")


@pytest.mark.parametrize("opset", [MIN_OPSET, 20, MAX_OPSET])
@pytest.mark.parametrize("head", HEADS)
def test_every_head_answers_as_pytorch(tmp_path: Path, head: str, opset: int) -> None:
    config = small_config(initializer_range=0.2, num_labels=3 if "classification" in head else 2)
    assert_equal_to_torch(tmp_path, config, head, opset=opset)


@pytest.mark.parametrize(
    ("head", "changes"),
    [
        ("base", {"pruned_heads": {0: [1, 2], 1: [3]}}),
        ("sequence_classification", {"pruned_heads": {0: [0, 1, 2, 3], 1: [0]}}),
        ("base", {"sinusoidal_pos_embds": True}),
        ("masked_lm", {"activation": "gelu_new"}),
        ("masked_lm", {"tie_word_embeddings": False, "activation": "relu"}),
        ("token_classification", {"activation": "silu", "n_layers": 1}),
        ("multiple_choice", {"n_layers": 0}),
        ("question_answering", {"chunk_size_feed_forward": 3}),
        ("sequence_classification", {"num_labels": 1, "problem_type": "regression", "n_heads": 1}),
    ],
    ids=str,
)
@pytest.mark.parametrize("opset", [20, MAX_OPSET])
def test_every_shape_and_setting_is_exported_as_it_is(
    tmp_path: Path, head: str, changes: dict[str, Any], opset: int
) -> None:
    config = small_config(initializer_range=0.2, **changes)
    assert_equal_to_torch(tmp_path, config, head, opset=opset)


@pytest.mark.parametrize("head", ["base", "masked_lm"])
def test_weights_stored_as_float16_answer_within_its_tolerance(tmp_path: Path, head: str) -> None:
    config = small_config(initializer_range=0.2)
    tolerance = HALF["float16"]
    assert_equal_to_torch(tmp_path, config, head, tolerance=tolerance, storage="float16")
    weights = tiny_weights(config, head)
    halved = write_graph(tmp_path, config, head, weights, storage="float16").stat().st_size
    assert halved < 0.6 * write_graph(tmp_path, config, head, weights).stat().st_size


def operators_of(path: Path, session: bool = False) -> Counter[str]:
    """The operators in a file, or those that onnxruntime makes of them."""
    if session:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(path.with_suffix(".optimized.onnx"))
        onnxruntime.InferenceSession(str(path), options)
        path = Path(options.optimized_model_filepath)
    nodes = onnx.load(path).graph.node
    return Counter(f"{n.domain}:{n.op_type}" if n.domain else n.op_type for n in nodes)


def test_a_layer_is_a_few_standard_operators(tmp_path: Path) -> None:
    config = small_config(n_layers=3)
    weights = tiny_weights(config, "base")
    plain = operators_of(write_graph(tmp_path, config, "base", weights))
    assert not [name for name in plain if ":" in name]
    assert plain["Gemm"] == 3 * 4  # query, key and value are one
    assert plain["Gelu"] == plain["Softmax"] == 3
    assert plain["LayerNormalization"] == 1 + 2 * 3
    newest = operators_of(write_graph(tmp_path, config, "base", weights, opset=MAX_OPSET))
    assert newest["Attention"] == 3
    assert "Softmax" not in newest
    onnx.checker.check_model(str(tmp_path / "base.onnx"), full_check=True)


@pytest.mark.parametrize("opset", [MIN_OPSET, 20])
def test_onnxruntime_fuses_what_the_operators_leave(tmp_path: Path, opset: int) -> None:
    """The scale of attention becomes a part of its product; Erf and its factors become Gelu."""
    config = small_config(n_layers=3)
    path = write_graph(tmp_path, config, "base", tiny_weights(config, "base"), opset=opset)
    optimized = operators_of(path, session=True)
    assert optimized["com.microsoft:FusedMatMul"] == 3
    assert optimized["com.microsoft:Gelu"] + optimized["Gelu"] == 3
    assert not {"Erf", "Mul", "Div"} & optimized.keys()


def test_the_last_layer_of_a_classifier_computes_first_tokens_only(tmp_path: Path) -> None:
    config = small_config(n_layers=2)
    head = "sequence_classification"
    path = write_graph(tmp_path, config, head, tiny_weights(config, head))
    names = operators_of(path)
    assert names["Gemm"] == 4 + 5 + 2  # the query alone in the last layer, and the head
    assert names["Gather"] == 2  # words, and the first tokens


def test_a_tied_projection_is_stored_once(tmp_path: Path) -> None:
    config = small_config()
    path = write_graph(tmp_path, config, "masked_lm", tiny_weights(config, "masked_lm"))
    shapes = [tuple(one.dims) for one in onnx.load(path).graph.initializer]
    assert shapes.count((config.vocab_size, config.dim)) == 1
