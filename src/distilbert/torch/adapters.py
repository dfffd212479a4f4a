"""Low-rank adapters, put into a model and merged into it again by the package peft."""

from __future__ import annotations

from typing import Any

from distilbert._lazy import require
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.training.run_card import LoraSection


def add_adapters(model: PreTrainedModel, section: LoraSection) -> None:
    """Freeze the encoder and put adapters beside its linear layers of the named kinds, in place.

    The head keeps learning as it is.

    Raises:
        MissingDependencyError: peft is not installed.
    """
    peft: Any = require("peft", "train low-rank adapters (`lora_rank`)")
    for parameter in model.base_model.parameters():
        parameter.requires_grad_(False)
    heads = {name for name, p in model.named_parameters() if p.requires_grad}
    config = peft.LoraConfig(
        r=section.lora_rank,
        lora_alpha=section.lora_alpha,
        lora_dropout=section.lora_dropout,
        target_modules=list(section.lora_targets),
    )
    peft.inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        if name in heads:
            parameter.requires_grad_(True)


def without_adapters(model: PreTrainedModel) -> PreTrainedModel:
    """The same model with its adapters added to its weights, in place."""
    layers: Any = require("peft.tuners.tuners_utils", "merge low-rank adapters")
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, layers.BaseTunerLayer):
                adapted: Any = child
                adapted.merge()
                setattr(parent, name, adapted.get_base_layer())
    return model
