"""The five task heads on top of the base model. Their losses are in `losses.py`.

Each head is a linen module, which computes, and a class, which holds its parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from distilbert.checkpoint.loading import LoadRequest
from distilbert.checkpoint.matching import LoadingReport
from distilbert.flax.activations import activation_function
from distilbert.flax.loading import load
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
    ModelOutput,
)


class TaskModule(nn.Module):
    """An encoder with a head on top, the parent of the five task modules.

    A child builds the layers of its head and computes logits from hidden states.
    """

    config: StaticConfig
    dtype: Any = jnp.float32
    checkpoint_options: Mapping[str, Any] | None = None

    output_class: ClassVar[type[ModelOutput]]

    def setup(self) -> None:
        self.distilbert = DistilBertModule(self.config, self.dtype, self.checkpoint_options)
        self.build_head(self.config)

    def build_head(self, config: StaticConfig) -> None:
        """Add the layers of the head."""

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Any:
        """Head only: hidden states to logits."""

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
    ) -> Any:
        """As the base module."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            deterministic,
            output_attentions,
            output_hidden_states,
            position_ids,
        )
        logits = self.compute_logits(encoded.last_hidden_state, deterministic)
        return self._output(encoded, logits=logits)

    def _output(self, encoded: Any, **arrays: Array) -> Any:
        return self.output_class(
            **arrays, hidden_states=encoded.hidden_states, attentions=encoded.attentions
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


class MaskedLMModule(TaskModule):
    """Encoder, transform and projection."""

    output_class = FlaxMaskedLMOutput

    def build_head(self, config: StaticConfig) -> None:
        """A transform and the projection, whose matrix may be the word embedding."""
        self.vocab_transform = dense(config, config.dim, self.dtype)
        self.vocab_layer_norm = layer_norm(self.dtype)
        self.vocab_projector = VocabProjector(config, self.dtype)
        self.activation = activation_function(config.activation)

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (..., D) of any tokens to logits (..., V)."""
        words = self.distilbert.embeddings.word_embeddings.embedding
        return self.vocab_projector(self.transform_states(hidden_states), words)

    def transform_states(self, hidden_states: Array) -> Array:
        """The head without its projection: hidden states (..., D) to what is projected."""
        return self.vocab_layer_norm(self.activation(self.vocab_transform(hidden_states)))


class FlaxDistilBertForMaskedLM(PreTrainedModel):
    """Predicts the word at every position."""

    head = "masked_lm"
    module_class = MaskedLMModule


class SequenceClassificationModule(TaskModule):
    """Encoder and a classifier of the first token."""

    output_class = FlaxSequenceClassifierOutput

    def build_head(self, config: StaticConfig) -> None:
        """Two linear layers with dropout between."""
        self.pre_classifier = dense(config, config.dim, self.dtype)
        self.classifier = dense(config, self.n_labels(), self.dtype)
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def n_labels(self) -> int:
        """Logits per sequence."""
        return self.config.num_labels

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (B, S, D) to logits (B, N), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` says.
        x = jax.nn.relu(self.pre_classifier(hidden_states[:, 0]))  # (B, D)
        return self.classifier(self.dropout(x, deterministic=deterministic))


class FlaxDistilBertForSequenceClassification(PreTrainedModel):
    """Classifies a sequence by its first token, or predicts values for it."""

    head = "sequence_classification"
    module_class = SequenceClassificationModule


class MultipleChoiceModule(SequenceClassificationModule):
    """Encoder and one logit from the first token of every choice."""

    output_class = FlaxMultipleChoiceModelOutput

    def n_labels(self) -> int:
        """Logits per sequence."""
        return 1

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
    ) -> Any:
        """As the base module, with a choice axis in the inputs: (B, C, S) or (B, C, S, D).

        Hidden states and attentions keep the flattened batch B * C.
        """
        given: Any = input_ids if input_ids is not None else inputs_embeds
        if given is not None:
            check_axes(given.shape, 3, is_ids=input_ids is not None)
        if position_ids is not None and position_ids.ndim > 2:
            position_ids = _flattened(position_ids)
        output = super().__call__(
            _flattened(input_ids),  # (B * C, S)
            _flattened(attention_mask),
            head_mask,
            _flattened(inputs_embeds),  # (B * C, S, D)
            deterministic,
            output_attentions,
            output_hidden_states,
            position_ids,
        )
        shape = output.logits.shape if given is None else given.shape[:2]
        return self._output(output, logits=output.logits.reshape(shape))  # (B, C)


def _flattened(array: Array | None) -> Array | None:
    return None if array is None else array.reshape(-1, *array.shape[2:])


class FlaxDistilBertForMultipleChoice(PreTrainedModel):
    """Chooses one of C sequences by the logits of their first tokens."""

    head = "multiple_choice"
    module_class = MultipleChoiceModule


class TokenClassificationModule(TaskModule):
    """Encoder and a classifier of every token."""

    output_class = FlaxTokenClassifierOutput

    def build_head(self, config: StaticConfig) -> None:
        """Dropout and a linear layer."""
        self.classifier = dense(config, config.num_labels, self.dtype)
        self.dropout = nn.Dropout(config.dropout)

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (..., D) of any tokens to logits (..., N)."""
        return self.classifier(self.dropout(hidden_states, deterministic=deterministic))


class FlaxDistilBertForTokenClassification(PreTrainedModel):
    """Labels every token."""

    head = "token_classification"
    module_class = TokenClassificationModule


class QuestionAnsweringModule(TaskModule):
    """Encoder and two logits of every token."""

    output_class = FlaxQuestionAnsweringModelOutput

    def build_head(self, config: StaticConfig) -> None:
        """Dropout and a linear layer."""
        self.qa_outputs = dense(config, config.num_labels, self.dtype)
        self.dropout = nn.Dropout(config.qa_dropout)

    def compute_logits(self, hidden_states: Array, deterministic: bool = True) -> Array:
        """Head only: hidden states (..., D) of any tokens to logits (..., 2), start and end."""
        return self.qa_outputs(self.dropout(hidden_states, deterministic=deterministic))

    def _output(self, encoded: Any, **arrays: Array) -> Any:
        logits = arrays["logits"]  # (B, S, 2)
        return super()._output(encoded, start_logits=logits[..., 0], end_logits=logits[..., 1])


class FlaxDistilBertForQuestionAnswering(PreTrainedModel):
    """Predicts for every token whether the answer starts or ends there."""

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


def load_model(
    request: LoadRequest,
    *,
    torch_dtype: Any = None,
    ignore_mismatched_sizes: bool = False,
    **changes: Any,
) -> tuple[PreTrainedModel, LoadingReport]:
    """The model that `request` describes, with its parameters; `changes` override fields of its
    config, and `seed` that of new parameters."""
    model, params, report = load(
        MODEL_CLASSES[request.head],
        (),
        request,
        changes,
        dtype=jnp.float32,
        torch_dtype=torch_dtype,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )
    model._params = params
    return model, report
