"""The five task heads on top of the base model, with their losses."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from distilbert.checkpoint.loading import LoadRequest
from distilbert.checkpoint.matching import LoadingReport
from distilbert.config import DistilBertConfig
from distilbert.heads import LAYER_NORM_EPS
from distilbert.input_checks import check_axes, page_signature
from distilbert.outputs import (
    MaskedLMOutput,
    ModelOutput,
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from distilbert.torch.activations import activation_function
from distilbert.torch.loading import load
from distilbert.torch.losses import choice_loss, sequence_loss, span_loss, token_loss
from distilbert.torch.model import DistilBertModel, check_given
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.torch.weights import deferred_init

Inputs = tuple[Tensor | None, ...]  # in the order of `INPUTS`
Flags = tuple[bool | None, bool | None]  # attentions, hidden states


class TaskModel(PreTrainedModel):
    """An encoder with a head on top, the parent of the five task models.

    A child builds the layers of its head, computes logits from hidden states, and a loss from
    logits and `labels`.
    """

    output_class: ClassVar[type[ModelOutput]]

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        with deferred_init():
            self.distilbert = DistilBertModel(config)
            self.build_head(config)
        self.materialize()

    def build_head(self, config: DistilBertConfig) -> None:
        """Add the layers of the head."""

    def compute_logits(self, hidden_states: Tensor) -> Any:
        """Head only: hidden states to logits."""

    def label_loss(self, logits: Tensor, labels: Any) -> Any:
        """The loss of a batch, a scalar."""

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        position_ids: Tensor | None = None,
    ) -> Any:
        """As the base model; for `labels` see the class."""
        inputs = (input_ids, attention_mask, head_mask, inputs_embeds, position_ids)
        check_given(*inputs, labels=labels)
        return self._forward(inputs, (output_attentions, output_hidden_states), return_dict, labels)

    # Tools see the reference's signature; the call also takes `position_ids`.
    forward.__signature__ = page_signature(forward, "position_ids")  # pyright: ignore[reportFunctionMemberAccess]

    def _forward(self, inputs: Inputs, flags: Flags, return_dict: bool | None, labels: Any) -> Any:
        *given, positions = inputs
        encoded = self.distilbert(*given, *flags, return_dict=True, position_ids=positions)
        logits = self.compute_logits(encoded.last_hidden_state)
        loss = None if labels is None else self.label_loss(logits, labels)
        return self._output(encoded, return_dict, loss=loss, logits=logits)

    def _output(self, encoded: Any, return_dict: bool | None, **tensors: Tensor | None) -> Any:
        output = self.output_class(
            **tensors, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )
        return self.format_output(output, return_dict)


class DistilBertForMaskedLM(TaskModel):
    """Predicts the word at every position.

    `labels` (B, S) are word ids, -100 where no word is to be predicted.
    """

    head = "masked_lm"
    output_class = MaskedLMOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """A transform, a norm and the projection onto the vocabulary."""
        self.vocab_transform = nn.Linear(config.dim, config.dim)
        self.vocab_layer_norm = nn.LayerNorm(config.dim, eps=LAYER_NORM_EPS)
        self.vocab_projector = nn.Linear(config.dim, config.vocab_size)
        self.activation = activation_function(config.activation)

    def get_output_embeddings(self) -> nn.Linear:
        """The projection onto the vocabulary."""
        return self.vocab_projector

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        """Replace the projection onto the vocabulary."""
        self.vocab_projector = new_embeddings

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., V)."""
        return self.vocab_projector(self.transform_states(hidden_states))

    def transform_states(self, hidden_states: Tensor) -> Tensor:
        """The head without its projection: hidden states (..., D) to what is projected."""
        return self.vocab_layer_norm(self.activation(self.vocab_transform(hidden_states)))

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy over the labelled tokens."""
        return token_loss(logits, labels)


class DistilBertForSequenceClassification(TaskModel):
    """Assigns classes or values to a sequence by its first token.

    For `labels` see `distilbert.torch.losses.sequence_loss`.
    """

    head = "sequence_classification"
    output_class = SequenceClassifierOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """Two linear layers with dropout between."""
        self.num_labels = config.num_labels
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        self.classifier = nn.Linear(config.dim, config.num_labels)
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (B, S, D) to logits (B, N), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` is.
        return self.classifier(self.dropout(F.relu(self.pre_classifier(hidden_states[:, 0]))))

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of the config's `problem_type`."""
        return sequence_loss(logits, labels, problem_type=self.config.problem_type)


class DistilBertForMultipleChoice(TaskModel):
    """Chooses one of C sequences by the logits of their first tokens.

    Inputs have a choice axis, (B, C, S) or (B, C, S, D); hidden states and attentions keep the
    flattened batch B * C. `labels` (B,) are the numbers of the right choices.
    """

    head = "multiple_choice"
    output_class = MultipleChoiceModelOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """Two linear layers with dropout between."""
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        self.classifier = nn.Linear(config.dim, 1)
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (B, S, D) to logits (B, 1), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` is.
        return self.classifier(self.dropout(F.relu(self.pre_classifier(hidden_states[:, 0]))))

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy over the choices."""
        return choice_loss(logits, labels)

    def _forward(self, inputs: Inputs, flags: Flags, return_dict: bool | None, labels: Any) -> Any:
        ids, mask, head_mask, embeddings, positions = inputs
        given = embeddings if ids is None else ids
        if given is not None:
            check_axes(given.shape, 3, is_ids=ids is not None)
        ids, mask, embeddings = (
            None if x is None else x.flatten(0, 1)  # (B * C, S), (B * C, S, D)
            for x in (ids, mask, embeddings)
        )
        if positions is not None and positions.dim() > 2:
            positions = positions.flatten(0, 1)
        inputs = (ids, mask, head_mask, embeddings)
        encoded = self.distilbert(*inputs, *flags, return_dict=True, position_ids=positions)
        n_choices = 1 if given is None else given.shape[1]
        logits = self.compute_logits(encoded.last_hidden_state).view(-1, n_choices)  # (B, C)
        loss = None if labels is None else self.label_loss(logits, labels)
        return self._output(encoded, return_dict, loss=loss, logits=logits)


class DistilBertForTokenClassification(TaskModel):
    """Assigns a class to every token.

    `labels` (B, S) are class numbers, -100 where there is none.
    """

    head = "token_classification"
    output_class = TokenClassifierOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """Dropout and a linear layer."""
        self.num_labels = config.num_labels
        self.classifier = nn.Linear(config.dim, config.num_labels)
        self.dropout = nn.Dropout(config.dropout)

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., N)."""
        return self.classifier(self.dropout(hidden_states))

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy over the labelled tokens."""
        return token_loss(logits, labels)


class DistilBertForQuestionAnswering(TaskModel):
    """Scores every token as the start and as the end of the answer."""

    head = "question_answering"
    output_class = QuestionAnsweringModelOutput

    def build_head(self, config: DistilBertConfig) -> None:
        """Dropout and a linear layer."""
        self.qa_outputs = nn.Linear(config.dim, config.num_labels)
        self.dropout = nn.Dropout(config.qa_dropout)

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., 2), start and end."""
        return self.qa_outputs(self.dropout(hidden_states))

    def label_loss(self, logits: Tensor, labels: Any) -> Tensor:
        """Cross entropy over the tokens, the mean of start and end."""
        return span_loss(*logits.unbind(-1), *labels)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]  (the reference's signature)
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        position_ids: Tensor | None = None,
    ) -> Any:
        """As the base model; the positions (B,) of the answers give a loss when both are given."""
        inputs = (input_ids, attention_mask, head_mask, inputs_embeds, position_ids)
        check_given(*inputs, start_positions=start_positions, end_positions=end_positions)
        is_labelled = start_positions is not None and end_positions is not None
        labels = (start_positions, end_positions) if is_labelled else None
        return self._forward(inputs, (output_attentions, output_hidden_states), return_dict, labels)

    forward.__signature__ = page_signature(forward, "position_ids")  # pyright: ignore[reportFunctionMemberAccess]

    def _output(self, encoded: Any, return_dict: bool | None, **tensors: Any) -> Any:
        start, end = (side.contiguous() for side in tensors.pop("logits").unbind(-1))  # (B, S)
        return super()._output(encoded, return_dict, **tensors, start_logits=start, end_logits=end)


# Head -> class.
MODEL_CLASSES: dict[str, type[PreTrainedModel]] = {
    model_class.head: model_class
    for model_class in (
        DistilBertModel,
        DistilBertForMaskedLM,
        DistilBertForSequenceClassification,
        DistilBertForMultipleChoice,
        DistilBertForTokenClassification,
        DistilBertForQuestionAnswering,
    )
}


def load_model(
    request: LoadRequest, *, ignore_mismatched_sizes: bool = False, **changes: Any
) -> tuple[PreTrainedModel, LoadingReport]:
    """The float32 model that `request` describes; `changes` override fields of its config."""
    return load(
        MODEL_CLASSES[request.head],
        (),
        request,
        changes,
        torch_dtype=None,
        device_map=None,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )
