"""The five task heads on top of the base model, with their losses."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from distilbert.checkpoint.spec import tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.outputs import (
    TFMaskedLMOutput,
    TFMultipleChoiceModelOutput,
    TFQuestionAnsweringModelOutput,
    TFSequenceClassifierOutput,
    TFTokenClassifierOutput,
)
from distilbert.tensorflow.activations import activation_function
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.layers import Linear, TiedLinear, deferred_init, layer_norm, replace_part
from distilbert.tensorflow.losses import choice_loss, sequence_loss, span_loss, token_loss
from distilbert.tensorflow.model import TFDistilBertModel
from distilbert.tensorflow.pretrained import PreTrainedModel


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForMaskedLM(PreTrainedModel):
    """Predicts the word at every position."""

    head = "masked_lm"

    def __init__(self, config: DistilBertConfig, *inputs: Any, **kwargs: Any) -> None:
        super().__init__(config, *inputs, **kwargs)
        policy = self.dtype_policy
        with deferred_init(), self.variable_scope():
            self.distilbert = TFDistilBertModel(config, name="distilbert", dtype=policy)
            self.vocab_transform = Linear(
                config.dim, config.dim, name="vocab_transform", dtype=policy
            )
            self.vocab_layer_norm = layer_norm(config.dim, name="vocab_layer_norm", dtype=policy)
            if tied_parameters(config, self.head):
                self.vocab_projector: Any = TiedLinear(
                    config.vocab_size, name="vocab_projector", dtype=policy
                )
            else:
                self.vocab_projector = Linear(
                    config.dim, config.vocab_size, name="vocab_projector", dtype=policy
                )
        self.activation = activation_function(config.activation)
        self.materialize()

    def get_output_embeddings(self) -> Any:
        """The projection onto the vocabulary."""
        return self.vocab_projector

    def set_output_embeddings(self, value: Any) -> None:
        """Replace the projection onto the vocabulary."""
        replace_part(self, "vocab_projector", value)
        self.forget_functions()

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., V)."""
        x = self.activation(self.vocab_transform(hidden_states))
        return self._project(self.vocab_layer_norm(x))

    def call(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        labels: Tensor | None = None,
        training: bool = False,
    ) -> TFMaskedLMOutput | tuple[Any, ...]:
        """As the base model; `labels` (B, S) are word ids, -100 where nothing is to be learned."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        logits = self.compute_logits(encoded.last_hidden_state)  # (B, S, V)
        loss = None
        if labels is not None:
            loss = token_loss(logits, labels, legacy=self.config.tf_legacy_loss)
        output = TFMaskedLMOutput(
            loss=loss,
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)

    def _project(self, x: Tensor) -> Tensor:
        if isinstance(self.vocab_projector, TiedLinear):
            return self.vocab_projector(x, self.get_input_embeddings().table)
        return self.vocab_projector(x)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForSequenceClassification(PreTrainedModel):
    """Classifies or rates a whole sequence by its first token."""

    head = "sequence_classification"

    def __init__(self, config: DistilBertConfig, *inputs: Any, **kwargs: Any) -> None:
        super().__init__(config, *inputs, **kwargs)
        policy = self.dtype_policy
        self.num_labels = config.num_labels
        with deferred_init(), self.variable_scope():
            self.distilbert = TFDistilBertModel(config, name="distilbert", dtype=policy)
            self.pre_classifier = Linear(
                config.dim, config.dim, name="pre_classifier", dtype=policy
            )
            self.classifier = Linear(config.dim, config.num_labels, name="classifier", dtype=policy)
        self.dropout = keras.layers.Dropout(config.seq_classif_dropout, dtype=policy)
        self.materialize()

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (B, S, D) to logits (B, N), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` says.
        x = tf.nn.relu(self.pre_classifier(hidden_states[:, 0]))  # (B, D)
        return self.classifier(self.dropout(x, training=training))

    def call(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        labels: Tensor | None = None,
        training: bool = False,
    ) -> TFSequenceClassifierOutput | tuple[Any, ...]:
        """As the base model; for `labels` see `distilbert.tensorflow.losses.sequence_loss`."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        logits = self.compute_logits(encoded.last_hidden_state, training=training)  # (B, N)
        loss = None
        if labels is not None:
            loss = sequence_loss(logits, labels, problem_type=self.config.problem_type)
        output = TFSequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForMultipleChoice(PreTrainedModel):
    """Chooses one of C sequences by rating the first token of each."""

    head = "multiple_choice"

    def __init__(self, config: DistilBertConfig, *inputs: Any, **kwargs: Any) -> None:
        super().__init__(config, *inputs, **kwargs)
        policy = self.dtype_policy
        with deferred_init(), self.variable_scope():
            self.distilbert = TFDistilBertModel(config, name="distilbert", dtype=policy)
            self.pre_classifier = Linear(
                config.dim, config.dim, name="pre_classifier", dtype=policy
            )
            self.classifier = Linear(config.dim, 1, name="classifier", dtype=policy)
        self.dropout = keras.layers.Dropout(config.seq_classif_dropout, dtype=policy)
        self.materialize()

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (B, S, D) to logits (B, 1), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` says.
        x = tf.nn.relu(self.pre_classifier(hidden_states[:, 0]))  # (B, D)
        return self.classifier(self.dropout(x, training=training))

    def call(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        labels: Tensor | None = None,
        training: bool = False,
    ) -> TFMultipleChoiceModelOutput | tuple[Any, ...]:
        """As the base model, with a choice axis in the inputs: (B, C, S) or (B, C, S, D).

        `labels` (B,) are the numbers of the right choices. Hidden states and attentions keep the
        flattened batch B * C.
        """
        given: Any = inputs_embeds if input_ids is None else input_ids
        given = tf.convert_to_tensor(given)
        n_choices = tf.shape(given)[1] if given.shape[1] is None else given.shape[1]
        encoded = self.distilbert(
            _flat(input_ids, n_axes=2),  # (B * C, S)
            _flat(attention_mask, n_axes=2),
            head_mask,
            _flat(inputs_embeds, n_axes=3),  # (B * C, S, D)
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        scores = self.compute_logits(encoded.last_hidden_state, training=training)  # (B * C, 1)
        logits = tf.reshape(scores, (-1, n_choices))  # (B, C)
        output = TFMultipleChoiceModelOutput(
            loss=None if labels is None else choice_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForTokenClassification(PreTrainedModel):
    """Labels every token."""

    head = "token_classification"

    def __init__(self, config: DistilBertConfig, *inputs: Any, **kwargs: Any) -> None:
        super().__init__(config, *inputs, **kwargs)
        policy = self.dtype_policy
        self.num_labels = config.num_labels
        with deferred_init(), self.variable_scope():
            self.distilbert = TFDistilBertModel(config, name="distilbert", dtype=policy)
            self.classifier = Linear(config.dim, config.num_labels, name="classifier", dtype=policy)
        self.dropout = keras.layers.Dropout(config.dropout, dtype=policy)
        self.materialize()

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., N)."""
        return self.classifier(self.dropout(hidden_states, training=training))

    def call(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        labels: Tensor | None = None,
        training: bool = False,
    ) -> TFTokenClassifierOutput | tuple[Any, ...]:
        """As the base model; `labels` (B, S) are label numbers, negative where there is none."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        logits = self.compute_logits(encoded.last_hidden_state, training=training)  # (B, S, N)
        loss = None
        if labels is not None:
            legacy = self.config.tf_legacy_loss
            loss = token_loss(logits, labels, ignores_negative=True, legacy=legacy)
        output = TFTokenClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForQuestionAnswering(PreTrainedModel):
    """Rates every token as start and as end of the answer."""

    head = "question_answering"

    def __init__(self, config: DistilBertConfig, *inputs: Any, **kwargs: Any) -> None:
        super().__init__(config, *inputs, **kwargs)
        policy = self.dtype_policy
        with deferred_init(), self.variable_scope():
            self.distilbert = TFDistilBertModel(config, name="distilbert", dtype=policy)
            self.qa_outputs = Linear(config.dim, config.num_labels, name="qa_outputs", dtype=policy)
        self.dropout = keras.layers.Dropout(config.qa_dropout, dtype=policy)
        self.materialize()

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., 2), start and end."""
        return self.qa_outputs(self.dropout(hidden_states, training=training))

    def call(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        training: bool = False,
    ) -> TFQuestionAnsweringModelOutput | tuple[Any, ...]:
        """As the base model; the positions (B,) of the answers give a loss when both are given."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        logits = self.compute_logits(encoded.last_hidden_state, training=training)  # (B, S, 2)
        start_logits, end_logits = tf.unstack(logits, axis=-1)  # (B, S)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = span_loss(start_logits, end_logits, start_positions, end_positions)
        output = TFQuestionAnsweringModelOutput(
            loss=loss,
            start_logits=start_logits,
            end_logits=end_logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


def _flat(x: Tensor | None, *, n_axes: int) -> Tensor | None:
    """x (B, C, S) or (B, C, S, D) with its first two axes as one."""
    if x is None:
        return None
    x = tf.convert_to_tensor(x)
    sizes = [tf.shape(x)[i] if size is None else size for i, size in enumerate(x.shape)]
    return tf.reshape(x, [sizes[0] * sizes[1], *sizes[-n_axes + 1 :]])


# Head -> class; no others are known to `distilbert.checkpoint`.
MODEL_CLASSES: dict[str, type[PreTrainedModel]] = {
    model_class.head: model_class
    for model_class in (
        TFDistilBertModel,
        TFDistilBertForMaskedLM,
        TFDistilBertForSequenceClassification,
        TFDistilBertForMultipleChoice,
        TFDistilBertForTokenClassification,
        TFDistilBertForQuestionAnswering,
    )
}
