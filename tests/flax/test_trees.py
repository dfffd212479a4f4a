"""JAX's tree utilities take outputs apart and put them together."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from distilbert.flax.trees import register_outputs
from distilbert.outputs import FlaxMaskedLMOutput


def test_an_output_survives_a_map_over_its_arrays():
    register_outputs()
    out = FlaxMaskedLMOutput(logits=jnp.ones(2), hidden_states=(jnp.ones(1), jnp.zeros(1)))
    twice = jax.tree.map(lambda array: array * 2, out)
    assert type(twice) is FlaxMaskedLMOutput
    assert list(twice) == ["logits", "hidden_states"]
    assert twice.logits.tolist() == [2, 2]
    assert [array.item() for array in twice.hidden_states] == [2, 0]


def test_paths_name_the_fields():
    register_outputs()  # a second time is no error
    out = FlaxMaskedLMOutput(logits=jnp.ones(2), attentions=(jnp.ones(1),))
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(out)]
    assert paths == ["['logits']", "['attentions'][0]"]


def test_a_compiled_function_returns_the_output_itself():
    register_outputs()
    out = jax.jit(lambda x: FlaxMaskedLMOutput(logits=x))(jnp.ones(2))
    assert type(out) is FlaxMaskedLMOutput
    assert out.hidden_states is None
