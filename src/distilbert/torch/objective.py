"""What training makes small: the loss of a batch under all options of a run card.

Losses are sums over items (labelled tokens, or examples), so that the mean over an update is exact
however it was cut into batches and shared among processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distilbert.heads import HEADS, IGNORED_LABEL
from distilbert.torch.packing import places_of, rounded_up
from distilbert.torch.pretrained import PreTrainedModel

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class LossOptions:
    """The fields of a run card that change the loss, and the weights (N,) of the labels."""

    packing: bool = True
    label_smoothing: float = 0.0
    r_drop: float = 0.0
    teacher_weight: float = 0.0
    temperature: float = 1.0
    class_weights: Tensor | None = None


class Objective(nn.Module):
    """A model together with the loss it is trained by."""

    def __init__(
        self, model: PreTrainedModel, options: LossOptions, teacher: PreTrainedModel | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.head = model.head
        self.kind = model.config.problem_type
        self.options = options
        # In a tuple, so that the teacher is none of this module's parameters.
        self._teacher = (None if teacher is None else teacher.eval().requires_grad_(False),)

    def forward(self, batch: Batch) -> Tensor:
        """The sum of the loss over the items of a padded batch, a scalar."""
        if not len(batch["input_ids"]):  # this process got no share, but its peers wait for it
            return self._loss(_stand_in(batch)) * 0.0
        return self._loss(batch)

    def _loss(self, batch: Batch) -> Tensor:
        logits = self.item_logits(self.model, batch)
        loss = self.label_loss(logits, batch)
        if self.options.r_drop:
            again = self.item_logits(self.model, batch)
            loss = (loss + self.label_loss(again, batch)) / 2
            apart = self.divergence(logits, again, 1.0) + self.divergence(again, logits, 1.0)
            loss = loss + self.options.r_drop * apart / 2
        (teacher,) = self._teacher
        if teacher is not None:
            with torch.no_grad():
                wanted = self.item_logits(teacher, batch)
            weight, temperature = self.options.teacher_weight, self.options.temperature
            loss = (1 - weight) * loss + weight * self.divergence(logits, wanted, temperature)
        return loss

    def item_logits(self, model: PreTrainedModel, batch: Batch) -> Tensor:
        """Logits of the items, float32.

        (M, N) of the M labelled tokens, (B, N), (B, C), or (B, 2, S) for start and end, where
        padding can never be chosen.
        """
        ids, mask = batch["input_ids"], batch["attention_mask"]
        if self.head == "multiple_choice":
            states = self._encoded(model, ids.flatten(0, 1), mask.flatten(0, 1))
            return _rates(model, states).view(ids.shape[:2])
        states = self._encoded(model, ids, mask)  # (B, S or more, D)
        if HEADS[self.head].labels_per_token:  # nothing is computed for tokens that teach nothing
            chosen = rounded_up(batch["labels"] != IGNORED_LABEL, states.shape[1])
            places, n_tokens = places_of(chosen)
            return _rates(model, states.flatten(0, 1)[places])[:n_tokens]
        if self.head != "question_answering":
            return _rates(model, states)
        logits = _rates(model, states)[:, : ids.shape[1]].transpose(1, 2)  # (B, 2, S)
        return logits.masked_fill(mask[:, None] == 0, torch.finfo(logits.dtype).min)

    def _encoded(self, model: PreTrainedModel, ids: Tensor, mask: Tensor) -> Tensor:
        """States (B, S, D) of a batch, S rounded up."""
        longest = self.model.config.max_position_embeddings
        ids, mask = rounded_up(ids, longest), rounded_up(mask, longest)
        if self.options.packing:
            return model.base_model.encode_packed(ids, mask)
        return model.base_model(ids, mask, return_dict=True).last_hidden_state

    def label_loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The sum over items of how far the logits are from the labels."""
        smoothing, weights = self.options.label_smoothing, self.options.class_weights
        if self.head == "question_answering":
            labels = torch.stack((batch["start_positions"], batch["end_positions"]), 1)  # (B, 2)
            return _span_loss(logits, labels, batch["attention_mask"], smoothing)
        labels = batch["labels"]
        if HEADS[self.head].labels_per_token:
            labels = labels[labels != IGNORED_LABEL]
        elif self.kind == "regression":
            return F.mse_loss(logits, labels.reshape(logits.shape), reduction="sum") / _width(
                logits
            )
        elif self.kind == "multi_label_classification":
            labels = labels * (1 - smoothing) + smoothing / 2
            loss = F.binary_cross_entropy_with_logits(
                logits, labels, pos_weight=weights, reduction="sum"
            )
            return loss / _width(logits)
        return F.cross_entropy(
            logits, labels, weight=weights, label_smoothing=smoothing, reduction="sum"
        )

    def divergence(self, logits: Tensor, wanted: Tensor, temperature: float) -> Tensor:
        """The sum over items of how far the student's outputs are from `wanted`, times T²."""
        if self.kind == "regression":
            return F.mse_loss(logits, wanted, reduction="sum") / _width(logits)
        scaled, softened = logits / temperature, wanted / temperature
        if self.kind == "multi_label_classification":
            targets = softened.sigmoid()
            apart = F.binary_cross_entropy_with_logits(scaled, targets, reduction="sum")
            apart = apart - F.binary_cross_entropy_with_logits(softened, targets, reduction="sum")
            return apart * temperature**2 / _width(logits)
        target, log_student = softened.log_softmax(-1), scaled.log_softmax(-1)
        apart = F.kl_div(log_student, target, log_target=True, reduction="sum") * temperature**2
        return apart / 2 if self.head == "question_answering" else apart


def _rates(model: PreTrainedModel, states: Tensor) -> Tensor:
    """Logits, float32. Only the head that chooses from the vocabulary is worth less precision."""
    head: Any = model
    if model.head == "masked_lm":
        return head.compute_logits(states).float()
    with torch.autocast(states.device.type, enabled=False):
        return head.compute_logits(states.float())


def _stand_in(batch: Batch) -> Batch:
    """One row of the first token and the first label, in the place of none."""
    row = {name: value.new_zeros((1, *value.shape[1:])) for name, value in batch.items()}
    return row | {"attention_mask": torch.ones_like(row["attention_mask"])}


def _span_loss(logits: Tensor, labels: Tensor, mask: Tensor, smoothing: float) -> Tensor:
    """The mean of start and end, summed over examples; smoothing spreads over visible tokens."""
    log_probabilities = logits.log_softmax(-1)  # (B, 2, S)
    loss = -log_probabilities.gather(2, labels[..., None]).squeeze(2)  # (B, 2)
    if smoothing:
        visible = mask[:, None] != 0
        even = -log_probabilities.masked_fill(~visible, 0.0).sum(-1) / visible.sum(-1)
        loss = (1 - smoothing) * loss + smoothing * even
    return loss.sum() / 2


def _width(logits: Tensor) -> int:
    return logits.shape[-1]
