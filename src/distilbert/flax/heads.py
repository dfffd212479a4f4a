"""The five task heads on top of the base model. Their losses are in `losses.py`.

Each head is a linen module, which computes, and a class, which holds its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from distilbert.flax.activations import activation_function
from distilbert.flax.model import (
    DistilBertModule,
    FlaxDistilBertModel,
    dense,
    layer_norm,
    normal,
)
from distilbert.flax.pretrained import PreTrainedModel
from distilbert.flax.static_config import StaticConfig
from distilbert.input_checks import check_axes
from distilbert.outputs import (
    FlaxMaskedLMOutput,
    FlaxMultipleChoiceModelOutput,
    FlaxQuestionAnsweringModelOutput,
    FlaxSequenceClassifierOutput,
    FlaxTokenClassifierOutput,
)


class VocabProjector(nn.Module):
    """The projection onto the vocabulary: a bias, and a kernel unless the embedding is tied."""

    config: StaticConfig
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, words: Array) -> Array:
        """From (B, S, D) to (B, S, V); `words` (V, D) is the word embedding."""
        config = self.config
        if config.tie_word_embeddings:
            kernel = words.T
        else:
            shape = (config.dim, config.vocab_size)
            kernel = self.param("kernel", normal(config), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (config.vocab_size,), jnp.float32)
        x, kernel, bias = (part.astype(self.dtype) for part in (x, kernel, bias))
        return x @ kernel + bias


class MaskedLMModule(nn.Module):
    """Encoder, transform and projection."""

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    def setup(self) -> None:
        config = self.config
        self.distilbert = DistilBertModule(config, self.dtype, self.checkpoint_options)
        self.vocab_transform = dense(config, config.dim, self.dtype)
        self.vocab_layer_norm = layer_norm(self.dtype)
        self.vocab_projector = VocabProjector(config, self.dtype)
        self.activation = activation_function(config.activation)

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (..., D) of any tokens to logits (..., V)."""
        x = self.activation(self.vocab_transform(hidden_states))
        words = self.distilbert.embeddings.word_embeddings.embedding
        return self.vocab_projector(self.vocab_layer_norm(x), words)

    def __call__(
        self,
        input_ids: Array | None = None,
        attention_mask: Array | None = None,
        head_mask: Array | None = None,
        inputs_embeds: Array | None = None,
        deterministic: bool = True,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> FlaxMaskedLMOutput:
        """As the base module."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            deterministic,
            output_attentions,
            output_hidden_states,
        )
        return FlaxMaskedLMOutput(
            logits=self.compute_logits(encoded.last_hidden_state),  # (B, S, V)
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


class FlaxDistilBertForMaskedLM(PreTrainedModel):
    """Predicts the word at every position."""

    head = "masked_lm"
    module_class = MaskedLMModule


class SequenceClassificationModule(nn.Module):
    """Encoder and a classifier of the first token."""

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    def setup(self) -> None:
        config = self.config
        self.distilbert = DistilBertModule(config, self.dtype, self.checkpoint_options)
        self.pre_classifier = dense(config, config.dim, self.dtype)
        self.classifier = dense(config, config.num_labels, self.dtype)
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (B, S, D) to logits (B, N), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` says.
        x = jax.nn.relu(self.pre_classifier(hidden_states[:, 0]))  # (B, D)
        return self.classifier(self.dropout(x, deterministic=deterministic))

    def __call__(
        self,
        input_ids: Array | None = None,
        attention_mask: Array | None = None,
        head_mask: Array | None = None,
        inputs_embeds: Array | None = None,
        deterministic: bool = True,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> FlaxSequenceClassifierOutput:
        """As the base module."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            deterministic,
            output_attentions,
            output_hidden_states,
        )
        return FlaxSequenceClassifierOutput(
            logits=self.compute_logits(encoded.last_hidden_state, deterministic),  # (B, N)
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


class FlaxDistilBertForSequenceClassification(PreTrainedModel):
    """Classifies or rates a whole sequence by its first token."""

    head = "sequence_classification"
    module_class = SequenceClassificationModule


class MultipleChoiceModule(nn.Module):
    """Encoder and a rating of the first token of every choice."""

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    def setup(self) -> None:
        config = self.config
        self.distilbert = DistilBertModule(config, self.dtype, self.checkpoint_options)
        self.pre_classifier = dense(config, config.dim, self.dtype)
        self.classifier = dense(config, 1, self.dtype)
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (B, S, D) to logits (B, 1), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` says.
        x = jax.nn.relu(self.pre_classifier(hidden_states[:, 0]))  # (B, D)
        return self.classifier(self.dropout(x, deterministic=deterministic))

    def __call__(
        self,
        input_ids: Array | None = None,
        attention_mask: Array | None = None,
        head_mask: Array | None = None,
        inputs_embeds: Array | None = None,
        deterministic: bool = True,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> FlaxMultipleChoiceModelOutput:
        """As the base module, with a choice axis in the inputs: (B, C, S) or (B, C, S, D).

        Hidden states and attentions keep the flattened batch B * C.
        """
        given = input_ids if input_ids is not None else inputs_embeds
        if given is not None:
            check_axes(given.shape, 3, is_ids=input_ids is not None)
        shape = (0, 1) if given is None else given.shape[:2]
        encoded = self.distilbert(
            _flattened(input_ids),  # (B * C, S)
            _flattened(attention_mask),
            head_mask,
            _flattened(inputs_embeds),  # (B * C, S, D)
            deterministic,
            output_attentions,
            output_hidden_states,
        )
        ratings = self.compute_logits(encoded.last_hidden_state, deterministic)  # (B * C, 1)
        return FlaxMultipleChoiceModelOutput(
            logits=ratings.reshape(shape),  # (B, C)
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


def _flattened(array: Array | None) -> Array | None:
    if array is None:
        return None
    rows, choices = array.shape[:2]
    return array.reshape(rows * choices, *array.shape[2:])


class FlaxDistilBertForMultipleChoice(PreTrainedModel):
    """Chooses one of C sequences by rating the first token of each."""

    head = "multiple_choice"
    module_class = MultipleChoiceModule


class TokenClassificationModule(nn.Module):
    """Encoder and a classifier of every token."""

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    def setup(self) -> None:
        config = self.config
        self.distilbert = DistilBertModule(config, self.dtype, self.checkpoint_options)
        self.classifier = dense(config, config.num_labels, self.dtype)
        self.dropout = nn.Dropout(config.dropout)

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (..., D) of any tokens to logits (..., N)."""
        return self.classifier(self.dropout(hidden_states, deterministic=deterministic))

    def __call__(
        self,
        input_ids: Array | None = None,
        attention_mask: Array | None = None,
        head_mask: Array | None = None,
        inputs_embeds: Array | None = None,
        deterministic: bool = True,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> FlaxTokenClassifierOutput:
        """As the base module."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            deterministic,
            output_attentions,
            output_hidden_states,
        )
        return FlaxTokenClassifierOutput(
            logits=self.compute_logits(encoded.last_hidden_state, deterministic),  # (B, S, N)
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


class FlaxDistilBertForTokenClassification(PreTrainedModel):
    """Labels every token."""

    head = "token_classification"
    module_class = TokenClassificationModule


class QuestionAnsweringModule(nn.Module):
    """Encoder and two ratings of every token."""

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    def setup(self) -> None:
        config = self.config
        self.distilbert = DistilBertModule(config, self.dtype, self.checkpoint_options)
        self.qa_outputs = dense(config, config.num_labels, self.dtype)
        self.dropout = nn.Dropout(config.qa_dropout)

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (..., D) of any tokens to logits (..., 2), start and end."""
        return self.qa_outputs(self.dropout(hidden_states, deterministic=deterministic))

    def __call__(
        self,
        input_ids: Array | None = None,
        attention_mask: Array | None = None,
        head_mask: Array | None = None,
        inputs_embeds: Array | None = None,
        deterministic: bool = True,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
    ) -> FlaxQuestionAnsweringModelOutput:
        """As the base module."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            deterministic,
            output_attentions,
            output_hidden_states,
        )
        logits = self.compute_logits(encoded.last_hidden_state, deterministic)  # (B, S, 2)
        return FlaxQuestionAnsweringModelOutput(
            start_logits=logits[..., 0],  # (B, S)
            end_logits=logits[..., 1],
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )


class FlaxDistilBertForQuestionAnswering(PreTrainedModel):
    """Rates every token as start and as end of the answer."""

    head = "question_answering"
    module_class = QuestionAnsweringModule


# Head -> class; no others are known to `distilbert.checkpoint`.
MODEL_CLASSES: dict[str, type[PreTrainedModel]] = {
    model_class.head: model_class
    for model_class in (
        FlaxDistilBertModel,
        FlaxDistilBertForMaskedLM,
        FlaxDistilBertForSequenceClassification,
        FlaxDistilBertForMultipleChoice,
        FlaxDistilBertForTokenClassification,
        FlaxDistilBertForQuestionAnswering,
    )
}
