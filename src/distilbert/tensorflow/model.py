"""The DistilBERT encoder: embeddings, blocks of attention and feed-forward, and the base model.

Attributes and variables go by the names of `distilbert.checkpoint.spec`. Loading, saving and
resizing are in `pretrained.py`; how attention is computed is in `attention.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from distilbert.checkpoint.spec import attention_width, pruned_in
from distilbert.config import DistilBertConfig
from distilbert.input_checks import check_mask, page_signature
from distilbert.outputs import TFBaseModelOutput
from distilbert.tensorflow.activations import activation_function
from distilbert.tensorflow.attention import attend
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.layers import (
    Embedding,
    Linear,
    deferred_init,
    known_shape,
    layer_norm,
    leading,
)
from distilbert.tensorflow.pretrained import PreTrainedModel
from distilbert.tensorflow.trees import register_outputs

register_outputs()


class Embeddings(keras.layers.Layer):
    """Word plus position embeddings, normalised. There are no token types."""

    def __init__(self, config: DistilBertConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        pad = config.pad_token_id
        with keras.name_scope(self.name):
            self.word_embeddings = Embedding(
                config.vocab_size,
                config.dim,
                leaf="weight",
                padding_idx=pad if pad is not None and pad < config.vocab_size else None,
                name="word_embeddings",
                dtype=policy,
            )
            self.position_embeddings = Embedding(
                config.max_position_embeddings,
                config.dim,
                leaf="embeddings",
                frozen=config.sinusoidal_pos_embds,
                name="position_embeddings",
                dtype=policy,
            )
            self.LayerNorm = layer_norm(config.dim, name="LayerNorm", dtype=policy)
        self.dropout = keras.layers.Dropout(config.dropout, name="dropout", dtype=policy)
        self.built = True

    def call(
        self,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        positions: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """Embed ids (B, S), or take ready word embeddings (B, S, D); returns (B, S, D).

        `positions` are (S,), (1, S) or (B, S); by default tokens are counted from 0.
        """
        words: Any = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        if positions is None:
            x = words + self.position_embeddings.first(leading(words)[1])  # (B, S, D)
        else:
            x = words + self.position_embeddings(tf.convert_to_tensor(positions))
        return self.dropout(self.LayerNorm(x), training=training)


class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention of one block; `config.pruned_heads` are left out."""

    def __init__(self, config: DistilBertConfig, layer: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        width = attention_width(config, layer)
        self.head_size = config.dim // config.n_heads
        self.n_heads = width // self.head_size
        self.dim = width
        self.pruned_heads = frozenset(pruned_in(config, layer))
        self.dropout = keras.layers.Dropout(config.attention_dropout, name="dropout", dtype=policy)
        with keras.name_scope(self.name):
            self.q_lin = Linear(config.dim, width, name="q_lin", dtype=policy)
            self.k_lin = Linear(config.dim, width, name="k_lin", dtype=policy)
            self.v_lin = Linear(config.dim, width, name="v_lin", dtype=policy)
            self.out_lin = Linear(width, config.dim, name="out_lin", dtype=policy)
        self.built = True

    def call(
        self,
        x: Tensor,
        visible: Tensor | None = None,
        head_mask: Tensor | None = None,
        training: bool = False,
        first_only: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Attend within x (B, S, D); returns (B, S, D) and the probabilities.

        `first_only` computes the first token of each sequence alone: (B, 1, D).
        """
        queries = x[:, :1] if first_only else x
        context, probabilities = attend(
            self._split(self.q_lin(queries)),
            self._split(self.k_lin(x)),
            self._split(self.v_lin(x)),
            visible=visible,
            head_mask=head_mask,
            dropout=lambda scores: self.dropout(scores, training=training),
        )
        context = tf.transpose(context, (0, 2, 1, 3))  # (B, S, H, K)
        context = tf.reshape(context, [*leading(queries), self.dim])
        return self.out_lin(context), probabilities  # (B, S, D)

    def _split(self, x: Tensor) -> Tensor:
        x = tf.reshape(x, [*leading(x), self.n_heads, self.head_size])
        return tf.transpose(x, (0, 2, 1, 3))  # (B, H, S, K)


class FeedForward(keras.layers.Layer):
    """Two linear layers with an activation between; `chunk_size` positions at a time."""

    def __init__(self, config: DistilBertConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        self.chunk_size = config.chunk_size_feed_forward
        self.dropout = keras.layers.Dropout(config.dropout, name="dropout", dtype=policy)
        with keras.name_scope(self.name):
            self.lin1 = Linear(config.dim, config.hidden_dim, name="lin1", dtype=policy)
            self.lin2 = Linear(config.hidden_dim, config.dim, name="lin2", dtype=policy)
        self.activation = activation_function(config.activation)
        self.built = True

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Transform every position of x (B, S, D) independently."""
        length = x.shape[1]
        # Chunks need a length known in advance; where it is not, all positions are one chunk.
        if not self.chunk_size or length is None:
            return self._transform(x, training)
        starts = range(0, length, self.chunk_size)
        parts = [self._transform(x[:, i : i + self.chunk_size], training) for i in starts]
        return tf.concat(parts, 1)

    def _transform(self, x: Tensor, training: bool) -> Tensor:
        x = self.lin2(self.activation(self.lin1(x)))  # D -> F -> D
        return self.dropout(x, training=training)


class Block(keras.layers.Layer):
    """Attention and feed-forward, each added to its input and then normalised."""

    def __init__(self, config: DistilBertConfig, layer: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        policy = self.dtype_policy
        with keras.name_scope(self.name):
            self.attention = SelfAttention(config, layer, name="attention", dtype=policy)
            self.sa_layer_norm = layer_norm(config.dim, name="sa_layer_norm", dtype=policy)
            self.ffn = FeedForward(config, name="ffn", dtype=policy)
            self.output_layer_norm = layer_norm(config.dim, name="output_layer_norm", dtype=policy)
        self.built = True

    def call(
        self,
        x: Tensor,
        visible: Tensor | None = None,
        head_mask: Tensor | None = None,
        training: bool = False,
        first_only: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """One step from x (B, S, D) to (B, S, D), and the attention probabilities.

        `first_only` computes the first token of each sequence alone: (B, 1, D).
        """
        attended, probabilities = self.attention(
            x, visible, head_mask, training=training, first_only=first_only
        )
        x = self.sa_layer_norm(attended + (x[:, :1] if first_only else x))
        return self.output_layer_norm(self.ffn(x, training=training) + x), probabilities


class Transformer(keras.layers.Layer):
    """The blocks, one after the other."""

    def __init__(self, config: DistilBertConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with keras.name_scope(self.name):
            self.layer = [
                Block(config, layer, name=f"layer_._{layer}", dtype=self.dtype_policy)
                for layer in range(config.n_layers)
            ]
        self.built = True

    def call(
        self,
        x: Tensor,
        visible: Tensor | None,
        head_mask: Sequence[Tensor | None],
        output_attentions: bool,
        output_hidden_states: bool,
        training: bool = False,
    ) -> TFBaseModelOutput:
        """All blocks over x (B, S, D)."""
        hidden_states = [x]
        attentions = []
        for index, block in enumerate(self.layer):
            x, probabilities = block(x, visible, head_mask[index], training=training)
            hidden_states.append(x)
            attentions.append(probabilities)
        return TFBaseModelOutput(
            last_hidden_state=x,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
        )


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertModel(PreTrainedModel):
    """The bare encoder: token ids in, one vector per token out."""

    head = "base"

    def __init__(self, config: DistilBertConfig, *inputs: Any, **kwargs: Any) -> None:
        super().__init__(config, *inputs, **kwargs)
        with deferred_init(), self.variable_scope():
            self.embeddings = Embeddings(config, name="embeddings", dtype=self.dtype_policy)
            self.transformer = Transformer(config, name="transformer", dtype=self.dtype_policy)
        self.materialize()

    def call(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
        *,
        position_ids: Tensor | None = None,
    ) -> TFBaseModelOutput | tuple[Any, ...]:
        """Encode a batch.

        Args:
            input_ids: integers (B, S).
            attention_mask: (B, S), any numeric type; 0 hides a token, any other value shows it.
            head_mask: (H,) or (L, H) factors of the attention probabilities.
            inputs_embeds: (B, S, D) word embeddings, instead of `input_ids`.
            output_attentions, output_hidden_states, return_dict: None follows the config.
            training: apply dropout.
            position_ids: integers (S,), (1, S) or (B, S), for rows that do not count from 0.

        Raises:
            InputError: ids and embeddings together, or neither; a mask of another size.
            TokenIdError: the sequence is too long, or (with values at hand on a CPU) an id or a
                position is outside its table.
        """
        config = self.config
        if output_attentions is None:
            output_attentions = config.output_attentions
        if output_hidden_states is None:
            output_hidden_states = config.output_hidden_states
        x = self.embeddings(input_ids, inputs_embeds, position_ids, training=training)
        output = self.transformer(
            x,
            _visible_keys(attention_mask, x),
            self.get_head_mask(head_mask, config.n_layers),
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            training=training,
        )
        return self.format_output(output, return_dict)

    # Tools see the reference's signature; the call also takes `position_ids`.
    call.__signature__ = page_signature(call, "position_ids")  # pyright: ignore[reportFunctionMemberAccess]

    def encode_first(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The last hidden state (B, 1, D) of the first token of each sequence, as of `call`.

        The last block computes only these tokens.
        """
        x = self.embeddings(input_ids)
        visible = _visible_keys(attention_mask, x)
        blocks = self.transformer.layer
        for number, block in enumerate(blocks, 1):
            x, _ = block(x, visible, first_only=number == len(blocks))
        return x[:, :1]


def _visible_keys(attention_mask: Tensor | None, x: Tensor) -> Tensor | None:
    if attention_mask is None:
        return None
    attention_mask = tf.convert_to_tensor(attention_mask)
    shape, given = known_shape(x), known_shape(attention_mask)
    if shape is not None and given is not None:
        check_mask(given, *shape[:2])
    if attention_mask.dtype != tf.bool:
        attention_mask = tf.not_equal(attention_mask, 0)
    rows, length = leading(x)
    return tf.reshape(attention_mask, (rows, 1, 1, length))
