"""What `tests/test_integrations.py` leaves out: two processes, stored adapters, plain forms."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from distilbert import DistilBertForMaskedLM, DistilBertForSequenceClassification, DistilBertModel
from distilbert.outputs import MaskedLMOutput

# One of two processes: each sees half of the batch, and both must end with the same weights.
WORKER = """
import sys, torch
import torch.distributed as dist
from distilbert import DistilBertForMaskedLM
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
store = dist.FileStore(folder + "/store", 2)
dist.init_process_group("gloo", store=store, rank=rank, world_size=2)
model = DistilBertForMaskedLM.from_pretrained(folder).train()
wrapped = torch.nn.parallel.DistributedDataParallel(model)
ids = torch.arange(1, 29).reshape(4, 7)[rank * 2 : rank * 2 + 2]
wrapped(ids, labels=ids).loss.backward()
torch.optim.SGD(model.parameters(), lr=0.5).step()
torch.save(model.state_dict(), f"{folder}/after-{rank}.pt")
dist.destroy_process_group()
"""


def test_two_processes_train_as_one(config, tmp_path: Path) -> None:
    model = DistilBertForMaskedLM(config)
    model.save_pretrained(tmp_path)
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(rank), str(tmp_path)])
        for rank in range(2)
    ]
    try:
        assert [worker.wait(timeout=90) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
    ids = torch.arange(1, 29).reshape(4, 7)
    model(ids, labels=ids).loss.backward()
    torch.optim.SGD(model.parameters(), lr=0.5).step()
    for rank in range(2):
        after = torch.load(tmp_path / f"after-{rank}.pt", weights_only=True)
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(after[name], tensor, atol=1e-6, rtol=1e-5)


def test_an_adapter_trains_and_is_stored_without_the_model(config, ids, mask, tmp_path) -> None:
    from peft import LoraConfig, PeftModel, TaskType, get_peft_model

    base = DistilBertForSequenceClassification(config)
    base.save_pretrained(tmp_path / "base")
    # PEFT itself keeps `classifier` trainable for this task, whatever the model.
    settings = LoraConfig(task_type=TaskType.SEQ_CLS, target_modules=["q_lin", "v_lin"], r=4)
    model = get_peft_model(
        DistilBertForSequenceClassification.from_pretrained(tmp_path / "base"), settings
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for _ in range(5):
        loss = model(input_ids=ids, attention_mask=mask, labels=torch.tensor([0, 1, 1])).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    expected = model.eval()(input_ids=ids, attention_mask=mask).logits
    model.save_pretrained(tmp_path / "adapter")
    stored = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert "adapter_model.safetensors" in stored
    assert "model.safetensors" not in stored
    fresh = DistilBertForSequenceClassification.from_pretrained(tmp_path / "base")
    again = PeftModel.from_pretrained(fresh, str(tmp_path / "adapter")).eval()
    torch.testing.assert_close(again(input_ids=ids, attention_mask=mask).logits, expected)


def test_a_call_without_a_mask_compiles_and_exports_whole(config, ids) -> None:
    """The look at the ids that warns of padding must not break the graph."""
    torch.compiler.reset()
    model = DistilBertModel(config).eval()
    expected = model(ids).last_hidden_state
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(ids).last_hidden_state, expected)
    program = torch.export.export(model, (ids,))
    torch.testing.assert_close(program.module()(ids).last_hidden_state, expected)


def test_an_exported_model_is_stored_with_its_output_class(config, ids, mask, tmp_path) -> None:
    model = DistilBertForMaskedLM(config).eval()
    program = torch.export.export(model, (ids, mask))
    torch.export.save(program, tmp_path / "model.pt2")
    output = torch.export.load(tmp_path / "model.pt2").module()(ids, mask)
    assert type(output) is MaskedLMOutput
    torch.testing.assert_close(output.logits, model(ids, mask).logits)


def test_tracing_meets_no_decision_it_could_freeze(config, ids, mask) -> None:
    config.torchscript = True
    model = DistilBertModel(config).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("error", torch.jit.TracerWarning)
        traced = torch.jit.trace(model, (ids, mask))
    longer = torch.ones(2, 11, dtype=torch.long)
    torch.testing.assert_close(traced(longer, longer)[0], model(longer, longer)[0])


@pytest.mark.parametrize("model_class", [DistilBertModel, DistilBertForSequenceClassification])
def test_tracing_that_is_not_strict_returns_a_plain_dict(config, ids, mask, model_class) -> None:
    model = model_class(config).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(model, (ids, mask), strict=False)
    output = traced(ids, mask)
    expected = model(ids, mask)
    assert type(output) is dict
    assert list(output) == list(expected)
    for name, value in output.items():
        torch.testing.assert_close(value, expected[name])


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_per_example_gradients_by_torch_func_are_those_of_single_calls(
    config, ids, implementation
) -> None:
    config._attn_implementation = implementation
    model = DistilBertForSequenceClassification(config).eval()
    weights = {name: value.detach() for name, value in model.named_parameters()}
    labels = torch.tensor([0, 1, 1])
    mask = torch.ones_like(ids)

    def loss(weights, row, visible, label):
        given = (row[None], visible[None])
        call = torch.func.functional_call(model, weights, given, {"labels": label[None]})
        return call.loss

    together = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0, 0))(
        weights, ids, mask, labels
    )
    alone = torch.func.grad(loss)(weights, ids[1], mask[1], labels[1])
    for name, value in alone.items():
        torch.testing.assert_close(together[name][1], value, atol=1e-6, rtol=1e-4)
