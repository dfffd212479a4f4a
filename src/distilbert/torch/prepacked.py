"""Linear layers for inference on a CPU, with weights in the layout that oneDNN's kernels read.

`torch.nn.functional.linear` brings the weight into that layout at every call, which takes longer
than the product itself for a short text, and writes its result before an activation or a residual
reads it again. The operators used here do neither. They are not a public interface of PyTorch, so
they are used in this file alone, and only where they answer as the public ones do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from distilbert.torch.activations import Activation

# Rows of a batch for which the layout is chosen. Any other number of rows can be computed with it.
USUAL_ROWS = 512
# The operators' names of activations that they can compute.
FUSED: dict[Any, str] = {F.gelu: "gelu", F.relu: "relu"}
# Of input, residual and weight in a test.
SHAPES = ((32, 64), (32, 48), (48, 64))
# What the kernels may differ from the public ones, relative to the largest value.
TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 2e-2}


class PrepackedLinear:
    """Linear layers with the same input, whose outputs are concatenated, in one product.

    Takes a copy of weights and biases.
    """

    def __init__(self, *layers: nn.Linear) -> None:
        weight, self.bias = joined(layers)
        self.weight = _operators()._reorder_linear_weight(weight, USUAL_ROWS)

    def __call__(self, x: Tensor) -> Tensor:
        """The product of x (T, D) plus the bias, (T, F)."""
        return self._pointwise(x, "none")

    def activated(self, x: Tensor, activation: Activation, into: Any = None) -> Tensor:
        """An activation of the product of x (T, D) plus the bias, (T, F)."""
        name = FUSED.get(activation)
        return activation(self(x)) if name is None else self._pointwise(x, name)

    def added(self, x: Tensor, residual: Tensor) -> Tensor:
        """`residual` (T, F) plus the product of x (T, D) plus the bias, (T, F)."""
        pointwise = _operators()._linear_pointwise.binary
        return pointwise(x, residual, self.weight, self.bias, "add")

    def _pointwise(self, x: Tensor, name: str) -> Tensor:
        return _operators()._linear_pointwise(x, self.weight, self.bias, name, [], "none")


class PlainLinear:
    """The same with the public operators of PyTorch."""

    def __init__(self, *layers: nn.Linear) -> None:
        self.weight, self.bias = joined(layers)

    def __call__(self, x: Tensor) -> Tensor:
        """The product of x (T, D) plus the bias, (T, F)."""
        return F.linear(x, self.weight, self.bias)

    def activated(self, x: Tensor, activation: Activation, into: Any = None) -> Tensor:
        """An activation of the product of x (T, D) plus the bias, (T, F)."""
        return activation(self(x))

    def added(self, x: Tensor, residual: Tensor) -> Tensor:
        """`residual` (T, F) plus the product of x (T, D) plus the bias, (T, F)."""
        return self(x) + residual


def linear_type(dtype: torch.dtype) -> Callable[..., PrepackedLinear | PlainLinear]:
    """The faster of the two classes that is correct on this machine in `dtype`."""
    return PrepackedLinear if can_prepack(dtype) else PlainLinear


@cache
def can_prepack(dtype: torch.dtype) -> bool:
    """Whether the operators exist here and answer as the public ones in `dtype`."""
    tolerance = TOLERANCES.get(dtype)
    if tolerance is None or not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)  # the caller's random numbers stay as they are
    drawn = (torch.randn(*shape, generator=generator).to(dtype) for shape in SHAPES)
    x, residual, weight = drawn
    layer: Any = skip_init(nn.Linear, 64, 48, bias=False, dtype=dtype)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    try:
        packed, plain = PrepackedLinear(layer), PlainLinear(layer)
        pairs = [
            (packed(x), plain(x)),
            (packed.added(x, residual), plain.added(x, residual)),
            *((packed.activated(x, f), plain.activated(x, f)) for f in FUSED),
        ]
    except (RuntimeError, AttributeError, NotImplementedError):  # another version or processor
        return False
    return all(bool((a - b).abs().max() <= tolerance * b.abs().max()) for a, b in pairs)


def joined(layers: tuple[nn.Linear, ...]) -> tuple[Tensor, Tensor]:
    """The weights (F, D) and biases (F,) of all layers, copied one below the other."""
    with torch.no_grad():
        biases = (
            layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias
            for layer in layers
        )
        return torch.cat([layer.weight for layer in layers]), torch.cat(list(biases))


def _operators() -> Any:
    return torch.ops.mkldnn
