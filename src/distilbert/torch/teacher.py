"""Teachers of fine-tuning: a DistilBERT, or a BERT with its exact outputs, also for pairs of texts.

A BERT is a folded DistilBERT with what folding leaves out: the token types of a second text, and
the tanh of BERT's pooler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import InputError
from distilbert.torch.heads import load_model
from distilbert.torch.packing import Packing
from distilbert.torch.pretrained import PreTrainedModel

# Heads with labels that have names.
LABELLED = ("sequence_classification", "token_classification")
# Heads that BERT computes from its pooler.
POOLED = ("sequence_classification", "multiple_choice")


class BertTeacher(nn.Module):
    """A BERT with one of the five heads, for inference."""

    segments: Tensor

    def __init__(self, model: PreTrainedModel, segments: np.ndarray) -> None:
        """
        Args:
            model: the folded DistilBERT with its head.
            segments: `FoldedBert.segments` (G, D).
        """
        super().__init__()
        self.model = model
        self.head, self.config = model.head, model.config
        self.register_buffer("segments", torch.tensor(segments, dtype=torch.float32))

    def encode(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Hidden states (B, S, D) of a padded batch (B, S), zeros where there is padding.

        A BERT of one token type reads all texts with it.
        """
        base: Any = self.model.base_model
        packing = Packing.from_mask(attention_mask)
        types = packing.pack(token_type_ids).clamp(max=len(self.segments) - 1)
        words = base.embeddings.word_embeddings(packing.pack(input_ids))
        x = base.embeddings(None, words + self.segments[types], packing.positions)  # (1, T, D)
        no_mask = [None] * len(base.transformer.layer)
        output = base.transformer(x, packing, no_mask, False, False)
        return packing.unpack(output.last_hidden_state)

    def compute_logits(self, hidden_states: Tensor) -> Tensor:
        """Head only, as the method of DistilBERT's head."""
        task_model: Any = self.model
        if self.head not in POOLED:
            return task_model.compute_logits(hidden_states)
        pooled = torch.tanh(task_model.pre_classifier(hidden_states[:, 0]))  # (B, D)
        return task_model.classifier(pooled)


Teacher = PreTrainedModel | BertTeacher


def load_teacher(
    request: LoadRequest,
    student: PreTrainedModel,
    segments: np.ndarray | None = None,
    *,
    labels_are_ordered: bool = False,
) -> Teacher:
    """The model that `request` describes, fine-tuned for the task of `student`.

    Labels may have another order than the student's; its outputs have the student's order.

    Args:
        segments: of a BERT that `request` describes as a DistilBERT, see `BertTeacher`.
        labels_are_ordered: the user gave the student's labels in the order of the teacher's
            outputs, which need no names of their own (LABEL_0, LABEL_1, ...) then.

    Raises:
        InputError: the teacher has no such head, or another vocabulary or other labels.
    """
    teacher, report = load_model(request)
    if report.missing_keys:
        raise InputError(
            f"A teacher must be fine-tuned for the task of its student: got {request.source}, "
            f"which has no {', '.join(report.missing_keys)}."
        )
    theirs, ours = teacher.config, student.config
    if theirs.vocab_size != ours.vocab_size:
        raise InputError(
            f"A teacher must have the `vocab_size` of its student: got {theirs.vocab_size}, not "
            f"{ours.vocab_size}."
        )
    if student.head in LABELLED and not theirs.num_labels == ours.num_labels == 1:
        if not (
            _is_unnamed(theirs.id2label) and (labels_are_ordered or _is_numbers(ours.id2label))
        ):
            _put_in_order(teacher, ours.id2label)
        elif theirs.num_labels != ours.num_labels:
            raise InputError(
                f"A teacher must have as many labels as its student: got {theirs.num_labels}, not "
                f"{ours.num_labels}."
            )
    return teacher if segments is None else BertTeacher(teacher, segments)


def _is_unnamed(labels: Mapping[int, str]) -> bool:
    """Whether labels have the names that a config without any gives them."""
    return all(label == f"LABEL_{number}" for number, label in labels.items())


def _is_numbers(labels: Mapping[int, str]) -> bool:
    return all(label == str(number) for number, label in labels.items())


def _remedy(labels: Mapping[int, str]) -> str:
    if _is_unnamed(labels):
        return "Give the student's labels in the order of these with `labels`."
    return "Give the student the names of the teacher with `labels`, if they mean the same."


@torch.no_grad()
def _put_in_order(teacher: PreTrainedModel, labels: Mapping[int, str]) -> None:
    """Give a classifier these labels, which it must have in any order."""
    theirs = teacher.config.id2label
    if sorted(theirs.values()) != sorted(labels.values()):
        raise InputError(
            f"A teacher must have the labels of its student: got {', '.join(theirs.values())}, not "
            f"{', '.join(labels.values())}. {_remedy(theirs)}"
        )
    numbers = {label: number for number, label in theirs.items()}
    order = [numbers[labels[number]] for number in range(len(labels))]
    classifier: Any = teacher.get_submodule("classifier")
    for parameter in (classifier.weight, classifier.bias):
        parameter.copy_(parameter[order].clone())
    teacher.config.id2label = dict(labels)
