"""Adapters are put in and merged again without a change of what the model says."""

from __future__ import annotations

import pytest
import torch

from distilbert import DistilBertConfig, DistilBertForSequenceClassification
from distilbert.errors import MissingDependencyError, RunCardError
from distilbert.torch import adapters
from distilbert.torch.adapters import add_adapters, without_adapters
from distilbert.training.run_card import LoraSection


@pytest.fixture
def model() -> DistilBertForSequenceClassification:
    torch.manual_seed(0)
    config = DistilBertConfig(vocab_size=99, dim=32, n_heads=4, n_layers=2, hidden_dim=64)
    return DistilBertForSequenceClassification(config).eval()


def test_only_adapters_and_the_head_learn(model: DistilBertForSequenceClassification) -> None:
    pytest.importorskip("peft")
    add_adapters(model, LoraSection(lora_rank=2))
    learning = [name for name, p in model.named_parameters() if p.requires_grad]
    assert all("lora_" in name or "classifier" in name for name in learning)
    assert sum("lora_" in name for name in learning) == 2 * 2 * 2


@pytest.mark.parametrize(("targets", "got"), [(("q_lin", "query"), "query"), ((), "none")])
def test_targets_that_are_not_there_are_told(
    model: DistilBertForSequenceClassification, targets: tuple[str, ...], got: str
) -> None:
    pytest.importorskip("peft")
    with pytest.raises(RunCardError, match=rf"such as q_lin, k_lin, .*: got {got}\.$"):
        add_adapters(model, LoraSection(lora_rank=2, lora_targets=targets))


def test_merging_leaves_plain_layers_and_the_same_answers(
    model: DistilBertForSequenceClassification,
) -> None:
    pytest.importorskip("peft")
    names = [name for name, _ in model.named_parameters()]
    ids = torch.arange(5, 11)[None]
    before = model(ids).logits
    add_adapters(model, LoraSection(lora_rank=2))
    torch.testing.assert_close(model(ids).logits, before)  # fresh adapters add nothing
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_()
    adapted = model(ids).logits
    assert not torch.allclose(adapted, before)
    merged = without_adapters(model)
    assert [name for name, _ in merged.named_parameters()] == names
    torch.testing.assert_close(merged(ids).logits, adapted, rtol=1e-4, atol=1e-5)


def test_a_missing_peft_is_named_with_its_command(
    model: DistilBertForSequenceClassification, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str, purpose: str) -> None:
        raise MissingDependencyError(f"{name}: {purpose}")

    monkeypatch.setattr(adapters, "require", absent)
    with pytest.raises(MissingDependencyError, match="peft: train low-rank adapters"):
        add_adapters(model, LoraSection(lora_rank=2))
