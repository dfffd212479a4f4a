"""The five task heads on top of the base model, with their losses."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from distilbert.config import DistilBertConfig
from distilbert.heads import LAYER_NORM_EPS
from distilbert.input_checks import check_axes
from distilbert.outputs import (
    MaskedLMOutput,
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from distilbert.torch.activations import activation_function
from distilbert.torch.losses import choice_loss, sequence_loss, span_loss, token_loss
from distilbert.torch.model import DistilBertModel
from distilbert.torch.pretrained import PreTrainedModel, deferred_init


class DistilBertForMaskedLM(PreTrainedModel):
    """Predicts the word at every position."""

    head = "masked_lm"

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        with deferred_init():
            self.distilbert = DistilBertModel(config)
            self.vocab_transform = nn.Linear(config.dim, config.dim)
            self.vocab_layer_norm = nn.LayerNorm(config.dim, eps=LAYER_NORM_EPS)
            self.vocab_projector = nn.Linear(config.dim, config.vocab_size)
        self.activation = activation_function(config.activation)
        self.materialize()

    def get_output_embeddings(self) -> nn.Linear:
        """The projection onto the vocabulary."""
        return self.vocab_projector

    def set_output_embeddings(self, new_embeddings: nn.Linear) -> None:
        """Replace the projection onto the vocabulary."""
        self.vocab_projector = new_embeddings

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., V)."""
        x = self.activation(self.vocab_transform(hidden_states))
        return self.vocab_projector(self.vocab_layer_norm(x))

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
    ) -> MaskedLMOutput | tuple[Any, ...]:
        """As the base model; `labels` (B, S) are word ids, -100 where nothing is to be learned."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        logits = self.compute_logits(encoded.last_hidden_state)  # (B, S, V)
        output = MaskedLMOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


class DistilBertForSequenceClassification(PreTrainedModel):
    """Classifies or rates a whole sequence by its first token."""

    head = "sequence_classification"

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        with deferred_init():
            self.distilbert = DistilBertModel(config)
            self.pre_classifier = nn.Linear(config.dim, config.dim)
            self.classifier = nn.Linear(config.dim, config.num_labels)
        self.dropout = nn.Dropout(config.seq_classif_dropout)
        self.materialize()

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (B, S, D) to logits (B, N), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` says.
        return self.classifier(self.dropout(F.relu(self.pre_classifier(hidden_states[:, 0]))))

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
    ) -> SequenceClassifierOutput | tuple[Any, ...]:
        """As the base model; for `labels` see `distilbert.torch.losses.sequence_loss`."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        logits = self.compute_logits(encoded.last_hidden_state)  # (B, N)
        loss = None
        if labels is not None:
            loss = sequence_loss(logits, labels, problem_type=self.config.problem_type)
        output = SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


class DistilBertForMultipleChoice(PreTrainedModel):
    """Chooses one of C sequences by rating the first token of each."""

    head = "multiple_choice"

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        with deferred_init():
            self.distilbert = DistilBertModel(config)
            self.pre_classifier = nn.Linear(config.dim, config.dim)
            self.classifier = nn.Linear(config.dim, 1)
        self.dropout = nn.Dropout(config.seq_classif_dropout)
        self.materialize()

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (B, S, D) to logits (B, 1), from the first token."""
        # ReLU by definition of the head, whatever `config.activation` says.
        return self.classifier(self.dropout(F.relu(self.pre_classifier(hidden_states[:, 0]))))

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
    ) -> MultipleChoiceModelOutput | tuple[Any, ...]:
        """As the base model, with a choice axis in the inputs: (B, C, S) or (B, C, S, D).

        `labels` (B,) are the numbers of the right choices. Hidden states and attentions keep the
        flattened batch B * C.
        """
        given = input_ids if input_ids is not None else inputs_embeds
        if given is not None:
            check_axes(given.shape, 3, is_ids=input_ids is not None)
        n_choices = 1 if given is None else given.shape[1]
        encoded = self.distilbert(
            None if input_ids is None else input_ids.flatten(0, 1),  # (B * C, S)
            None if attention_mask is None else attention_mask.flatten(0, 1),
            head_mask,
            None if inputs_embeds is None else inputs_embeds.flatten(0, 1),  # (B * C, S, D)
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        logits = self.compute_logits(encoded.last_hidden_state).view(-1, n_choices)  # (B, C)
        output = MultipleChoiceModelOutput(
            loss=None if labels is None else choice_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


class DistilBertForTokenClassification(PreTrainedModel):
    """Labels every token."""

    head = "token_classification"

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        with deferred_init():
            self.distilbert = DistilBertModel(config)
            self.classifier = nn.Linear(config.dim, config.num_labels)
        self.dropout = nn.Dropout(config.dropout)
        self.materialize()

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., N)."""
        return self.classifier(self.dropout(hidden_states))

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
    ) -> TokenClassifierOutput | tuple[Any, ...]:
        """As the base model; `labels` (B, S) are label numbers, -100 where there is none."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        logits = self.compute_logits(encoded.last_hidden_state)  # (B, S, N)
        output = TokenClassifierOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


class DistilBertForQuestionAnswering(PreTrainedModel):
    """Rates every token as start and as end of the answer."""

    head = "question_answering"

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        with deferred_init():
            self.distilbert = DistilBertModel(config)
            self.qa_outputs = nn.Linear(config.dim, config.num_labels)
        self.dropout = nn.Dropout(config.qa_dropout)
        self.materialize()

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only: hidden states (..., D) of any tokens to logits (..., 2), start and end."""
        return self.qa_outputs(self.dropout(hidden_states))

    def forward(
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
    ) -> QuestionAnsweringModelOutput | tuple[Any, ...]:
        """As the base model; the positions (B,) of the answers give a loss when both are given."""
        encoded = self.distilbert(
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            output_attentions,
            output_hidden_states,
            return_dict=True,
        )
        logits = self.compute_logits(encoded.last_hidden_state)  # (B, S, 2)
        start_logits, end_logits = (side.contiguous() for side in logits.unbind(-1))  # (B, S)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = span_loss(start_logits, end_logits, start_positions, end_positions)
        output = QuestionAnsweringModelOutput(
            loss=loss,
            start_logits=start_logits,
            end_logits=end_logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.format_output(output, return_dict)


# Head -> class; no others are known to `distilbert.checkpoint`.
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
# Those whose `rate` reads no token but the first of each sequence.
