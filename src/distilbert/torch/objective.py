"""The objective of fine-tuning: the losses of a batch as a run card sets them.

See `distilbert.training.objective`, which says what an objective is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distilbert.heads import HEADS, IGNORED_LABEL
from distilbert.torch.packing import pad_length, padded_indices, placeholder_row
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.torch.teacher import BertTeacher, Teacher
from distilbert.training.feed import ITEMS
from distilbert.training.objective import LOSS, LossSettings

Batch = dict[str, Tensor]
# Arrays of a batch that a model reads; token types are there for a BERT that teaches.
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class TaskObjective(nn.Module):
    """The losses of a model with a head on labelled batches: the objective of fine-tuning."""

    class_weights: Tensor | None

    def __init__(
        self,
        head: str,
        problem_type: str | None,
        settings: LossSettings,
        teacher: Teacher | None = None,
        *,
        packing: bool = True,
    ) -> None:
        """`teacher` is taken over and not trained; without `packing`, padding is computed too."""
        super().__init__()
        self.head = head
        self.problem_type = problem_type
        self.settings = settings
        self.packing = packing
        self.teacher = None if teacher is None else teacher.eval().requires_grad_(False)
        weights = settings.class_weights
        self.register_buffer("class_weights", None if weights is None else torch.tensor(weights))

    def forward(
        self, model: PreTrainedModel, batch: Batch, counts: Mapping[str, int]
    ) -> dict[str, Tensor]:
        """Losses by name, scalars: the share that a padded batch has in the mean over all items."""
        is_idle = not len(batch["input_ids"])  # other processes have rows and wait for this one
        sums = self._losses(model, placeholder_row(batch) if is_idle else batch)
        share = 0.0 if is_idle else 1 / max(1, counts[ITEMS])
        return {name: loss * share for name, loss in sums.items()}

    def _losses(self, model: PreTrainedModel, batch: Batch) -> dict[str, Tensor]:
        settings = self.settings
        logits = self.item_logits(model, batch)
        label_loss = self.label_loss(logits, batch)
        losses = {LOSS: label_loss}
        if settings.r_drop:
            other = self.item_logits(model, batch)  # with other dropout
            label_loss = (label_loss + self.label_loss(other, batch)) / 2
            r_drop_loss = self.divergence(logits, other) + self.divergence(other, logits)
            losses["r_drop_loss"] = r_drop_loss / 2
            losses[LOSS] = label_loss + settings.r_drop * losses["r_drop_loss"]
        if self.teacher is not None:
            with torch.no_grad():
                targets = self.item_logits(self.teacher, batch)
            weight = settings.teacher_weight
            losses["teacher_loss"] = self.divergence(logits, targets, settings.temperature)
            losses[LOSS] = (1 - weight) * losses[LOSS] + weight * losses["teacher_loss"]
        return losses if len(losses) == 1 else {**losses, "label_loss": label_loss}

    def item_logits(self, model: Teacher, batch: Batch) -> Tensor:
        """Logits of the items, float32.

        (M, N) of the M labelled tokens, (B, N), (B, C), or (B, 2, S) for start and end, where
        padding has the lowest number.
        """
        ids, mask = batch["input_ids"], batch["attention_mask"]
        inputs = {name: batch[name] for name in INPUTS if name in batch}
        if self.head == "multiple_choice":
            states = self._encoded(model, {n: x.flatten(0, 1) for n, x in inputs.items()})
            return _logits(model, states).view(ids.shape[:2])
        states = self._encoded(model, inputs)  # (B, S or more, D)
        if HEADS[self.head].labels_per_token:  # other tokens have no loss
            chosen = pad_length(batch["labels"] != IGNORED_LABEL, states.shape[1])
            indices, n_tokens = padded_indices(chosen)
            return _logits(model, states.flatten(0, 1)[indices])[:n_tokens]
        if self.head != "question_answering":
            return _logits(model, states)
        logits = _logits(model, states)[:, : ids.shape[1]].transpose(1, 2)  # (B, 2, S)
        return logits.masked_fill(mask[:, None] == 0, torch.finfo(logits.dtype).min)

    def _encoded(self, model: Teacher, inputs: Batch) -> Tensor:
        """Hidden states (B, S, D) of a batch that is padded to one of few lengths S.

        Only those of the first tokens (B, 1, D) if packed and the head reads no others.
        """
        longest = model.config.max_position_embeddings
        inputs = {name: pad_length(x, longest) for name, x in inputs.items()}
        if isinstance(model, BertTeacher):
            return model.encode(**inputs)
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        if self.packing and HEADS[self.head].reads_first_token:
            return model.base_model.encode_first(ids, mask)
        if self.packing:
            output, packing = model.base_model.encode_packed(ids, mask)
            return packing.unpack(output.last_hidden_state)
        return model.base_model(ids, mask, return_dict=True).last_hidden_state

    def label_loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss of the labels, summed over items."""
        smoothing, weights = self.settings.label_smoothing, self.class_weights
        if self.head == "question_answering":
            labels = torch.stack((batch["start_positions"], batch["end_positions"]), 1)  # (B, 2)
            return _span_loss(logits, labels, batch["attention_mask"], smoothing)
        labels = batch["labels"]
        if HEADS[self.head].labels_per_token:
            labels = labels[labels != IGNORED_LABEL]
        elif self.problem_type == "regression":
            return F.mse_loss(logits, labels.reshape(logits.shape), reduction="sum") / _width(
                logits
            )
        elif self.problem_type == "multi_label_classification":
            labels = labels * (1 - smoothing) + smoothing / 2
            loss = F.binary_cross_entropy_with_logits(
                logits, labels, pos_weight=weights, reduction="sum"
            )
            return loss / _width(logits)
        return F.cross_entropy(
            logits, labels, weight=weights, label_smoothing=smoothing, reduction="sum"
        )

    def divergence(self, logits: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
        """How far the outputs are from those of `targets`, summed over items, times T²."""
        if self.problem_type == "regression":
            return F.mse_loss(logits, targets, reduction="sum") / _width(logits)
        scaled, softened = logits / temperature, targets / temperature
        if self.problem_type == "multi_label_classification":
            goals = softened.sigmoid()
            loss = F.binary_cross_entropy_with_logits(scaled, goals, reduction="sum")
            loss = loss - F.binary_cross_entropy_with_logits(softened, goals, reduction="sum")
            return loss * temperature**2 / _width(logits)
        target, log_student = softened.log_softmax(-1), scaled.log_softmax(-1)
        loss = F.kl_div(log_student, target, log_target=True, reduction="sum") * temperature**2
        return loss / 2 if self.head == "question_answering" else loss


def _logits(model: Teacher, states: Tensor) -> Tensor:
    """Logits, float32. Only the large product with the vocabulary may be in lower precision."""
    task_model: Any = model
    if model.head == "masked_lm":
        return task_model.compute_logits(states).float()
    with torch.autocast(states.device.type, enabled=False):
        return task_model.compute_logits(states.float())


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
