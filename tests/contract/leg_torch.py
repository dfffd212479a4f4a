"""The PyTorch leg of the contract suite."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from contract.legs import Arrays

import distilbert
from distilbert import DistilBertConfig
from distilbert.heads import HEADS

LABELS = ("labels", "start_positions", "end_positions")


class TorchLeg:
    """Canonical names are PyTorch's own, so nothing is renamed here."""

    def class_of(self, head: str) -> Any:
        return getattr(distilbert, HEADS[head].class_name)

    def build(self, config: DistilBertConfig, head: str, weights: Arrays | None = None) -> Any:
        model = self.class_of(head)(copy.deepcopy(config)).eval()
        if weights is not None:
            state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
            model.load_state_dict(state)
        return model

    def seeded(self, config: DistilBertConfig, head: str, seed: int) -> Any:
        model = self.build(config, head)
        model.init_weights(seed=seed)
        return model

    def outputs(
        self, model: Any, inputs: Arrays, *, train: bool = False, seed: int = 0, **flags: Any
    ) -> Any:
        torch.manual_seed(seed)
        model.train(train)
        with torch.no_grad():
            answer = model(**_tensors(inputs), **flags)
        model.eval()
        if isinstance(answer, tuple):
            return _arrays(answer)
        return {name: _arrays(value) for name, value in answer.items()}

    def gradients(self, model: Any, inputs: Arrays) -> dict[str, np.ndarray]:
        model.zero_grad(set_to_none=True)
        self._loss(model, inputs).backward()
        named = model.named_parameters()
        return {name: _arrays(value.grad) for name, value in named if value.grad is not None}

    def weights(self, model: Any) -> dict[str, np.ndarray]:
        return {name: _arrays(value) for name, value in model.state_dict().items()}

    def descend(self, model: Any, inputs: Arrays) -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self._loss(model, inputs).backward()
        optimizer.step()

    def save(self, model: Any, folder: Path, form: str) -> None:
        if form in ("safetensors", "bin"):
            model.save_pretrained(folder, safe_serialization=form == "safetensors")
            return
        from distilbert.checkpoint.folder import save_checkpoint

        head = next(
            head
            for head, name in ((h.name, h.class_name) for h in HEADS.values())
            if name == type(model).__name__
        )
        flavour = {"h5": "tf", "msgpack": "flax"}[form]
        save_checkpoint(
            folder, self.weights(model), model.config, head=head, format=form, flavour=flavour
        )

    def load(self, head: str, folder: Path, form: str, **options: Any) -> Any:
        origin = {"h5": {"from_tf": True}, "msgpack": {"from_flax": True}}.get(form, {})
        return self.class_of(head).from_pretrained(folder, **origin, **options)

    def in_half(self, model: Any, dtype: str) -> Any:
        return copy.deepcopy(model).to(getattr(torch, dtype))

    def _loss(self, model: Any, inputs: Arrays) -> torch.Tensor:
        answer = model(**_tensors(inputs))
        if any(name in inputs for name in LABELS):
            return answer["loss"]
        return (answer[0] ** 2).sum() / 10


def _tensors(arrays: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}


def _arrays(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_arrays(inner) for inner in value)
    value = value.detach()
    return (value.float() if value.dtype == torch.bfloat16 else value).numpy().copy()


LEG = TorchLeg()
