"""The encoder for inference on a CPU: packed tokens, prepacked weights, few operators per layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distilbert.torch.attention import attend
from distilbert.torch.int8 import Int8Linear, RoundedLinear, joint_layers, layer_name
from distilbert.torch.model import Block, DistilBertModel
from distilbert.torch.packing import Group, Packing
from distilbert.torch.prepacked import linear_type


class InferenceEncoder:
    """Computes what a `DistilBertModel` on a CPU does, from copies of the weights of its layers.

    Embeddings and norms are those of the model. Call `is_current` before use.
    """

    def __init__(
        self, model: DistilBertModel, int8: Mapping[str, Int8Linear | RoundedLinear] | None = None
    ) -> None:
        """
        Args:
            int8: layers in int8, by the names of `distilbert.torch.int8.int8_layers`, in place of
                those of the model.
        """
        self.model = model
        linear, int8 = linear_type(model.dtype), int8 or {}
        self.blocks = []
        for number, block in enumerate(_blocks(model)):
            parts: dict[str, Any] = {
                name: int8.get(layer_name(number, name)) or linear(*layers)
                for name, layers in joint_layers(block).items()
            }
            self.blocks.append(_Block(block, *parts.values()))
        modules = list(model.modules())
        self._parts = [
            (parts, name, part)
            for module in modules
            for parts in (module._modules, module._parameters)
            for name, part in parts.items()
        ]
        self._hooks = [
            hooks
            for module in modules
            for hooks in (module._forward_hooks, module._forward_pre_hooks)
        ]
        self._copied = [
            (tensor, _state(tensor))
            for layer in _linear_layers(model)
            for tensor in layer.parameters()
        ]

    @staticmethod
    def can_compute(model: Any) -> bool:
        """Whether nothing of the model asks for more than its plain layers compute."""
        if type(model) is not DistilBertModel or model.device.type != "cpu" or model.training:
            return False
        if model.dtype not in (torch.float32, torch.bfloat16) or not len(model.transformer.layer):
            return False
        blocks = _blocks(model)
        return (
            all(type(block) is Block and not block.is_compiled for block in blocks)
            and all(block.attention.implementation == "sdpa" for block in blocks)
            and all(type(layer) is nn.Linear for layer in _linear_layers(model))
            and not any(map(_has_hooks, model.modules()))
        )

    def is_current(self) -> bool:
        """Whether the model still has the parts and weights that it had, and nothing was added."""
        return not self.model.training and self.has_weights() and not any(self._hooks)

    def has_weights(self) -> bool:
        """Whether the model still has the parts and weights that it had."""
        return all(parts.get(name) is part for parts, name, part in self._parts) and all(
            _state(tensor) == state for tensor, state in self._copied
        )

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Packing]:
        """The last hidden states (T, D) of ids and mask (B, S), as packed, and the packing."""
        x, packing = self._embed(input_ids, attention_mask)
        for block in self.blocks:
            x = block(x, packing)
        return x, packing

    def encode_first(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The last hidden state (B, 1, D) of the first token of each sequence (B, S)."""
        x, packing = self._embed(input_ids, attention_mask)
        for block in self.blocks[:-1]:
            x = block(x, packing)
        return packing.unpack_first(self.blocks[-1](x, packing, first_only=True)[None])

    def _embed(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Packing]:
        packing = Packing.from_mask(attention_mask, for_inference=True)
        embedded = self.model.embeddings(packing.pack(input_ids), positions=packing.positions)
        return embedded[0], packing


class _Block:
    """One layer over packed tokens (T, D)."""

    def __init__(self, block: Any, projections: Any, out: Any, lin1: Any, lin2: Any) -> None:
        self.head_size = block.attention.head_size
        self.projections, self.out, self.lin1, self.lin2 = projections, out, lin1, lin2
        self.activation = block.ffn.activation
        self.norms = block.sa_layer_norm, block.output_layer_norm

    def __call__(self, x: Tensor, packing: Packing, *, first_only: bool = False) -> Tensor:
        """The output of the layer, (T, D), or (B or more, D) with `first_only`."""
        projected = self.projections(x)  # (T, 3 * H * K)
        parts = [self._attend(projected, group, first_only) for group in packing.groups]
        if not parts:  # a batch without rows
            parts = [projected[:0, : projected.shape[1] // 3]]
        context = parts[0] if len(parts) == 1 else torch.cat(parts)
        if first_only:
            x = packing.first_tokens(x[None])[0]
        if len(context) < len(x):  # the tokens that fill up
            context = F.pad(context, (0, 0, 0, len(x) - len(context)))
        first, last = self.norms
        x = first(self.out.added(context, x))
        hidden = self.lin1.activated(x, self.activation, self.lin2)
        return last(self.lin2.added(hidden, x))

    def _attend(self, projected: Tensor, group: Group, first_only: bool) -> Tensor:
        """The attended values of a group, (tokens, H * K), or (rows, H * K)."""
        padded = group.unpack(projected[None]).unflatten(-1, (3, -1, self.head_size))
        query, key, value = padded.permute(2, 0, 3, 1, 4)  # (B, H, S, K) each
        context, _ = attend(
            query[:, :, :1] if first_only else query,
            key,
            value,
            visible=group.visible,
            head_mask=None,
            dropout=0.0,
            implementation="sdpa",
            return_probabilities=False,
        )
        context = context.transpose(1, 2).flatten(2)  # (B, S, H * K)
        return context[:, 0] if first_only else group.pack(context)


def _blocks(model: DistilBertModel) -> list[Any]:
    return list(model.transformer.layer)


def _linear_layers(model: DistilBertModel) -> list[nn.Linear]:
    return [
        layer
        for block in _blocks(model)
        for layers in joint_layers(block).values()
        for layer in layers
    ]


def _state(tensor: Tensor) -> tuple[int, int]:
    """What changes when a tensor gets other values, in place or by `tensor.data = ...`."""
    return tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version


def _has_hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)
