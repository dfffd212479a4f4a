"""Low-rank adapters, added to a model and merged into it again by the package peft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from distilbert._lazy import require
from distilbert.errors import RunCardError
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.training.run_card import LoraSection


def add_adapters(model: PreTrainedModel, section: LoraSection) -> None:
    """Freeze the encoder and add adapters to its linear layers of the named kinds, in place.

    The head is trained without adapters.

    Raises:
        MissingDependencyError: peft is not installed.
        RunCardError: `lora_targets` names no linear layer of the model.
    """
    peft: Any = require("peft", "train low-rank adapters (`lora_rank`)")
    _check_targets(model, section.lora_targets)
    for parameter in model.base_model.parameters():
        parameter.requires_grad_(False)
    head_names = {name for name, p in model.named_parameters() if p.requires_grad}
    config = peft.LoraConfig(
        r=section.lora_rank,
        lora_alpha=section.lora_alpha,
        lora_dropout=section.lora_dropout,
        target_modules=list(section.lora_targets),
    )
    peft.inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        if name in head_names:
            parameter.requires_grad_(True)


def _check_targets(model: PreTrainedModel, targets: Sequence[str]) -> None:
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    unknown = [
        target
        for target in targets
        if not any(f".{name}".endswith(f".{target}") for name in linear)
    ]
    if unknown or not targets:
        kinds = dict.fromkeys(name.rpartition(".")[2] for name in linear)
        raise RunCardError(
            f"`lora_targets` must name linear layers of the model, such as {', '.join(kinds)}: got "
            f"{', '.join(unknown) or 'none'}."
        )


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
