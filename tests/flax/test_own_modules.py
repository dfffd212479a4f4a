"""A head of a user's own: a linen module around the encoder's."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from distilbert import DistilBertConfig, FlaxDistilBertForMaskedLM, FlaxDistilBertPreTrainedModel
from distilbert.errors import InputError, UnknownArgumentError, WeightMismatchError
from distilbert.flax.model import DistilBertModule
from distilbert.flax.weights import flatten


class OwnModule(nn.Module):
    """What the reference's users write."""

    config: DistilBertConfig
    dtype: jnp.dtype = jnp.float32
    n_values: int = 3

    def setup(self) -> None:
        self.distilbert = DistilBertModule(config=self.config, dtype=self.dtype)
        self.own = nn.Dense(self.n_values, dtype=self.dtype)

    def __call__(self, input_ids, attention_mask, deterministic=True, return_dict=True):
        encoded = self.distilbert(input_ids, attention_mask, deterministic=deterministic)
        shown = attention_mask[..., None] * encoded.last_hidden_state
        return self.own(shown.mean(1))


class FlaxWithOwnHead(FlaxDistilBertPreTrainedModel):
    module_class = OwnModule


@pytest.mark.parametrize("safe", [False, True])
def test_a_users_head_around_an_encoder_loads_trains_and_saves(config, ids, tmp_path, safe) -> None:
    donor = FlaxDistilBertForMaskedLM(config)
    donor.save_pretrained(tmp_path / "donor")
    model, info = FlaxWithOwnHead.from_pretrained(
        tmp_path / "donor", n_values=5, output_loading_info=True
    )
    assert info["missing_keys"] == ["own.bias", "own.weight"]
    jax.tree.map(
        np.testing.assert_array_equal, model.params["distilbert"], donor.params["distilbert"]
    )
    gradient = jax.grad(lambda params: model(ids, params=params).sum())(model.params)
    assert np.abs(gradient["distilbert"]["embeddings"]["LayerNorm"]["bias"]).max() > 0
    model.params = jax.tree.map(lambda leaf, slope: leaf - 0.1 * slope, model.params, gradient)
    model.resize_token_embeddings(101)
    model.prune_heads({-1: [0]})
    model.save_pretrained(tmp_path / "own", safe_serialization=safe)
    assert '"WithOwnHead"' in (tmp_path / "own" / "config.json").read_text()
    again, info = FlaxWithOwnHead.from_pretrained(
        tmp_path / "own", n_values=5, output_loading_info=True
    )
    assert info["missing_keys"] == info["unexpected_keys"] == []
    np.testing.assert_array_equal(again(ids), model(ids))
    with pytest.raises(WeightMismatchError, match=r"`own.weight` is \(5, 32\), the model needs"):
        FlaxWithOwnHead.from_pretrained(tmp_path / "own")


def test_initial_parameters_follow_the_seed_and_the_shapes_are_known(config) -> None:
    model, again = (FlaxWithOwnHead(config, seed=3) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, model.params, again.params)
    assert jax.eval_shape(lambda: model.params) == model.params_shape_tree
    traced = jax.eval_shape(model.init_weights, jax.random.key(0))
    assert traced == model.params_shape_tree
    n_own = 32 * 3 + 3
    encoder = sum(leaf.size for leaf in flatten(model.params["distilbert"]).values())
    assert model.num_parameters() == encoder + n_own


def test_what_a_users_module_does_not_take_is_an_error_when_it_is_passed(config, ids) -> None:
    model = FlaxWithOwnHead(config)
    with pytest.raises(UnknownArgumentError, match="must take `head_mask` for this call"):
        model(ids, head_mask=jnp.ones(4))
    with pytest.raises(InputError, match="needs a field `checkpoint_options` of `OwnModule`"):
        model.enable_gradient_checkpointing()
    assert not model.is_gradient_checkpointing
    with pytest.raises(TypeError, match=r"`FlaxWithOwnHead` got unknown keywords: n_valus"):
        FlaxWithOwnHead(config, n_valus=4)


def test_a_module_without_an_encoder_is_named(config) -> None:
    class Bare(nn.Module):
        config: DistilBertConfig

        @nn.compact
        def __call__(self, input_ids):
            return nn.Embed(9, 3)(input_ids)

    class FlaxBare(FlaxDistilBertPreTrainedModel):
        module_class = Bare

    with pytest.raises(InputError, match="must hold a `DistilBertModule` of `"):
        FlaxBare(config)
