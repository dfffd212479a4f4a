"""Losses: packed and padded alike, equal to the model's own, and each option by its definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from distilbert import DistilBertConfig
from distilbert.torch.heads import MODEL_CLASSES
from distilbert.torch.objective import TaskObjective
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.training.objective import LossSettings

HEADS = [name for name in MODEL_CLASSES if name != "base"]
KINDS = ["single_label_classification", "multi_label_classification", "regression"]
LENGTHS = (7, 3, 11, 5)


def model_of(head: str, kind: str | None = None, seed: int = 0) -> PreTrainedModel:
    config = DistilBertConfig(
        vocab_size=99,
        dim=32,
        n_heads=4,
        n_layers=2,
        hidden_dim=64,
        max_position_embeddings=16,
        dropout=0.0,
        attention_dropout=0.0,
        seq_classif_dropout=0.0,
        qa_dropout=0.0,
        problem_type=kind,
        num_labels=2 if head == "question_answering" else 3,
    )
    torch.manual_seed(seed)
    return MODEL_CLASSES[head](config)


def batch_of(head: str, kind: str | None = None) -> dict[str, Tensor]:
    rng = np.random.default_rng(0)
    mask = (np.arange(11) < np.array(LENGTHS)[:, None]).astype(np.int64)
    ids = rng.integers(5, 99, mask.shape) * mask
    labels: Mapping[str, Any]
    if head in ("masked_lm", "token_classification"):
        chosen = (rng.random(mask.shape) < 0.4) & (mask == 1)
        truth = ids if head == "masked_lm" else rng.integers(0, 3, mask.shape)
        labels = {"labels": np.where(chosen, truth, -100)}
    elif head == "question_answering":
        labels = {"start_positions": [1, 0, 4, 2], "end_positions": [3, 0, 9, 2]}
    elif head == "multiple_choice":
        ids, mask = ids.reshape(2, 2, 11), mask.reshape(2, 2, 11)
        labels = {"labels": [1, 0]}
    elif kind == "single_label_classification":
        labels = {"labels": [0, 2, 1, 1]}
    else:
        labels = {"labels": rng.integers(0, 2, (4, 3)).astype(np.float32)}
    arrays = {"input_ids": ids, "attention_mask": mask, **labels}
    return {name: torch.as_tensor(np.asarray(array)) for name, array in arrays.items()}


CASES = [
    *((head, None) for head in HEADS if head != "sequence_classification"),
    *(("sequence_classification", kind) for kind in KINDS),
]


def loss_of(
    model: PreTrainedModel,
    batch: dict[str, Tensor],
    teacher: PreTrainedModel | None = None,
    *,
    packing: bool = True,
    **settings: Any,
) -> Tensor:
    kind = model.config.problem_type
    objective = TaskObjective(model.head, kind, LossSettings(**settings), teacher, packing=packing)
    return objective(model, batch, {"items": 1})["loss"]  # the sum


def n_items(head: str, batch: Mapping[str, Tensor]) -> int:
    if head in ("masked_lm", "token_classification"):
        return int((batch["labels"] != -100).sum())
    return len(batch["input_ids"])


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_packed_and_padded_training_have_the_same_loss_and_gradients(
    head: str, kind: str | None
) -> None:
    model, batch = model_of(head, kind), batch_of(head, kind)
    losses, gradients = [], []
    for packing in (True, False):
        model.zero_grad()
        loss = loss_of(model, batch, packing=packing)
        loss.backward()
        losses.append(loss.detach())
        gradients.append([p.grad for p in model.parameters()])
    torch.testing.assert_close(*losses)
    for packed, padded in zip(*gradients, strict=True):
        torch.testing.assert_close(packed, padded, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_the_mean_over_items_is_the_models_own_loss(head: str, kind: str | None) -> None:
    model, batch = model_of(head, kind), batch_of(head, kind)
    if head == "question_answering":  # the model's own lets padding take part
        batch = {name: value[2:3] for name, value in batch.items()}
    own = model(**batch, return_dict=True).loss
    total = loss_of(model, batch)
    torch.testing.assert_close(total / n_items(head, batch), own)


def test_padding_takes_no_part_in_the_choice_of_an_answer() -> None:
    model, batch = model_of("question_answering"), batch_of("question_answering")
    alone = [
        loss_of(
            model,
            {
                name: value[row : row + 1, : LENGTHS[row]] if value.ndim == 2 else value[row, None]
                for name, value in batch.items()
            },
        )
        for row in range(4)
    ]
    together = loss_of(model, batch)
    torch.testing.assert_close(together, torch.stack(alone).sum())


@pytest.mark.parametrize("head", ["sequence_classification", "token_classification"])
def test_smoothing_and_weights_are_those_of_cross_entropy(head: str) -> None:
    kind = KINDS[0] if head.startswith("sequence") else None
    model, batch = model_of(head, kind), batch_of(head, kind)
    weights = torch.tensor([0.5, 1.0, 2.0])
    logits = model(batch["input_ids"], batch["attention_mask"], return_dict=True).logits
    expected = F.cross_entropy(
        logits.flatten(0, -2),
        batch["labels"].flatten(),
        weight=weights,
        label_smoothing=0.1,
        reduction="sum",
    )
    found = loss_of(model, batch, label_smoothing=0.1, class_weights=weights.numpy())
    torch.testing.assert_close(found, expected)


def test_smoothing_of_spans_spreads_over_visible_tokens() -> None:
    model, batch = model_of("question_answering"), batch_of("question_answering")
    output = model(batch["input_ids"], batch["attention_mask"], return_dict=True)
    expected = torch.zeros(())
    for logits, side in ((output.start_logits, "start"), (output.end_logits, "end")):
        for row, length in enumerate(LENGTHS):
            target = batch[f"{side}_positions"][row : row + 1]
            seen = logits[row : row + 1, :length]
            expected = expected + F.cross_entropy(seen, target, label_smoothing=0.1) / 2
    found = loss_of(model, batch, label_smoothing=0.1)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_a_teacher_like_the_student_teaches_nothing(head: str, kind: str | None) -> None:
    model, batch = model_of(head, kind), batch_of(head, kind)
    found = loss_of(model, batch, model_of(head, kind), teacher_weight=1.0, temperature=2.0)
    torch.testing.assert_close(found, torch.zeros(()), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_a_teachers_loss_leads_to_its_outputs(head: str, kind: str | None) -> None:
    model, teacher, batch = model_of(head, kind), model_of(head, kind, 1), batch_of(head, kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in range(8):
        loss = loss_of(model, batch, teacher, teacher_weight=1.0, temperature=2.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0
    assert losses[-1] < losses[0]
    assert all(p.grad is None for p in teacher.parameters())


def test_the_teachers_share_is_the_divergence_of_softened_distributions() -> None:
    head, kind = "sequence_classification", KINDS[0]
    model, teacher, batch = model_of(head, kind), model_of(head, kind, 1), batch_of(head, kind)
    inputs = (batch["input_ids"], batch["attention_mask"])
    student = model(*inputs, return_dict=True).logits.double()
    wanted = teacher(*inputs, return_dict=True).logits.double()
    p, q = (wanted / 3).softmax(-1), (student / 3).softmax(-1)
    apart = 9 * (p * (p / q).log()).sum()
    labels = F.cross_entropy(student, batch["labels"], reduction="sum")
    found = loss_of(model, batch, teacher, teacher_weight=0.25, temperature=3.0)
    expected = (0.75 * labels + 0.25 * apart).float()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_answers_are_taught_as_in_the_second_stage_of_the_original() -> None:
    """Half of the divergences of start and end over all positions, times T squared, and half of the
    labels' loss; as means over the batch, each weighted by a half. The original's softmax includes
    padding, so the batch has none."""
    head = "question_answering"
    model, teacher, batch = model_of(head, None), model_of(head, None, 1), batch_of(head, None)
    rows = batch["attention_mask"].all(1).nonzero()[:, 0]
    batch = {name: value[rows] for name, value in batch.items()}
    assert len(rows)
    inputs = (batch["input_ids"], batch["attention_mask"])
    student, wanted = (one(*inputs, return_dict=True) for one in (model, teacher))
    divergence, labels = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for side in ("start", "end"):
        own, target = (one[f"{side}_logits"].double() for one in (student, wanted))
        p, q = (target / 2).softmax(-1), (own / 2).softmax(-1)
        divergence += (p * (p / q).log()).sum(-1).mean() * 2**2 / 2
        labels += F.cross_entropy(own, batch[f"{side}_positions"]) / 2
    found = loss_of(model, batch, teacher, teacher_weight=0.5, temperature=2.0) / len(rows)
    expected = (0.5 * divergence + 0.5 * labels).float()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_r_drop_adds_nothing_without_dropout_and_something_with_it() -> None:
    head, kind = "sequence_classification", KINDS[0]
    model, batch = model_of(head, kind), batch_of(head, kind)
    plain = loss_of(model, batch)
    torch.testing.assert_close(loss_of(model, batch, r_drop=1.0), plain)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.3
    model.train()
    torch.manual_seed(0)
    little = loss_of(model, batch, r_drop=1e-9)
    torch.manual_seed(0)
    much = loss_of(model, batch, r_drop=1.0)
    assert much > little


@pytest.mark.parametrize("head", HEADS)
def test_a_process_without_a_share_still_has_gradients(head: str) -> None:
    kind = KINDS[0] if head.startswith("sequence") else None
    model = model_of(head, kind)
    nothing = {name: value[:0] for name, value in batch_of(head, kind).items()}
    loss = loss_of(model, nothing)
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())
