"""The objective of distillation: a student that predicts, encodes and attends as its teacher does.

See `distilbert.training.objective`, which says what an objective is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distilbert.errors import InputError
from distilbert.heads import IGNORED_LABEL
from distilbert.outputs import BaseModelOutput
from distilbert.torch.objective import Batch
from distilbert.torch.packing import Packing, pad_length, placeholder_row
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.torch.sparse_targets import SparseTargets
from distilbert.torch.vocabulary_blocks import Scales
from distilbert.torch.vocabulary_loss import vocabulary_loss
from distilbert.training.objective import (
    BEST,
    COMPARED,
    ENTROPY,
    IDS,
    LOSS,
    MASKED,
    PROBABILITIES,
    STATES,
    TEACHER,
    TOKENS,
    DistillationSettings,
)


class DistillationObjective(nn.Module):
    """The losses of a student with a masked-LM head on batches with masked tokens.

    Batches have `input_ids`, `attention_mask`, `labels` (B, S), -100 where nothing is masked, and
    may have `compared`, bool (B, S): the tokens at which the predictions of the two are compared,
    all of them by default. Without a teacher they have what it says of each token: `teacher_states`
    (B, S, teacher's D), and the fields of `distilbert.torch.sparse_targets.SparseTargets`,
    `teacher_ids` (B, S, K), ...
    """

    def __init__(
        self,
        student: PreTrainedModel,
        teacher: PreTrainedModel | None,
        settings: DistillationSettings,
        projection: np.ndarray | None = None,
    ) -> None:
        """
        Args:
            teacher: taken over and not trained; a masked LM, or an encoder where no loss needs its
                predictions. None where batches say what it says; a loss that needs its layers or
                all of its logits is then not possible.
            projection: (teacher's D, D), the start of the learned projection of the student's
                hidden states; None for widths that are equal.

        Raises:
            InputError: `relation_heads` does not divide a width; a loss needs a teacher and there
                is none.
        """
        super().__init__()
        self.settings = settings
        # Where the trainer keeps gradients allocated: the gradient of the projection is added there
        # at once. It must then start the backward pass with 1.
        self.gradient_of: Callable[[nn.Parameter], Tensor | None] = lambda parameter: None
        needs_live = settings.attention or settings.value or settings.mse
        if teacher is None and needs_live:
            raise InputError(
                "`attention`, `value` and `mse` need a teacher that is computed: got none. Pass "
                "one, or set them to 0."
            )
        self.teacher: Any = None if teacher is None else teacher.eval().requires_grad_(False)
        parent = student if teacher is None else teacher
        self.relation_heads = settings.relation_heads or parent.config.n_heads
        for model in (student, parent) if settings.attention or settings.value else ():
            if model.config.dim % self.relation_heads:
                raise InputError(
                    f"`relation_heads` must divide the widths of student and teacher: got "
                    f"{self.relation_heads}, and a width of {model.config.dim}."
                )
        self.projection = None
        if projection is not None:
            width, own = projection.shape
            self.projection = nn.Linear(own, width, bias=False)
            self.projection.weight = nn.Parameter(torch.tensor(projection))

    def forward(
        self, model: PreTrainedModel, batch: Batch, counts: Mapping[str, int]
    ) -> dict[str, Tensor]:
        """Losses by name, scalars: the share that a padded batch has in the mean over all tokens.

        `loss` is the sum of the `weighted_...` ones.
        """
        if not len(batch["input_ids"]):  # other processes have rows and wait for this one
            losses = self._losses(model, placeholder_row(batch), counts)
            return {name: loss * 0.0 for name, loss in losses.items()}
        return self._losses(model, batch, counts)

    def _losses(
        self, model: PreTrainedModel, batch: Batch, counts: Mapping[str, int]
    ) -> dict[str, Tensor]:
        longest = model.config.max_position_embeddings
        ids, mask = (pad_length(batch[n], longest) for n in ("input_ids", "attention_mask"))
        own, packing = self._encoded(model, ids, mask)
        tokens = _Tokens(batch, packing)
        if self.teacher is None:
            theirs = BaseModelOutput(last_hidden_state=tokens.given(STATES))
        else:
            with torch.no_grad():
                theirs, _ = self._encoded(self.teacher, ids, mask)
        n_tokens, settings = max(1, counts[TOKENS]), self.settings
        found: dict[str, Tensor] = {}
        total = own.last_hidden_state.new_zeros((), dtype=torch.float32)
        if settings.kl or settings.mlm or settings.mse:
            total, found = self._predictions(model, own, theirs, tokens, counts)
        of_states = (
            ("cosine", settings.cosine, self._cosine),
            ("attention", settings.attention, self._attention),
            ("value", settings.value, self._value),
        )
        for name, weight, summed in of_states:
            if weight:
                loss = summed(model, own, theirs, packing) / n_tokens
                found[f"{name}_loss"] = loss.detach()
                total = total + weight * loss
        weights = {name: getattr(settings, name.removesuffix("_loss"), None) for name in found}
        weighted = {f"weighted_{n}": w * found[n] for n, w in weights.items() if w is not None}
        return {LOSS: total, **found, **weighted}

    def _encoded(self, model: PreTrainedModel, ids: Tensor, mask: Tensor) -> tuple[Any, Packing]:
        """Packed hidden states, the inner ones where a loss needs them, and their packing."""
        inner = bool(self.settings.attention or self.settings.value)
        if self.settings.packing:
            return model.base_model.encode_packed(ids, mask, output_hidden_states=inner)
        packing = Packing.from_mask(mask)
        output = model.base_model(ids, mask, output_hidden_states=inner, return_dict=True)
        states = None if output.hidden_states is None else map(packing.pack, output.hidden_states)
        return BaseModelOutput(
            last_hidden_state=packing.pack(output.last_hidden_state),
            hidden_states=None if states is None else tuple(states),
        ), packing

    def _predictions(
        self, model: Any, own: Any, theirs: Any, tokens: _Tokens, counts: Mapping[str, int]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the losses over the vocabulary, and each of them."""
        settings = self.settings
        n_masked, n_compared = max(1, counts[MASKED]), max(1, counts[COMPARED])
        needs_teacher = bool(settings.kl or settings.mse)
        rows = tokens.needed if needs_teacher else tokens.is_masked
        scales = Scales(
            kl=settings.kl / n_compared,
            ce=settings.mlm / n_masked,
            mse=settings.mse / n_compared,
            temperature=settings.temperature,
        )
        states = model.transform_states(tokens.states(own)[rows])
        projector = model.vocab_projector
        teacher_side = self._teacher_side(tokens, theirs, rows) if needs_teacher else {}
        result = vocabulary_loss(
            states,
            projector.weight,
            projector.bias,
            tokens.labels[rows],
            scales=scales,
            add_to=self.gradient_of(projector.weight),
            **teacher_side,
        )
        sums = {
            "kl_loss": (result.kl_sum, n_compared),
            "mlm_loss": (result.ce_sum, n_masked),
            "mse_loss": (result.mse_sum, n_compared),
            "mlm_accuracy": (result.n_correct, n_masked),
            "agreement": (result.n_agree, n_compared),
        }
        found = {name: total / n for name, (total, n) in sums.items() if total is not None}
        return result.total, found

    @torch.no_grad()
    def _teacher_side(self, tokens: _Tokens, theirs: Any, rows: Tensor) -> dict[str, Any]:
        """What the loss needs of the teacher; only compared tokens go through its head."""
        compared = tokens.is_compared[rows]
        if self.teacher is None:
            return {"targets": tokens.targets().at(rows), "teacher_rows": compared}
        head: Any = self.teacher
        states = tokens.states(theirs)[rows]
        transformed = head.transform_states(states[compared])
        projected = transformed.new_zeros(len(states), transformed.shape[1])
        projected[compared] = transformed
        projector = head.vocab_projector
        return {
            "teacher_states": projected,
            "teacher_weight": projector.weight,
            "teacher_bias": projector.bias,
            "teacher_rows": compared,
        }

    def _cosine(self, model: Any, own: Any, theirs: Any, packing: Packing) -> Tensor:
        """1 - cosine of the last hidden states, summed over tokens."""
        states, targets = (x.last_hidden_state[0, : packing.n_tokens] for x in (own, theirs))
        if self.projection is not None:
            states = self.projection(states)
        return (1 - F.cosine_similarity(states.float(), targets.float(), dim=-1)).sum()

    def _attention(self, model: Any, own: Any, theirs: Any, packing: Packing) -> Tensor:
        """The divergence of the attention probabilities of the last layers, summed over tokens."""
        pairs = []
        for one, encoded in ((model, own), (self.teacher, theirs)):
            layer, x = _last_layer(one, encoded)
            pairs.append((layer.q_lin(x), layer.k_lin(x)))
        return self._relation(pairs[0], pairs[1], packing)

    def _value(self, model: Any, own: Any, theirs: Any, packing: Packing) -> Tensor:
        """The divergence of the relations between values of the last layers (MiniLM), as above."""
        pairs = []
        for one, encoded in ((model, own), (self.teacher, theirs)):
            layer, x = _last_layer(one, encoded)
            value = layer.v_lin(x)
            pairs.append((value, value))
        return self._relation(pairs[0], pairs[1], packing)

    def _relation(
        self,
        own: tuple[Tensor, Tensor],
        theirs: tuple[Tensor, Tensor],
        packing: Packing,
    ) -> Tensor:
        """The divergence of softmax(a b^T / sqrt(K)), a mean over heads, summed over tokens."""
        logs = [self._log_relation(*pair, packing) for pair in (own, theirs)]
        divergence = F.kl_div(logs[0], logs[1].detach(), log_target=True, reduction="none")
        per_token = divergence.sum(-1).mean(1)  # (B, S)
        if packing.visible is not None:
            per_token = per_token * packing.visible[:, 0, 0]
        return per_token.sum()

    def _log_relation(self, a: Tensor, b: Tensor, packing: Packing) -> Tensor:
        """log softmax(a b^T / sqrt(K)) of packed (1, T, W), float32 (B, heads, S, S)."""
        heads = self.relation_heads
        split = [packing.unpack(x).unflatten(-1, (heads, -1)).transpose(1, 2) for x in (a, b)]
        scores = (split[0] @ split[1].transpose(-2, -1)).float() / math.sqrt(split[0].shape[-1])
        if packing.visible is not None:
            scores = scores.masked_fill(~packing.visible, torch.finfo(scores.dtype).min)
        return scores.log_softmax(-1)


class _Tokens:
    """The tokens of a batch without padding, in the order of the packed states."""

    def __init__(self, batch: Batch, packing: Packing) -> None:
        self._batch, indices = batch, packing.indices[: packing.n_tokens]
        self._places = indices // packing.length, indices % packing.length
        self.labels = batch["labels"][self._places]
        self.is_masked = self.labels != IGNORED_LABEL
        compared = batch.get("compared")
        self.is_compared = (
            torch.ones_like(self.is_masked) if compared is None else compared[self._places]
        )

    @property
    def needed(self) -> Tensor:
        """The tokens whose predictions some loss needs."""
        return self.is_masked | self.is_compared

    def states(self, encoded: Any) -> Tensor:
        """The last hidden states (T, D)."""
        return encoded.last_hidden_state[0, : len(self.labels)]

    def given(self, name: str) -> Tensor | None:
        """What a batch says of the teacher, (1, T, ...) as if packed; None if it does not."""
        array = self._batch.get(TEACHER + name)
        return None if array is None else array[self._places][None]

    def targets(self) -> SparseTargets:
        """The teacher's distributions as a batch has them."""
        found = (self.given(name) for name in (IDS, PROBABILITIES, ENTROPY, BEST))
        fields: Any = (None if array is None else array[0] for array in found)
        return SparseTargets(*fields)


def _last_layer(model: PreTrainedModel, encoded: Any) -> tuple[Any, Tensor]:
    """The attention of the last layer, and the packed states that enter it."""
    base: Any = model.base_model
    return base.transformer.layer[-1].attention, encoded.hidden_states[-2]


@torch.no_grad()
def held_out_losses(
    objective: DistillationObjective,
    model: PreTrainedModel,
    batches: Iterable[Mapping[str, np.ndarray]],
    counts: Mapping[str, int],
) -> dict[str, float]:
    """The losses of an objective on all of some batches, without dropout, as means over `counts`.

    `model` is computed where it is; both models in bfloat16 if weights of either are, as those of
    the teacher are in a run in bfloat16. It stays in evaluation mode.
    """
    model.eval()
    totals: dict[str, float] = {}
    weights = (*model.parameters(), *objective.parameters())
    is_half = any(weight.dtype == torch.bfloat16 for weight in weights)
    with torch.autocast(model.device.type, torch.bfloat16, enabled=is_half):
        for batch in batches:
            tensors = {n: torch.from_numpy(array).to(model.device) for n, array in batch.items()}
            for name, loss in objective(model, tensors, counts).items():
                totals[name] = totals.get(name, 0.0) + float(loss)
    return totals
