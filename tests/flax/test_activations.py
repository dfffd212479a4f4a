"""Claims about `distilbert.flax.activations`."""

from __future__ import annotations

import math

import jax.numpy as jnp
import pytest

from distilbert.config_checks import ACTIVATIONS
from distilbert.errors import ActivationError
from distilbert.flax.activations import activation_function

pytestmark = pytest.mark.usefixtures("fully_optimized")

# Formulas in plain Python, from the papers the names come from.
FORMULAS = {
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "gelu_10": lambda x: min(10.0, 0.5 * x * (1 + math.erf(x / math.sqrt(2)))),
    "quick_gelu": lambda x: x / (1 + math.exp(-1.702 * x)),
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "linear": lambda x: x,
}
SAME = {
    "gelu_python": "gelu",
    "gelu_fast": "gelu_new",
    "gelu_pytorch_tanh": "gelu_new",
    "swish": "silu",
}


@pytest.mark.parametrize("name", [*FORMULAS, *SAME])
def test_every_activation_follows_its_formula(name: str) -> None:
    formula = FORMULAS[SAME.get(name, name)]
    x = [-12.0, -3.0, -0.5, 0.0, 0.3, 2.0, 11.0]
    got = activation_function(name)(jnp.array(x))
    assert got.tolist() == pytest.approx([formula(value) for value in x], abs=1e-6)


def test_every_name_of_the_config_is_known() -> None:
    assert {*FORMULAS, *SAME} == set(ACTIVATIONS)
    for name in ACTIVATIONS:
        activation_function(name)


def test_a_callable_is_its_own_activation() -> None:
    assert activation_function(jnp.cos) is jnp.cos


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        KeyError, match=r"`activation` must be a callable or one of gelu.*: got 'gelo'\."
    ):
        activation_function("gelo")
    assert issubclass(ActivationError, KeyError)
