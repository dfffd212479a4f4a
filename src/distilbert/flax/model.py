"""The DistilBERT encoder: embeddings, blocks of attention and feed-forward, and the base model.

Parameter names are those of `distilbert.checkpoint.spec`, with linen's names of leaves. Loading,
saving and resizing are in `pretrained.py`; how attention is computed is in `attention.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import NamedSharding, PartitionSpec

from distilbert.checkpoint.init import sinusoid_table
from distilbert.checkpoint.spec import attention_width
from distilbert.flax.activations import activation_function
from distilbert.flax.attention import attend, layer_head_masks
from distilbert.flax.pretrained import PreTrainedModel
from distilbert.flax.static_config import StaticConfig
from distilbert.flax.trees import register_outputs
from distilbert.heads import LAYER_NORM_EPS
from distilbert.input_checks import (
    check_axes,
    check_ids_or_embeddings,
    check_length,
    check_mask,
    check_positions,
)
from distilbert.outputs import FlaxBaseModelOutput

register_outputs()


class Embeddings(nn.Module):
    """Word plus position embeddings, normalised. There are no token types."""

    config: StaticConfig
    dtype: Any = jnp.float32

    def setup(self) -> None:
        config = self.config
        pad = config.pad_token_id
        self.padding_idx = pad if pad is not None and pad < config.vocab_size else None
        self.word_embeddings = nn.Embed(
            config.vocab_size, config.dim, dtype=self.dtype, embedding_init=self._initial_words
        )
        if not config.sinusoidal_pos_embds:
            self.position_embeddings = nn.Embed(
                config.max_position_embeddings,
                config.dim,
                dtype=self.dtype,
                embedding_init=normal(config),
            )
        self.LayerNorm = layer_norm(self.dtype)
        self.dropout = nn.Dropout(config.dropout)

    def __call__(
        self,
        input_ids: Array | None,
        inputs_embeds: Array | None = None,
        positions: Array | None = None,
        *,
        deterministic: bool = True,
    ) -> Array:
        """Embed ids (B, S), or take ready word embeddings (B, S, D); returns (B, S, D).

        `positions` are (S,), (1, S) or (B, S); by default tokens are counted from 0. Inside a
        trace, which cannot raise for a value, an id or a position outside its table gives nan.

        Raises:
            InputError: both or neither are given, or not in a batch.
            TokenIdError: the sequence is longer than the position table.
        """
        check_ids_or_embeddings(
            has_ids=input_ids is not None, has_embeddings=inputs_embeds is not None
        )
        given: Any = input_ids if inputs_embeds is None else inputs_embeds
        check_axes(jnp.shape(given), 2, is_ids=inputs_embeds is None)
        if inputs_embeds is None:
            words = self._words(input_ids, deterministic)
        else:
            words = jnp.asarray(inputs_embeds, self.dtype)
        rows, length = words.shape[:2]
        if positions is None:
            check_length(length, self.config.max_position_embeddings)
            x = words + self._table()[:length].astype(self.dtype)  # (B, S, D)
        else:
            check_positions(positions.shape, rows, length)
            x = words + _rows(self._table(), positions).astype(self.dtype)
        return self.dropout(self.LayerNorm(x), deterministic=deterministic)

    def _words(self, input_ids: Any, deterministic: bool) -> Array:
        words = _rows(self.word_embeddings.embedding, input_ids).astype(self.dtype)
        if deterministic or self.padding_idx is None:
            return words
        # In training the lookup leaves the padding row alone, as PyTorch's `padding_idx` does.
        is_padding = (input_ids == self.padding_idx)[..., None]
        return jnp.where(is_padding, jax.lax.stop_gradient(words), words)

    def _table(self) -> Array:
        """(P, D). A table that a checkpoint holds in place of the sinusoids is used and frozen."""
        if not self.config.sinusoidal_pos_embds:
            return self.position_embeddings.embedding
        if self.has_variable("params", "position_embeddings"):
            table = self.get_variable("params", "position_embeddings")["embedding"]
            return jax.lax.stop_gradient(table)
        return jnp.asarray(_sinusoids(self.config.max_position_embeddings, self.config.dim))

    def _initial_words(self, rng: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
        rows = normal(self.config)(rng, shape, dtype)
        return rows if self.padding_idx is None else rows.at[self.padding_idx].set(0)


def _rows(table: Array, index: Any) -> Array:
    """Rows of a table, nan for an index outside it; their sharding is that of the index."""
    index = jnp.asarray(index)
    index = jnp.where(index < 0, len(table), index)  # -1 does not mean the last row
    sharding = jax.typeof(index).sharding
    if not sharding.mesh.are_all_axes_explicit:
        return table.at[index].get(mode="fill", fill_value=jnp.nan)
    # On a mesh with explicit axes JAX needs it, as any axis could come from the table.
    out = NamedSharding(sharding.mesh, PartitionSpec(*sharding.spec, None))
    return table.at[index].get(mode="fill", fill_value=jnp.nan, out_sharding=out)


_sinusoids = functools.lru_cache(maxsize=2)(sinusoid_table)  # computed once per size


def normal(config: StaticConfig) -> jax.nn.initializers.Initializer:
    """The distribution of weights in linen's `init`; models draw theirs with NumPy."""
    return jax.nn.initializers.normal(config.initializer_range)


def dense(config: StaticConfig, n_out: int, dtype: Any) -> nn.Dense:
    """A linear layer that computes in `dtype`."""
    return nn.Dense(n_out, dtype=dtype, kernel_init=normal(config))


def layer_norm(dtype: Any) -> nn.LayerNorm:
    """Variance from the differences to the mean: E[x^2] - E[x]^2 loses digits."""
    return nn.LayerNorm(epsilon=LAYER_NORM_EPS, dtype=dtype, use_fast_variance=False)


class SelfAttention(nn.Module):
    """Multi-head self-attention of one block; `config.pruned_heads` are left out."""

    config: StaticConfig
    layer: int
    dtype: Any = jnp.float32

    def setup(self) -> None:
        config = self.config
        width = attention_width(config, self.layer)
        self.head_size = config.dim // config.n_heads
        self.n_heads = width // self.head_size
        self.dropout = nn.Dropout(config.attention_dropout)
        self.q_lin = dense(config, width, self.dtype)
        self.k_lin = dense(config, width, self.dtype)
        self.v_lin = dense(config, width, self.dtype)
        self.out_lin = dense(config, config.dim, self.dtype)

    def __call__(
        self,
        x: Array,
        visible: Array | None = None,
        head_mask: Array | None = None,
        output_attentions: bool = False,
        deterministic: bool = True,
        first_only: bool = False,
    ) -> tuple[Array, Array | None]:
        """Attend within x (B, S, D); returns (B, S, D) and the probabilities or None.

        `first_only` computes the first token of each sequence alone: (B, 1, D).
        """
        queries = x[:, :1] if first_only else x
        context, probabilities = attend(
            self._split(self.q_lin(queries)),
            self._split(self.k_lin(x)),
            self._split(self.v_lin(x)),
            visible=visible,
            head_mask=head_mask,
            dropout=functools.partial(self.dropout, deterministic=deterministic),
        )
        context = context.swapaxes(1, 2)
        merged = context.reshape(*queries.shape[:2], self.n_heads * self.head_size)  # (B, S, H * K)
        return self.out_lin(merged), probabilities if output_attentions else None  # (B, S, D)

    def _split(self, x: Array) -> Array:
        parts = x.reshape(*x.shape[:2], self.n_heads, self.head_size)
        return parts.swapaxes(1, 2)  # (B, H, S, K)


class FeedForward(nn.Module):
    """Two linear layers with an activation between; `chunk_size` positions at a time."""

    config: StaticConfig
    dtype: Any = jnp.float32

    def setup(self) -> None:
        config = self.config
        self.chunk_size = config.chunk_size_feed_forward
        self.dropout = nn.Dropout(config.dropout)
        self.lin1 = dense(config, config.hidden_dim, self.dtype)
        self.lin2 = dense(config, config.dim, self.dtype)
        self.activation = activation_function(config.activation)

    def __call__(self, x: Array, deterministic: bool = True) -> Array:
        """Transform every position of x (B, S, D) independently."""
        if not self.chunk_size:
            return self._transform(x, deterministic)
        # The last chunk may be shorter: any length works, unlike in the reference.
        starts = range(self.chunk_size, x.shape[1], self.chunk_size)
        parts = jnp.split(x, list(starts), axis=1)
        return jnp.concatenate([self._transform(part, deterministic) for part in parts], axis=1)

    def _transform(self, x: Array, deterministic: bool) -> Array:
        x = self.lin2(self.activation(self.lin1(x)))  # D -> F -> D
        return self.dropout(x, deterministic=deterministic)


class Block(nn.Module):
    """Attention and feed-forward, each added to its input and then normalised."""

    config: StaticConfig
    layer: int
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.attention = SelfAttention(self.config, self.layer, self.dtype)
        self.sa_layer_norm = layer_norm(self.dtype)
        self.ffn = FeedForward(self.config, self.dtype)
        self.output_layer_norm = layer_norm(self.dtype)

    def __call__(
        self,
        x: Array,
        visible: Array | None = None,
        head_mask: Array | None = None,
        output_attentions: bool = False,
        deterministic: bool = True,
        first_only: bool = False,
    ) -> tuple[Array, Array | None]:
        """One step from x (B, S, D) to (B, S, D), and the attention probabilities or None.

        `first_only` computes the first token of each sequence alone: (B, 1, D).
        """
        attended, probabilities = self.attention(
            x, visible, head_mask, output_attentions, deterministic, first_only
        )
        x = self.sa_layer_norm(attended + (x[:, :1] if first_only else x))
        return self.output_layer_norm(self.ffn(x, deterministic) + x), probabilities


class Layers(nn.Module):
    """The blocks under the names `0`, `1`, ...: what PyTorch calls a ModuleList."""

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    def setup(self) -> None:
        block_class = Block
        if self.checkpoint_options is not None:
            flags = (4, 5, 6)  # the arguments after `head_mask`, counted from `self`
            block_class = nn.remat(Block, static_argnums=flags, **self.checkpoint_options)
        self.blocks = [
            block_class(self.config, layer, self.dtype, name=str(layer))
            for layer in range(self.config.n_layers)
        ]


class Transformer(nn.Module):
    """The blocks, one after the other."""

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    def setup(self) -> None:
        self.layer = Layers(self.config, self.dtype, self.checkpoint_options)

    def __call__(
        self,
        x: Array,
        visible: Array | None,
        head_mask: Sequence[None] | Array,
        output_attentions: bool,
        output_hidden_states: bool,
        deterministic: bool = True,
    ) -> FlaxBaseModelOutput:
        """All blocks over x (B, S, D)."""
        hidden_states = [x]
        attentions = []
        flags = (output_attentions, deterministic, False)  # the last one is `first_only`
        for index, block in enumerate(self.layer.blocks):
            x, probabilities = block(x, visible, head_mask[index], *flags)
            hidden_states.append(x)
            attentions.append(probabilities)
        return FlaxBaseModelOutput(
            last_hidden_state=x,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )


class DistilBertModule(nn.Module):
    """The encoder as a linen module: parameters in, hidden states out."""

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    def setup(self) -> None:
        self.embeddings = Embeddings(self.config, self.dtype)
        self.transformer = Transformer(self.config, self.dtype, self.checkpoint_options)

    def __call__(
        self,
        input_ids: Array | None = None,
        attention_mask: Array | None = None,
        head_mask: Array | None = None,
        inputs_embeds: Array | None = None,
        deterministic: bool = True,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        position_ids: Array | None = None,
    ) -> FlaxBaseModelOutput:
        """Encode a batch; the arguments are those of `FlaxDistilBertModel`, all of them explicit.

        Raises:
            InputError: ids and embeddings together, or neither; a mask of another size.
            TokenIdError: the sequence is too long.
        """
        x = self.embeddings(input_ids, inputs_embeds, position_ids, deterministic=deterministic)
        return self.transformer(
            x,
            _visible_keys(attention_mask, x),
            layer_head_masks(head_mask, self.config.n_layers, x.dtype),
            output_attentions,
            output_hidden_states,
            deterministic,
        )

    def encode_first(self, input_ids: Array, attention_mask: Array) -> Array:
        """The last hidden state (B, 1, D) of the first token of each sequence, as of `__call__`.

        The last block computes only these tokens.
        """
        x = self.embeddings(input_ids)
        visible = _visible_keys(attention_mask, x)
        blocks = self.transformer.layer.blocks
        for number, block in enumerate(blocks, 1):
            x, _ = block(x, visible, None, False, True, number == len(blocks))
        return x[:, :1]


class FlaxDistilBertModel(PreTrainedModel):
    """The bare encoder: token ids in, one vector per token out."""

    head = "base"
    module_class = DistilBertModule


def _visible_keys(attention_mask: Array | None, x: Array) -> Array | None:
    if attention_mask is None:
        return None
    rows, length = x.shape[:2]
    check_mask(attention_mask.shape, rows, length)
    return (attention_mask != 0).reshape(rows, 1, 1, length)
