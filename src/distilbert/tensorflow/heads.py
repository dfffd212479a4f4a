"""The five task heads on top of the base model, with their losses."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf
from tensorflow import Tensor

from distilbert.checkpoint.loading import LoadRequest
from distilbert.checkpoint.matching import LoadingReport
from distilbert.checkpoint.spec import tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.input_checks import page_signature
from distilbert.outputs import (
    ModelOutput,
    TFMaskedLMOutput,
    TFMultipleChoiceModelOutput,
    TFQuestionAnsweringModelOutput,
    TFSequenceClassifierOutput,
    TFTokenClassifierOutput,
)
from distilbert.tensorflow.activations import activation_function
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.layers import (
    Linear,
    TiedLinear,
    deferred_init,
    layer_norm,
    replace_part,
)
from distilbert.tensorflow.loading import load
from distilbert.tensorflow.losses import choice_loss, sequence_loss, span_loss, token_loss
from distilbert.tensorflow.model import TFDistilBertModel
from distilbert.tensorflow.pretrained import PreTrainedModel

Inputs = tuple[Tensor | None, ...]  # ids, mask, head mask, embeddings, positions
Flags = tuple[bool | None, bool | None]  # attentions, hidden states


class TaskModel(PreTrainedModel):
    """An encoder with a head on top, the parent of the five task models.

    A child builds the layers of its head, computes logits from hidden states, and a loss from
    logits and `labels`.
    """

    output_class: ClassVar[type[ModelOutput]]

    def __init__(self, config: DistilBertConfig, *inputs: Any, **kwargs: Any) -> None:
        super().__init__(config, *inputs, **kwargs)
        with deferred_init(), self.variable_scope():
            self.distilbert = TFDistilBertModel(config, name="distilbert", dtype=self.dtype_policy)
            self.build_head(config)
        self.materialize()

    def build_head(self, config: DistilBertConfig) -> None:
        """Add the layers of the head."""

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Any:
        """Head only: hidden states to logits."""

    def label_loss(self, logits: Tensor, labels: Any) -> Any:
        """The loss of a batch; Keras has a method `compute_loss` of another kind."""

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
        *,
        position_ids: Tensor | None = None,
    ) -> Any:
        """As the base model; for `labels` see the class."""
        inputs = (input_ids, attention_mask, head_mask, inputs_embeds, position_ids)
        flags = (output_attentions, output_hidden_states)
        return self._forward(inputs, flags, return_dict, labels, training)

    # Tools see the reference's signature; the call also takes `position_ids`.
    call.__signature__ = page_signature(call, "position_ids")  # pyright: ignore[reportFunctionMemberAccess]

    def _forward(
        self, inputs: Inputs, flags: Flags, return_dict: bool | None, labels: Any, training: bool
    ) -> Any:
        *given, positions = inputs
        options = {"return_dict": True, "training": training, "position_ids": positions}
        encoded = self.distilbert(*given, *flags, **options)
        logits = self.compute_logits(encoded.last_hidden_state, training=training)
        loss = None if labels is None else self.label_loss(logits, labels)
        return self._output(encoded, return_dict, loss=loss, logits=logits)

    def _output(self, encoded: Any, return_dict: bool | None, **tensors: Tensor | None) -> Any:
        output = self.output_class(
            **tensors, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )
        return self.format_output(output, return_dict)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForMaskedLM(TaskModel):
    """Predicts the word at every position.

    `labels` (B, S) are word ids, -100 for tokens that take no part in the loss.
    """

    head = "masked_lm"
    output_class = TFMaskedLMOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """A transform and the projection, whose matrix may be the word embedding."""
        policy = self.dtype_policy
        self.vocab_transform = Linear(config.dim, config.dim, name="vocab_transform", dtype=policy)
        self.vocab_layer_norm = layer_norm(config.dim, name="vocab_layer_norm", dtype=policy)
        self.vocab_projector: Any
        name = "vocab_projector"
        if tied_parameters(config, self.head):
            self.vocab_projector = TiedLinear(config.vocab_size, name=name, dtype=policy)
        else:
            self.vocab_projector = Linear(config.dim, config.vocab_size, name=name, dtype=policy)
        self.activation = activation_function(config.activation)

    def get_output_embeddings(self) -> Any:
        """The projection onto the vocabulary."""
        return self.vocab_projector

    def set_output_embeddings(self, value: Any) -> None:
        """Replace the projection onto the vocabulary."""
        replace_part(self, "vocab_projector", value)
        self.forget_functions()

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., V)."""
        x = self.transform_states(hidden_states)
        if isinstance(self.vocab_projector, TiedLinear):
            return self.vocab_projector(x, self.get_input_embeddings().table)
        return self.vocab_projector(x)

    def transform_states(self, hidden_states: Tensor) -> Tensor:
        """The head without its projection: hidden states (..., D) to what is projected."""
        return self.vocab_layer_norm(self.activation(self.vocab_transform(hidden_states)))

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy over the labelled tokens."""
        return token_loss(logits, labels, legacy=self.config.tf_legacy_loss)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForSequenceClassification(TaskModel):
    """Classifies a sequence by its first token, or predicts values for it.

    For `labels` see `distilbert.tensorflow.losses.sequence_loss`.
    """

    head = "sequence_classification"
    output_class = TFSequenceClassifierOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """Two linear layers with dropout between."""
        self.num_labels = config.num_labels
        _build_classifier(self, config, config.num_labels)

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (B, S, D) to logits (B, N), from the first token."""
        return _classify_first(self, hidden_states, training)

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """As the config's `problem_type` says."""
        return sequence_loss(logits, labels, problem_type=self.config.problem_type)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForMultipleChoice(TaskModel):
    """Chooses one of C sequences by the logits of their first tokens.

    Inputs have a choice axis, (B, C, S) or (B, C, S, D); hidden states and attentions keep the
    flattened batch B * C. `labels` (B,) are the numbers of the right choices.
    """

    head = "multiple_choice"
    output_class = TFMultipleChoiceModelOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """Two linear layers with dropout between."""
        _build_classifier(self, config, 1)

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (B * C, S, D) to logits (B * C, 1), from the first token."""
        return _classify_first(self, hidden_states, training)

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy over the choices."""
        return choice_loss(logits, labels)

    def _forward(
        self, inputs: Inputs, flags: Flags, return_dict: bool | None, labels: Any, training: bool
    ) -> Any:
        ids, mask, head_mask, vectors, positions = inputs
        given: Any = vectors if ids is None else ids
        given = tf.convert_to_tensor(given)
        n_choices = tf.shape(given)[1] if given.shape[1] is None else given.shape[1]
        rows = (_flat(ids, n_axes=2), _flat(mask, n_axes=2), head_mask, _flat(vectors, n_axes=3))
        if positions is not None and len(positions.shape) > 2:
            positions = _flat(positions, n_axes=2)
        options = {"return_dict": True, "training": training, "position_ids": positions}
        encoded = self.distilbert(*rows, *flags, **options)
        logits = self.compute_logits(encoded.last_hidden_state, training=training)  # (B * C, 1)
        logits = tf.reshape(logits, (-1, n_choices))  # (B, C)
        loss = None if labels is None else self.label_loss(logits, labels)
        return self._output(encoded, return_dict, loss=loss, logits=logits)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForTokenClassification(TaskModel):
    """Labels every token.

    `labels` (B, S) are label numbers, negative for tokens that take no part in the loss.
    """

    head = "token_classification"
    output_class = TFTokenClassifierOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """Dropout and a linear layer."""
        policy = self.dtype_policy
        self.num_labels = config.num_labels
        self.classifier = Linear(config.dim, config.num_labels, name="classifier", dtype=policy)
        self.dropout = keras.layers.Dropout(config.dropout, dtype=policy)

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., N)."""
        return self.classifier(self.dropout(hidden_states, training=training))

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy over the labelled tokens."""
        legacy = self.config.tf_legacy_loss
        return token_loss(logits, labels, ignores_negative=True, legacy=legacy)


@keras.saving.register_keras_serializable("distilbert")
class TFDistilBertForQuestionAnswering(TaskModel):
    """Predicts for every token whether the answer starts or ends there."""

    head = "question_answering"
    output_class = TFQuestionAnsweringModelOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """Dropout and a linear layer."""
        policy = self.dtype_policy
        self.qa_outputs = Linear(config.dim, config.num_labels, name="qa_outputs", dtype=policy)
        self.dropout = keras.layers.Dropout(config.qa_dropout, dtype=policy)

    def compute_logits(self, hidden_states: Tensor, training: bool = False) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., 2), start and end."""
        return self.qa_outputs(self.dropout(hidden_states, training=training))

    def label_loss(self, logits: Tensor, labels: Any) -> Tensor:
        """Cross entropy over the tokens, the mean of start and end."""
        return span_loss(*tf.unstack(logits, axis=-1), *labels)

    def call(  # pyright: ignore[reportIncompatibleMethodOverride]  (the reference's signature)
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
        *,
        position_ids: Tensor | None = None,
    ) -> Any:
        """As the base model; the positions (B,) of the answers give a loss when both are given."""
        inputs = (input_ids, attention_mask, head_mask, inputs_embeds, position_ids)
        flags = (output_attentions, output_hidden_states)
        is_labelled = start_positions is not None and end_positions is not None
        labels = (start_positions, end_positions) if is_labelled else None
        return self._forward(inputs, flags, return_dict, labels, training)

    # Tools see the reference's signature; the call also takes `position_ids`.
    call.__signature__ = page_signature(call, "position_ids")  # pyright: ignore[reportFunctionMemberAccess]

    def _output(self, encoded: Any, return_dict: bool | None, **tensors: Tensor | None) -> Any:
        start, end = tf.unstack(tensors.pop("logits"), axis=-1)  # (B, S)
        return super()._output(encoded, return_dict, **tensors, start_logits=start, end_logits=end)


def _build_classifier(model: Any, config: DistilBertConfig, n_labels: int) -> None:
    policy = model.dtype_policy
    model.pre_classifier = Linear(config.dim, config.dim, name="pre_classifier", dtype=policy)
    model.classifier = Linear(config.dim, n_labels, name="classifier", dtype=policy)
    model.dropout = keras.layers.Dropout(config.seq_classif_dropout, dtype=policy)


def _classify_first(model: Any, hidden_states: Tensor, training: bool) -> Tensor:
    """Logits (B, N) from the first of hidden states (B, S, D)."""
    # ReLU by definition of the head, whatever `config.activation` says.
    x = tf.nn.relu(model.pre_classifier(hidden_states[:, 0]))  # (B, D)
    return model.classifier(model.dropout(x, training=training))


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


def load_model(
    request: LoadRequest,
    *,
    dtype: Any = None,
    ignore_mismatched_sizes: bool = False,
    **changes: Any,
) -> tuple[PreTrainedModel, LoadingReport]:
    """The model that `request` describes; `changes` override fields of its config."""
    return load(
        MODEL_CLASSES[request.head],
        (),
        request,
        changes,
        dtype=dtype,
        name=None,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )
