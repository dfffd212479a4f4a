"""The PyTorch classes in compilers, exporters, wrappers, copies and adapters."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from contract.samples import random_weights, some_inputs, some_labels, tiny_config
from tolerances import HALF, OUTPUT, REORDERED, Tolerance, assert_close

import distilbert
from distilbert.heads import HEADS


def built(head: str, **changes: Any) -> Any:
    config = tiny_config(head, **changes)
    model = getattr(distilbert, HEADS[head].class_name)(config)
    weights = random_weights(config, head)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model.eval()


def batch(head: str, **shape: int) -> dict[str, torch.Tensor]:
    inputs = some_inputs(tiny_config(head), head, **shape)
    return {name: torch.from_numpy(value) for name, value in inputs.items()}


def labelled(head: str) -> dict[str, torch.Tensor]:
    config = tiny_config(head)
    inputs = some_inputs(config, head)
    labels = some_labels(config, head, inputs)
    return {name: torch.from_numpy(value) for name, value in (inputs | labels).items()}


def assert_same_answers(one: Any, other: Any, tolerance: Tolerance = REORDERED) -> None:
    assert list(one) == list(other)
    for name in one:
        assert_close(one[name].detach(), other[name].detach(), tolerance, name)


@pytest.mark.parametrize("head", HEADS)
def test_compiling_makes_one_graph_for_all_lengths(head: str) -> None:
    """The graph is captured whole; the code generator behind it is PyTorch's own affair."""
    torch.compiler.reset()
    graphs = []

    def keep(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    model = built(head)
    compiled = torch.compile(model, backend=keep, fullgraph=True, dynamic=True)
    for length in (9, 5, 17):
        inputs = batch(head, length=length)
        assert_same_answers(compiled(**inputs), model(**inputs))
    assert len(graphs) == 1


@pytest.mark.parametrize("head", HEADS)
def test_a_training_step_compiles_without_graph_breaks(head: str) -> None:
    torch.compiler.reset()
    model, inputs = built(head), labelled(head)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    answers = [run(**inputs) for run in (model, compiled)]
    key = "last_hidden_state" if head == "base" else "loss"
    grads = [
        torch.autograd.grad(out[key].sum(), model.parameters(), allow_unused=True)
        for out in answers
    ]
    for plain, other in zip(*grads, strict=True):
        assert (plain is None) == (other is None)
        if plain is not None:
            assert torch.allclose(plain, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_exporting_keeps_batch_and_length_free(head: str) -> None:
    model, inputs = built(head), batch(head)
    free = {0: torch.export.Dim.DYNAMIC, inputs["input_ids"].dim() - 1: torch.export.Dim.DYNAMIC}
    program = torch.export.export(
        model, (), kwargs=inputs, dynamic_shapes=dict.fromkeys(inputs, free)
    )
    for shape in ({}, {"batch": 5, "length": 14}):
        other = batch(head, **shape)
        assert_same_answers(program.module()(**other), model(**other))


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("head", HEADS)
def test_a_trace_answers_other_lengths(head: str) -> None:
    model = built(head, torchscript=True)
    inputs = batch(head)
    traced = torch.jit.trace(model, tuple(inputs.values()))
    other = tuple(batch(head, length=5).values())
    for got, expected in zip(traced(*other), model(*other), strict=True):
        assert_close(got.detach(), expected.detach(), REORDERED)


@pytest.mark.parametrize("head", HEADS)
def test_autocast_computes_near_float32_and_learns(head: str) -> None:
    model, inputs = built(head), labelled(head)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.4)
    exact = model(**inputs)
    with torch.autocast("cpu", torch.bfloat16):
        answer = model(**inputs)
    for name, value in answer.items():
        assert_close(value.detach().float(), exact[name].detach(), HALF["bfloat16"], name)
    answer[0].float().sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("head", HEADS)
def test_a_copy_is_equal_tied_and_independent(head: str, how: str) -> None:
    model, inputs = built(head), batch(head)
    other = COPIES[how](model)
    assert_same_answers(other(**inputs), model(**inputs))
    if head == "masked_lm":
        assert other.vocab_projector.weight is other.get_input_embeddings().weight
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_outputs_and_configs_can_be_pickled() -> None:
    model = built("base")
    answer = model(**batch("base"))
    assert_same_answers(pickle.loads(pickle.dumps(answer)), answer)
    assert pickle.loads(pickle.dumps(model.config)) == model.config


@pytest.mark.parametrize("head", HEADS)
def test_a_model_on_the_meta_device_has_shapes_but_no_data(head: str) -> None:
    config = tiny_config(head)
    with torch.device("meta"):
        empty = getattr(distilbert, HEADS[head].class_name)(config)
    assert {parameter.device.type for parameter in empty.parameters()} == {"meta"}
    full = built(head)
    empty.load_state_dict(full.state_dict(), assign=True)
    empty.tie_weights()
    assert_same_answers(empty.eval()(**batch(head)), full(**batch(head)))


@pytest.fixture
def process_group(tmp_path: Path) -> Iterator[None]:
    """A group of one process, which needs no network."""
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
@pytest.mark.parametrize("head", [head for head in HEADS if head != "base"])
def test_distributed_training_finds_a_gradient_for_every_parameter(head: str) -> None:
    """DDP hangs, or raises, when a parameter takes no part in the loss."""
    model, inputs = built(head).train(), labelled(head)
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    for _ in range(2):
        wrapped.zero_grad()
        wrapped(**inputs)["loss"].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("head", HEADS)
def test_checkpointed_training_has_the_same_gradients(head: str) -> None:
    model, inputs = built(head).train(), labelled(head)

    def gradients() -> dict[str, torch.Tensor]:
        model.zero_grad()
        model(**inputs)[0].sum().backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    plain = gradients()
    model.gradient_checkpointing_enable()
    assert model.is_gradient_checkpointing
    saved = gradients()
    assert set(saved) == set(plain)
    for name, value in plain.items():
        assert torch.allclose(saved[name], value, atol=1e-6), name
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing


@pytest.mark.parametrize("head", HEADS)
def test_lora_trains_only_the_adapter_weights_and_merges_them(head: str) -> None:
    from peft import LoraConfig, get_peft_model

    model, inputs = built(head), labelled(head)
    before = model(**batch(head))
    torch.manual_seed(0)  # of the adapters
    settings = LoraConfig(r=2, target_modules=["q_lin", "v_lin"], init_lora_weights=False)
    adapted = get_peft_model(copy.deepcopy(model), settings)
    adapted(**inputs)[0].sum().backward()
    trained = [name for name, value in adapted.named_parameters() if value.grad is not None]
    assert len(trained) == 2 * 2 * 2
    assert all("lora_" in name for name in trained)
    changed = adapted.eval()(**batch(head))
    assert not torch.allclose(changed[0], before[0])
    # A merged weight is rounded once more, so this is no mere reordering.
    assert_same_answers(adapted.merge_and_unload()(**batch(head)), changed, OUTPUT)
