"""The runner of exported files: the protocol, and files of other programs, in every runtime."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from exports import CONVERTED, graph_runner, open_file, tiny_weights
from onnx import TensorProto, helper
from stand_ins import small_config

from distilbert._lazy import RUNTIMES
from distilbert.errors import CheckpointError, InputError, TokenIdError
from distilbert.heads import HEADS
from distilbert.runner import Runner
from distilbert.runtimes.file_runner import FileRunner, Value

CONFIG = small_config(initializer_range=0.2)


@pytest.fixture(params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=CONVERTED)
def converter(request: pytest.FixtureRequest) -> str:
    """A runtime of ONNX graphs."""
    return request.param


def runner_of(folder: Path, runtime: str, head: str) -> FileRunner:
    return graph_runner(folder, CONFIG, head, tiny_weights(CONFIG, head), runtime=runtime)


@pytest.mark.parametrize("head", HEADS)
def test_a_batch_without_tokens_gives_empty_outputs(
    tmp_path: Path, runtime: str, head: str
) -> None:
    runner = runner_of(tmp_path, runtime, head)
    assert isinstance(runner, Runner)
    shape = (0, 2, 5) if head == "multiple_choice" else (0, 5)
    sizes = {"B": 0, "C": 2, "S": 5, "D": 32, "V": CONFIG.vocab_size, "N": 2}
    found = runner.run_batch({"input_ids": np.zeros(shape, np.int64)})
    for name, axes in HEADS[head].outputs.items():
        assert found[name].shape == tuple(sizes[axis] for axis in axes)
        assert found[name].dtype == np.float32


@pytest.mark.parametrize("head", ["token_classification", "masked_lm"])
def test_only_wanted_tokens_are_returned_and_any_mask_but_0_is_visible(
    tmp_path: Path, runtime: str, head: str
) -> None:
    runner = runner_of(tmp_path, runtime, head)
    ids = np.array([[5, 6, 7], [8, 9, 0]])
    mask = np.array([[1, 1, 1], [1, 1, 0]])
    wanted = np.array([[True, False, True], [False, True, False]])
    full = runner.run_batch({"input_ids": ids, "attention_mask": mask})["logits"]
    batch = {"input_ids": ids.astype(np.int32), "attention_mask": (mask * 7).astype(np.uint8)}
    for few in (wanted, ~wanted, wanted | True, wanted & False):
        found = runner.run_batch(batch, wanted=few)["logits"]
        np.testing.assert_allclose(found, full[few], atol=1e-6)
    without = runner.run_batch({"input_ids": ids})["logits"]
    ones = runner.run_batch({"input_ids": ids, "attention_mask": np.ones_like(ids)})["logits"]
    np.testing.assert_array_equal(without, ones)


def test_a_masked_lm_computes_no_logits_but_the_wanted_ones(
    tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = runner_of(tmp_path, runtime, "masked_lm")
    assert runner.session.has_wanted == (runtime not in ("tflite", "pt2"))
    assert {*runner.session.inputs} == {"input_ids", "attention_mask"}
    sizes: list[int] = []
    compute = runner.session.run

    def counted(names: Any, feeds: Any) -> list[np.ndarray]:
        values = compute(names, feeds)
        sizes.extend(value.size for value in values)
        return values

    monkeypatch.setattr(runner.session, "run", counted)
    wanted = np.zeros((4, 9), bool)
    wanted[1, 2] = wanted[3, 0] = True
    runner.run_batch({"input_ids": np.full((4, 9), 7)}, wanted=wanted)
    assert sizes == [(2 if runner.session.has_wanted else 4 * 9) * CONFIG.vocab_size]


def test_wanted_tokens_change_nothing_where_a_row_has_one_answer(
    tmp_path: Path, runtime: str
) -> None:
    runner = runner_of(tmp_path, runtime, "sequence_classification")
    batch = {"input_ids": np.array([[5, 6, 7], [8, 9, 0]])}
    found = runner.run_batch(batch, wanted=np.eye(2, 3, dtype=bool))["logits"]
    np.testing.assert_array_equal(found, runner.run_batch(batch)["logits"])


def test_a_row_of_padding_is_finite_and_changes_no_other_row(tmp_path: Path, runtime: str) -> None:
    runner = runner_of(tmp_path, runtime, "sequence_classification")
    ids, mask = np.array([[5, 6, 7], [8, 9, 10]]), np.array([[1, 1, 1], [0, 0, 0]])
    found = runner.run_batch({"input_ids": ids, "attention_mask": mask})["logits"]
    assert np.isfinite(found).all()
    alone = runner.run_batch({"input_ids": ids[:1], "attention_mask": mask[:1]})["logits"]
    np.testing.assert_allclose(found[:1], alone, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ({"input_ids": np.array([[1, 999]])}, TokenIdError, "between 0 and 85: got 1 to 999"),
        ({"input_ids": np.ones((1, 65), np.int64)}, TokenIdError, "got 65 tokens, at most 64"),
        ({"input_ids": np.ones((1, 2)), "x": 1}, InputError, "got input_ids, x"),
        ({"input_ids": np.ones((1, 2))}, InputError, "must hold integers"),
    ],
)
def test_a_wrong_batch_is_named_as_in_every_framework(
    tmp_path, runtime, batch, error, text
) -> None:
    with pytest.raises(error, match=text):
        runner_of(tmp_path, runtime, "base").run_batch(batch)


@pytest.mark.parametrize("wanted", [np.ones((1, 2), bool), np.ones((1, 3), np.int64)], ids=str)
def test_wanted_tokens_of_another_shape_or_type_are_refused(
    tmp_path: Path, runtime: str, wanted: np.ndarray
) -> None:
    runner = runner_of(tmp_path, runtime, "masked_lm")
    with pytest.raises(InputError, match="`wanted` must hold one bool per token: got"):
        runner.run_batch({"input_ids": np.ones((1, 3), np.int64)}, wanted=wanted)


def test_threads_share_a_runner(tmp_path: Path, runtime: str) -> None:
    runner = runner_of(tmp_path, runtime, "base")
    batches = [{"input_ids": np.full((2, n), n)} for n in range(5, 13)]
    expected = [runner.run_batch(batch)["last_hidden_state"] for batch in batches]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(20):
            found = runner.run_batch(batches[i])["last_hidden_state"]
            if not np.array_equal(found, expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def foreign(path: Path, *, inputs: dict[str, Any], outputs: dict[str, Any], **more: Any) -> Path:
    """A file that takes `inputs`, and whose every output is the ids, expanded to its axes."""
    kind = more.pop("kind", TensorProto.INT64)
    first, *others = [f"{name}_float" for name in inputs]
    nodes = [
        *(helper.make_node("Cast", [n], [f"{n}_float"], to=TensorProto.FLOAT) for n in inputs),
        *(helper.make_node("Mul", [name, "zero"], [f"{name}_0"]) for name in others),
        helper.make_node("Sum", [first, *(f"{name}_0" for name in others)], ["ids"]),
        helper.make_node("Unsqueeze", ["ids", "two"], ["column"]),
        *(helper.make_node("Mul", ["column", f"{name}_ones"], [name]) for name in outputs),
    ]
    tensors = [
        helper.make_tensor("two", TensorProto.INT64, [1], [2]),
        helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0]),
    ]
    for name, axes in outputs.items():
        size = axes[-1]
        tensors.append(helper.make_tensor(f"{name}_ones", TensorProto.FLOAT, [size], [1.0] * size))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, axes) for name, axes in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, axes) for n, axes in outputs.items()],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


ANY = {"input_ids": ["B", "S"], "attention_mask": ["B", "S"]}


@pytest.mark.parametrize("has_token_types", [False, True])
def test_a_file_of_another_exporter_runs_if_inputs_and_outputs_fit(
    tmp_path: Path, converter: str, has_token_types: bool
) -> None:
    path = tmp_path / "m.onnx"
    outputs = {"token_embeddings": ["B", "S", 32], "something_else": ["B", "S", 3]}
    inputs = {**ANY, "token_type_ids": ["B", "S"]} if has_token_types else ANY
    foreign(path, inputs=inputs, outputs=outputs, kind=TensorProto.INT32)
    runner = open_file(converter, CONVERTED[converter](path), CONFIG, "base")
    found = runner.run_batch({"input_ids": np.array([[5, 6]])})
    assert list(found) == ["last_hidden_state"]
    np.testing.assert_array_equal(found["last_hidden_state"][0, :, 0], [5.0, 6.0])


@pytest.mark.parametrize(
    ("inputs", "outputs", "head", "text"),
    [
        (
            {**ANY, "position_ids": ["B", "S"]},
            {"last_hidden_state": ["B", "S", 32]},
            "base",
            "must take input_ids and attention_mask.*position_ids",
        ),
        (ANY, {"logits": ["B", "S", 4]}, "token_classification", r"must compute logits .*4\]"),
        (ANY, {"logits": ["B", "S", 2]}, "sequence_classification", "must compute logits"),
        (ANY, {"logits": ["B", "S", 2]}, "question_answering", "must compute start_logits"),
        (ANY, {"logits": ["B", "S", 1]}, "multiple_choice", "with the axes"),
        (
            {"input_ids": ["B", 16], "attention_mask": ["B", 16]},
            {"last_hidden_state": ["B", 16, 32]},
            "base",
            "must take batches of any size, or all of one.*Export it with dynamic axes",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named(
    tmp_path, converter, inputs, outputs, head, text
) -> None:
    path = foreign(tmp_path / "m.onnx", inputs=inputs, outputs=outputs)
    with pytest.raises(CheckpointError, match=text):
        open_file(converter, CONVERTED[converter](path), CONFIG, head)


@pytest.mark.parametrize("shape", [(0, 32), (-1, 32), (1, 0), (10**9, 128), (2**17, 129)])
def test_fixed_sizes_that_no_batch_has_are_refused(shape: tuple[int, int]) -> None:
    ids = Value("int64", np.int64, shape)
    session = SimpleNamespace(
        kind="An ONNX file",
        inputs={"input_ids": ids, "attention_mask": ids},
        outputs={"last_hidden_state": Value("float", None, (*shape, 32))},
    )
    text = r"sizes from 1 on, and at most 16,777,216 tokens in all: m\.onnx takes \["
    with pytest.raises(CheckpointError, match=text):
        FileRunner(session, Path("m.onnx"), CONFIG, "base", preferred_batch_tokens=1)  # type: ignore[arg-type]


def test_another_output_is_computed_by_its_name(tmp_path: Path, runtime: str) -> None:
    weights = tiny_weights(CONFIG, "base")
    runner = graph_runner(tmp_path, CONFIG, "base", weights, runtime=runtime, pooling="cls")
    batch = {"input_ids": np.array([[5, 6, 7], [8, 9, 10]])}
    vectors = runner.compute("sentence_embedding", batch)
    states = runner.run_batch(batch)["last_hidden_state"]
    np.testing.assert_allclose(vectors, states[:, 0], atol=1e-6)


def test_answers_are_the_same_whatever_was_computed_before(tmp_path: Path, runtime: str) -> None:
    runner = runner_of(tmp_path, runtime, "base")
    drawn = np.random.default_rng(3)
    batches = [
        {"input_ids": drawn.integers(1, 80, (n_rows, length))}
        for n_rows, length in drawn.integers(1, 20, (30, 2))
    ]
    first = [runner.run_batch(batch)["last_hidden_state"] for batch in batches]
    for batch, expected in zip(reversed(batches), reversed(first), strict=True):
        np.testing.assert_array_equal(runner.run_batch(batch)["last_hidden_state"], expected)


def test_a_closed_runner_has_no_session(tmp_path: Path, runtime: str) -> None:
    runner = runner_of(tmp_path, runtime, "base")
    runner.run_batch({"input_ids": np.array([[5, 6, 7]])})
    runner.close()
    assert not hasattr(runner, "session")
