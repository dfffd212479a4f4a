"""Linear layers in int8 for inference on a CPU, with ranges of their inputs that were measured.

Weights are int8 with a scale for each output. Inputs are rounded to uint8 with one scale and one
zero point, and products of integers are summed up exactly. The operators are those that
`torch.compile` uses for quantized models. They are not a public interface of PyTorch, so they are
used in this file alone, and only where they answer as the public ones do.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from distilbert.torch.activations import Activation
from distilbert.torch.prepacked import FUSED, USUAL_ROWS, joined

logger = logging.getLogger(__name__)

# The largest numbers in int8, used without -128, and in uint8.
LARGEST, LARGEST_INPUT = 127, 255
# What the kernels may differ from the public ones, relative to the largest value: by the order of
# additions, and where the result of an activation is rounded by one step of it.
TOLERANCE, TOLERANCE_ROUNDED = 1e-4, 1.5 / LARGEST_INPUT

SLOW = "int8 is computed in float32, which is slow: %s."

Range = tuple[float, float]


def joint_layers(block: Any) -> dict[str, tuple[nn.Linear, ...]]:
    """The linear layers of a block by name, in the order of computation; those with the same input
    are one."""
    attention, ffn = block.attention, block.ffn
    return {
        "attention.qkv": (attention.q_lin, attention.k_lin, attention.v_lin),
        "attention.out_lin": (attention.out_lin,),
        "ffn.lin1": (ffn.lin1,),
        "ffn.lin2": (ffn.lin2,),
    }


def layer_name(number: int, name: str) -> str:
    """The name in the whole model of a layer of a block."""
    return f"transformer.layer.{number}.{name}"


def int8_layers(model: Any) -> dict[str, tuple[nn.Linear, ...]]:
    """The layers of a `DistilBertModel` that can be in int8, by name."""
    return {
        layer_name(number, name): layers
        for number, block in enumerate(model.transformer.layer)
        for name, layers in joint_layers(block).items()
    }


def inputs_of_layers(
    model: Any, sequences: Iterable[np.ndarray]
) -> Iterator[dict[str, np.ndarray]]:
    """What the layers of a `DistilBertModel` multiply, by name, for ids (S,) after another."""
    inputs: dict[str, np.ndarray] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            inputs[name] = given[0].float().numpy()

        return hook

    handles = [
        layers[0].register_forward_pre_hook(keep(name))
        for name, layers in int8_layers(model).items()
    ]
    try:
        with torch.inference_mode():
            for ids in sequences:
                model(torch.from_numpy(ids)[None])
                yield inputs
    finally:
        for handle in handles:
            handle.remove()


class Int8Linear:
    """Linear layers with the same input, whose outputs are concatenated, in one product of int8.

    Takes a copy of the weights, which should be in float32, and of the biases. An input is (T, D)
    of any floating type, or of uint8 where `activated` of another layer has rounded it.
    """

    def __init__(self, layers: Sequence[nn.Linear], inputs: Range, dtype: torch.dtype) -> None:
        """
        Args:
            inputs: what the inputs lie between; others become the nearest of both.
            dtype: of the outputs.
        """
        weight, bias = joined(tuple(layers))
        self.step, self.zero = input_steps(inputs)
        values, self.steps = rounded_rows(weight.float())
        self.bias, self.dtype = bias.float(), dtype
        self.zeros = torch.zeros(len(values), dtype=torch.int64)
        self.weight = _operators().qlinear_prepack(values, [USUAL_ROWS, values.shape[1]])

    def __call__(self, x: Tensor) -> Tensor:
        """The product of x (T, D) plus the bias, (T, F)."""
        return self._product(x, "none", self.dtype, 1.0, 0)

    def activated(self, x: Tensor, activation: Activation, into: Any = None) -> Tensor:
        """An activation of the product of x (T, D) plus the bias, (T, F).

        It is rounded to uint8 for the layer `into`, if that is an `Int8Linear`.
        """
        name = FUSED.get(activation)
        if name is None:
            return activation(self(x))
        if isinstance(into, Int8Linear):
            return self._product(x, name, torch.uint8, into.step, into.zero)
        return self._product(x, name, self.dtype, 1.0, 0)

    def added(self, x: Tensor, residual: Tensor) -> Tensor:
        """`residual` (T, F) plus the product of x (T, D) plus the bias, (T, F)."""
        return _operators().qlinear_pointwise.binary(
            *self._operands(x),
            residual,
            self.bias,
            1.0,
            0,
            self.dtype,
            1.0,
            0,
            "add",
            1.0,
            "none",
            [],
            "",
        )

    def _product(self, x: Tensor, name: str, dtype: torch.dtype, step: float, zero: int) -> Tensor:
        return _operators().qlinear_pointwise(
            *self._operands(x), self.bias, step, zero, dtype, name, [], "none"
        )

    def _operands(self, x: Tensor) -> tuple[Any, ...]:
        if x.dtype != torch.uint8:
            x = _rounding()(x, self.step, self.zero)
        return x, self.step, self.zero, self.weight, self.steps, self.zeros


class RoundedLinear:
    """The same with the public operators of PyTorch: slower than without int8."""

    def __init__(self, layers: Sequence[nn.Linear], inputs: Range, dtype: torch.dtype) -> None:
        weight, bias = joined(tuple(layers))
        self.step, self.zero = input_steps(inputs)
        values, steps = rounded_rows(weight.float())
        self.weight, self.bias, self.dtype = values * steps[:, None], bias.float(), dtype

    def __call__(self, x: Tensor) -> Tensor:
        """The product of x (T, D) plus the bias, (T, F)."""
        return self._product(x).to(self.dtype)

    def activated(self, x: Tensor, activation: Activation, into: Any = None) -> Tensor:
        """An activation of the product of x (T, D) plus the bias, (T, F)."""
        return activation(self._product(x)).to(self.dtype)

    def added(self, x: Tensor, residual: Tensor) -> Tensor:
        """`residual` (T, F) plus the product of x (T, D) plus the bias, (T, F)."""
        return (self._product(x) + residual).to(self.dtype)

    def _product(self, x: Tensor) -> Tensor:
        values = round_input(x, self.step, self.zero).float()
        return F.linear((values - self.zero) * self.step, self.weight, self.bias)


def int8_type() -> type[Int8Linear] | type[RoundedLinear]:
    """The faster of the two classes that is correct on this machine."""
    return Int8Linear if can_multiply_integers() else RoundedLinear


@cache
def can_multiply_integers() -> bool:
    """Whether the operators exist here and answer as the public ones; logs a warning if not."""
    generator = torch.Generator().manual_seed(0)  # the caller's random numbers stay as they are
    weights = (torch.randn(*shape, generator=generator) for shape in ((48, 64), (64, 48)))
    # All of one sign and as large as can be, so that sums in 16 bits would overflow.
    x = torch.cat([torch.randn(32, 64, generator=generator), torch.full((1, 64), 9.0)])
    first, second = (_layer(torch.cat([weight, weight[:1] * 0 + 1])) for weight in weights)
    second.weight = nn.Parameter(F.pad(second.weight, (0, 1)), requires_grad=False)
    ranges = (-9.0, 9.0), (-1.0, 600.0)
    try:
        fast, plain = (
            [
                kind([layer], one, torch.float32)
                for layer, one in zip((first, second), ranges, strict=True)
            ]
            for kind in (Int8Linear, RoundedLinear)
        )
        triples = [(fast[0](x), plain[0](x), TOLERANCE)]
        residual = torch.ones(len(x), second.out_features)
        for activation in FUSED:
            found, expected = (
                one[1].added(one[0].activated(x, activation, one[1]), residual)
                for one in (fast, plain)
            )
            triples.append((found, expected, TOLERANCE_ROUNDED))
    except (RuntimeError, AttributeError, NotImplementedError) as error:
        logger.warning(SLOW, str(error).partition("\n")[0])
        return False
    correct = all(bool((a - b).abs().max() <= limit * b.abs().max()) for a, b, limit in triples)
    if not correct:
        logger.warning(SLOW, "products of integers are wrong on this processor")
    return correct


def _layer(weight: Tensor) -> nn.Linear:
    layer: Any = skip_init(nn.Linear, *weight.shape[::-1], bias=False)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    return layer


def input_steps(inputs: Range) -> tuple[float, int]:
    """The step of uint8 values for a range, and the value that stands for 0."""
    low, high = min(inputs[0], 0.0), max(inputs[1], 0.0)
    step = (high - low) / LARGEST_INPUT or 1.0
    return step, round(-low / step)


def rounded_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix (F, D) as int8 and the scale of each row, float32 (F,)."""
    steps = weight.abs().amax(dim=1) / LARGEST
    steps = torch.where(steps > 0, steps, torch.ones_like(steps))
    return (weight / steps[:, None]).round().to(torch.int8), steps


def round_input(x: Tensor, step: float, zero: int) -> Tensor:
    """x (T, D) as uint8, by public operators."""
    return (x.float() * (1 / step)).round_().add_(zero).clamp_(0, LARGEST_INPUT).to(torch.uint8)


@cache
def _rounding() -> Callable[[Tensor, float, int], Tensor]:
    """The faster of the two ways to round that is right here."""
    x = torch.linspace(-2, 2, 101)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that quantized tensors will be removed one day
            is_right = torch.equal(_round_at_once(x, 0.01, 100), round_input(x, 0.01, 100))
    except (RuntimeError, AttributeError, NotImplementedError):
        return round_input
    return _round_at_once if is_right else round_input


def _round_at_once(x: Tensor, step: float, zero: int) -> Tensor:
    """The same by one operator, whose result is a view of memory that holds plain integers."""
    rounded = torch.quantize_per_tensor(x.float(), step, zero, torch.quint8)
    values: Any = torch.empty(0, dtype=torch.uint8)
    return values.set_(rounded.untyped_storage(), 0, x.shape)


def _operators() -> Any:
    return torch.ops.onednn
