"""The torch runner: NumPy in, float32 NumPy out, every wrong batch named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distilbert import (
    DistilBertForMaskedLM,
    DistilBertForMultipleChoice,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
    DistilBertModel,
)
from distilbert.checkpoint import format_safetensors, int8_rows
from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import CheckpointError, InputError, TokenIdError
from distilbert.runner import CPU_BATCH_TOKENS
from distilbert.torch import runner as runner_module
from distilbert.torch.int8 import int8_layers
from distilbert.torch.runner import TorchRunner, load_runner


def test_answers_are_those_of_the_model_in_float32(config, ids, mask):
    model = DistilBertModel(config)
    runner = TorchRunner(model)
    got = runner.run_batch(
        {"input_ids": ids.numpy(), "attention_mask": mask.numpy().astype(np.int32)}
    )
    with torch.no_grad():
        expected = model(ids, mask).last_hidden_state
    assert list(got) == ["last_hidden_state"]
    assert got["last_hidden_state"].dtype == np.float32
    visible = mask.numpy() != 0
    np.testing.assert_allclose(
        got["last_hidden_state"][visible], expected.numpy()[visible], atol=1e-6
    )
    assert not model.training


@pytest.mark.parametrize(
    "model_class",
    [
        DistilBertModel,
        DistilBertForMaskedLM,
        DistilBertForTokenClassification,
        DistilBertForQuestionAnswering,
    ],
)
def test_only_outputs_of_the_wanted_tokens_are_computed(config, ids, mask, model_class):
    runner = TorchRunner(model_class(config))
    batch = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    wanted = np.zeros(ids.shape, dtype=bool)
    wanted[0, [1, 4]] = wanted[2, 0] = True
    everything = runner.run_batch(batch)
    chosen = runner.run_batch(batch, wanted=wanted)
    assert list(chosen) == list(everything)
    for name, array in chosen.items():
        np.testing.assert_allclose(array, everything[name][wanted], atol=1e-6)
    if model_class is DistilBertForMaskedLM:
        shapes = []
        runner.model.vocab_projector.register_forward_hook(
            lambda module, inputs, output: shapes.append(tuple(output.shape))
        )
        runner.run_batch(batch, wanted=wanted)
        assert shapes == [(3, config.vocab_size)]


def test_a_users_own_class_is_asked_for_the_wanted_tokens_too(config, ids):
    class Own(DistilBertModel):
        pass

    wanted = ids.numpy() > 50
    runner = TorchRunner(Own(config))
    everything = runner.run_batch({"input_ids": ids.numpy()})["last_hidden_state"]
    chosen = runner.run_batch({"input_ids": ids.numpy()}, wanted=wanted)["last_hidden_state"]
    np.testing.assert_array_equal(chosen, everything[wanted])


def test_rows_that_begin_with_padding_or_hold_nothing_else_answer_as_the_model(config, ids):
    mask = torch.ones_like(ids)
    mask[0, :3] = mask[1] = 0
    model = DistilBertForTokenClassification(config).eval()
    with torch.no_grad():
        expected = model(ids, mask).logits.numpy()
    batch = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    np.testing.assert_allclose(TorchRunner(model).run_batch(batch)["logits"], expected, atol=1e-6)


@pytest.mark.parametrize(("lengths", "packs"), [([30], False), ([30, 30], False), ([30, 3], True)])
def test_a_batch_is_packed_only_where_that_saves_work(
    config, lengths: list[int], packs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = DistilBertModel(config).eval()
    mask = (np.arange(30) < np.array(lengths)[:, None]).astype(np.int64)
    ids = np.random.default_rng(0).integers(1, 99, mask.shape)
    calls = []
    original = DistilBertModel.encode_packed

    def counted(*given: Any, **options: Any) -> Any:
        calls.append(given)
        return original(*given, **options)

    monkeypatch.setattr(DistilBertModel, "encode_packed", counted)
    found = TorchRunner(model).run_batch({"input_ids": ids, "attention_mask": mask})
    assert bool(calls) == packs
    expected = model(torch.tensor(ids), torch.tensor(mask), return_dict=True).last_hidden_state
    real = mask == 1
    np.testing.assert_allclose(
        found["last_hidden_state"][real], expected.detach().numpy()[real], atol=1e-5
    )


def test_a_closed_runner_holds_no_model(config):
    runner = TorchRunner(DistilBertModel(config))
    runner.close()
    assert not hasattr(runner, "model")


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there_is_named(config, device):
    with pytest.raises(InputError, match=f"`device` must be one that .* got '{device}'"):
        TorchRunner(DistilBertModel(config), device=device)


def test_without_a_mask_every_token_counts_padding_id_or_not(config, ids):
    runner = TorchRunner(DistilBertModel(config))
    numbers = ids.numpy().copy()
    numbers[0, 3] = config.pad_token_id
    full = runner.run_batch({"input_ids": numbers, "attention_mask": np.ones_like(numbers)})
    np.testing.assert_array_equal(
        runner.run_batch({"input_ids": numbers})["last_hidden_state"], full["last_hidden_state"]
    )


def test_heads_give_their_own_arrays(config, ids):
    qa = TorchRunner(DistilBertForQuestionAnswering(config)).run_batch({"input_ids": ids.numpy()})
    assert {name: array.shape for name, array in qa.items()} == {
        "start_logits": (3, 7),
        "end_logits": (3, 7),
    }
    choices = TorchRunner(DistilBertForMultipleChoice(config)).run_batch(
        {"input_ids": ids.numpy()[None]}
    )
    assert choices["logits"].shape == (1, 3)


@pytest.mark.parametrize("n_layers", [0, 1, 3])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_heads_of_the_first_token_answer_as_the_whole_model(config, ids, mask, attention, n_layers):
    config.n_layers, config.num_labels = n_layers, 5
    config._attn_implementation = attention
    mask = mask.clone()
    mask[-1] = 0  # a row without any visible token
    batch = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    classifier = DistilBertForSequenceClassification(config).eval()
    chooser = DistilBertForMultipleChoice(config).eval()
    with torch.no_grad():
        wanted = classifier(ids, mask).logits.numpy()
        chosen = chooser(ids[None], mask[None]).logits.numpy()
    np.testing.assert_allclose(
        TorchRunner(classifier).run_batch(batch)["logits"], wanted, atol=1e-6
    )
    choices = {name: array[None] for name, array in batch.items()}
    np.testing.assert_allclose(TorchRunner(chooser).run_batch(choices)["logits"], chosen, atol=1e-6)


@pytest.mark.parametrize("n_blocks", [1, 5])
def test_blocks_may_be_other_than_the_config_says(config, ids, n_blocks):
    config.n_layers = n_blocks
    blocks = DistilBertModel(config).eval().transformer.layer
    config.n_layers = 3
    model = DistilBertForSequenceClassification(config).eval()
    model.distilbert.transformer.layer = blocks
    with torch.no_grad():
        states = model.distilbert.embeddings(ids)
        for block in blocks:
            states, _ = block(states)
        wanted = model.compute_logits(states).numpy()
    found = TorchRunner(model).run_batch({"input_ids": ids.numpy()})["logits"]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_a_callers_own_forward_is_used(config, ids):
    class Own(DistilBertForSequenceClassification):
        def forward(self, *given, **options):
            output: Any = super().forward(*given, **options)
            output.logits = output.logits + 7
            return output

    torch.manual_seed(3)
    own = Own(config).eval()
    plain = DistilBertForSequenceClassification(config)
    plain.load_state_dict(own.state_dict())
    batch = {"input_ids": ids.numpy()}
    difference = (
        TorchRunner(own).run_batch(batch)["logits"] - TorchRunner(plain).run_batch(batch)["logits"]
    )
    np.testing.assert_allclose(difference, 7, atol=1e-5)


def test_half_precision_is_chosen_here_and_answers_stay_float32(config, ids):
    runner = TorchRunner(DistilBertModel(config), dtype="bfloat16")
    assert runner.model.dtype is torch.bfloat16
    assert runner.run_batch({"input_ids": ids.numpy()})["last_hidden_state"].dtype == np.float32
    for dtype in ("int8", "float31"):
        with pytest.raises(InputError, match="`dtype` must be a floating type"):
            TorchRunner(DistilBertModel(config), dtype=dtype)


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ({"attention_mask": np.ones((1, 2), int)}, InputError, "A batch must hold `input_ids`"),
        ({"input_ids": np.ones((1, 2), int), "x": 1}, InputError, "got input_ids, x"),
        ({"input_ids": np.ones((1, 2))}, InputError, "`input_ids` must hold integers, with 2 axes"),
        ({"input_ids": np.ones(2, int)}, InputError, "with 2 axes"),
        (
            {"input_ids": np.ones((1, 2), int), "attention_mask": np.ones((1, 3), int)},
            InputError,
            "`attention_mask` must hold integers",
        ),
        ({"input_ids": np.full((1, 2), 99)}, TokenIdError, "between 0 and 98: got 99 to 99"),
        ({"input_ids": np.full((1, 2), -1)}, TokenIdError, "between 0 and 98: got -1 to -1"),
        ({"input_ids": np.ones((1, 41), int)}, TokenIdError, "got 41 tokens, at most 40"),
    ],
)
def test_a_wrong_batch_is_named(config, batch, error, text):
    with pytest.raises(error, match=text):
        TorchRunner(DistilBertModel(config)).run_batch(batch)


def test_prepacked_weights_follow_the_model(config, ids, mask):
    model = DistilBertForTokenClassification(config)
    runner, plain = TorchRunner(model, prepack=True), TorchRunner(model)
    batch = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    visible = mask.numpy() != 0

    def assert_same() -> np.ndarray:
        got, expected = (one.run_batch(batch)["logits"] for one in (runner, plain))
        np.testing.assert_allclose(got[visible], expected[visible], atol=1e-5)
        return got

    before = assert_same()
    with torch.no_grad():
        model.distilbert.transformer.layer[0].ffn.lin1.weight.mul_(-3)
    assert not np.allclose(assert_same(), before, atol=1e-3)
    calls = []
    model.distilbert.transformer.layer[0].register_forward_hook(lambda *given: calls.append(1))
    runner.run_batch(batch)
    assert calls  # the user's hook is called


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Two threads for batches as small as those of tests; collects the number of parts."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(runner_module, "MIN_PART_TOKENS", 2)
    monkeypatch.setattr(runner_module, "GAIN_OF_PARTS", 10)
    found: list[int] = []
    original = runner_module.map_on_cores

    def counted(function: Any, items: Any) -> Any:
        found.append(len(items))
        return original(function, items)

    monkeypatch.setattr(runner_module, "map_on_cores", counted)
    yield found
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "model_class",
    [
        DistilBertModel,
        DistilBertForMaskedLM,
        DistilBertForTokenClassification,
        DistilBertForQuestionAnswering,
        DistilBertForSequenceClassification,
        DistilBertForMultipleChoice,
    ],
)
def test_rows_that_threads_compute_answer_as_the_whole_batch(config, model_class, parts):
    model = model_class(config)
    rng = np.random.default_rng(0)
    shape = (6, 2, 9) if model_class is DistilBertForMultipleChoice else (6, 9)
    ids = rng.integers(1, 99, shape)
    mask = np.arange(9) < rng.integers(1, 10, shape[:-1])[..., None]
    mask[1] = False  # a row of nothing
    batch = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
    threaded, plain = TorchRunner(model, prepack=True), TorchRunner(model)
    asked = [None] if len(shape) == 3 else [None, mask & (ids > 50)]
    for wanted in asked:
        got, expected = (one.run_batch(batch, wanted=wanted) for one in (threaded, plain))
        assert list(got) == list(expected)
        for name, array in got.items():
            per_token = array.shape[:2] == shape and wanted is None
            seen = mask if per_token else np.ones(len(array), bool)
            np.testing.assert_allclose(array[seen], expected[name][seen], atol=1e-5)
    assert parts == [2] * len(asked)


def test_one_runner_answers_many_threads(config, parts):
    runner = TorchRunner(DistilBertForTokenClassification(config), prepack=True)
    rng = np.random.default_rng(0)
    batches = [{"input_ids": rng.integers(1, 99, (n, 5))} for n in (1, 2, 3, 8, 20) for _ in "ab"]
    expected = [runner.run_batch(batch)["logits"] for batch in batches]
    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(runner.run_batch, batches * 4))
    for got, wanted in zip(found, expected * 4, strict=True):
        np.testing.assert_allclose(got["logits"], wanted, atol=1e-6)


def test_a_batch_has_room_for_every_thread(config, parts):
    model = DistilBertModel(config)
    assert TorchRunner(model, prepack=True).preferred_batch_tokens == 2 * CPU_BATCH_TOKENS
    assert TorchRunner(model).preferred_batch_tokens == CPU_BATCH_TOKENS


def quantized(folder: Path, model: Any, ranges: dict[str, tuple[float, float]]) -> Path:
    """A checkpoint whose linear layers of the encoder are in int8."""
    model.save_pretrained(folder)
    file = folder / "model.safetensors"
    arrays, metadata = format_safetensors.read(file)
    arrays = {name: array.copy() for name, array in arrays.items()}
    chosen = {name for name in arrays if ".layer." in name and name.endswith("weight")}
    int8_rows.write(file, arrays, metadata, matrices=chosen, input_ranges=ranges)
    return folder


def request(folder: Path, head: str, class_name: str) -> LoadRequest:
    return LoadRequest(class_name=class_name, head=head, source=folder, formats=("safetensors",))


def test_a_file_with_ranges_is_computed_in_int8(config, ids, mask, tmp_path):
    torch.manual_seed(0)
    model = DistilBertForTokenClassification(config).eval()
    ranges = dict.fromkeys(int8_layers(model.distilbert), (-4.0, 4.0))
    folder = quantized(tmp_path / "int8", model, ranges)
    asked = request(folder, "token_classification", "DistilBertForTokenClassification")
    batch = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    visible = mask.numpy() != 0
    expected = TorchRunner(model).run_batch(batch)["logits"][visible]
    for dtype, tolerance in ((None, 0.03), ("bfloat16", 0.05)):
        runner = load_runner(asked, dtype=dtype)
        found = runner.run_batch(batch)["logits"][visible]
        assert 0 < np.abs(found - expected).max() < tolerance * np.abs(expected).max()
        assert len(runner._int8) == 4 * config.n_layers
    # With another weight, the ranges mean nothing: the model itself answers.
    with torch.no_grad():
        for parameter in runner.model.parameters():
            parameter.mul_(0.5)
    plain = TorchRunner(runner.model).run_batch(batch)["logits"][visible]
    np.testing.assert_allclose(runner.run_batch(batch)["logits"][visible], plain, atol=0.02)
    assert runner._int8 == {}


def test_ranges_of_layers_that_the_model_does_not_have_are_named(config, tmp_path):
    folder = quantized(tmp_path / "int8", DistilBertModel(config), {"transformer.x": (0.0, 1.0)})
    with pytest.raises(CheckpointError, match=r"of layers of the model: got 'transformer\.x'"):
        load_runner(request(folder, "base", "DistilBertModel"))


def test_rows_that_threads_cannot_share_evenly_are_computed_together(config, parts, monkeypatch):
    monkeypatch.setattr(runner_module, "GAIN_OF_PARTS", 1.28)
    runner = TorchRunner(DistilBertModel(config), prepack=True)
    for lengths, expected in (([30, 2, 2], []), ([9, 9], [2]), ([16, 8, 4], [2])):
        mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
        runner.run_batch({"input_ids": mask + 3, "attention_mask": mask})
        assert parts == expected
        parts.clear()


def int8_runner(folder: Path, config: Any, **options: Any) -> TorchRunner:
    model = DistilBertModel(config)
    ranges = dict.fromkeys(int8_layers(model), (-4.0, 4.0))
    asked = request(quantized(folder, model, ranges), "base", "DistilBertModel")
    return load_runner(asked, **options)


def test_int8_outlives_a_hook_and_says_where_it_cannot_be_used(config, ids, tmp_path, caplog):
    batch = {"input_ids": ids.numpy()}
    runner = int8_runner(tmp_path / "a", config)
    before = runner.run_batch(batch)["last_hidden_state"]
    handle = runner.model.register_forward_hook(lambda *given: None)
    assert not np.array_equal(runner.run_batch(batch)["last_hidden_state"], before)
    handle.remove()
    np.testing.assert_array_equal(runner.run_batch(batch)["last_hidden_state"], before)
    assert not caplog.records
    half = int8_runner(tmp_path / "b", config, dtype="float16")
    half.run_batch(batch)
    assert half._int8 == {}
    assert "int8 is not used: it needs float32 or bfloat16" in caplog.text


@pytest.mark.parametrize("model_class", [DistilBertModel, DistilBertForSequenceClassification])
def test_a_batch_without_rows(config, model_class):
    runner = TorchRunner(model_class(config), prepack=True)
    [output] = runner.run_batch({"input_ids": np.zeros((0, 5), np.int64)}).values()
    assert output.shape[0] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_while_a_thread_computes_can_compute(config):
    runner = TorchRunner(DistilBertModel(config), prepack=True)
    with runner._prepacking:
        child = os.fork()
        if child == 0:
            os._exit(0 if runner._prepacking.acquire(timeout=20) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
