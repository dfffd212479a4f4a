"""Losses: equal to the model's own, to PyTorch's under every option, and blind to padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
from torch.nn import functional as F

from distilbert import DistilBertConfig
from distilbert.heads import HEADS
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.objective import TaskObjective
from distilbert.torch.objective import TaskObjective as TorchObjective
from distilbert.training.objective import LossSettings

KINDS = ["single_label_classification", "multi_label_classification", "regression"]
CASES = [
    *((head, None) for head in MODEL_CLASSES if head not in ("base", "sequence_classification")),
    *(("sequence_classification", kind) for kind in KINDS),
]
LENGTHS = (7, 3, 11, 5)
TOKEN_HEADS = ("masked_lm", "token_classification")


def model_of(head: str, kind: str | None = None, *, dropout: float = 0.0, dtype: Any = None) -> Any:
    config = DistilBertConfig(
        vocab_size=99,
        dim=32,
        n_heads=4,
        n_layers=1,
        hidden_dim=64,
        max_position_embeddings=16,
        dropout=dropout,
        attention_dropout=dropout,
        seq_classif_dropout=dropout,
        qa_dropout=dropout,
        problem_type=kind,
        num_labels=2 if head == "question_answering" else 3,
        initializer_range=0.3,
    )
    tf.random.set_seed(1)
    return MODEL_CLASSES[head](config, dtype=dtype)


def batch_of(head: str, kind: str | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = (np.arange(11) < np.array(LENGTHS)[:, None]).astype(np.int32)
    ids = rng.integers(5, 99, mask.shape).astype(np.int32) * mask
    labels: dict[str, Any]
    if HEADS[head].labels_per_token:
        chosen = (rng.random(mask.shape) < 0.4) & (mask == 1)
        truth = ids if head == "masked_lm" else rng.integers(0, 3, mask.shape)
        labels = {"labels": np.where(chosen, truth, -100)}
    elif head == "question_answering":
        labels = {"start_positions": [1, 0, 4, 2], "end_positions": [3, 0, 9, 2]}
    elif head == "multiple_choice":
        ids, mask = ids.reshape(2, 2, 11), mask.reshape(2, 2, 11)
        labels = {"labels": [1, 0]}
    elif kind == KINDS[0]:
        labels = {"labels": [0, 2, 1, 1]}
    else:
        labels = {"labels": rng.integers(0, 2, (4, 3)).astype(np.float32)}
    return {"input_ids": ids, "attention_mask": mask} | {
        name: np.asarray(array, np.float32 if kind in KINDS[1:] else np.int32)
        for name, array in labels.items()
    }


def tensors(batch: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {name: tf.constant(array) for name, array in batch.items()}


def objective_of(model: Any, **options: Any) -> TaskObjective:
    return TaskObjective(model.head, model.config.problem_type, LossSettings(**options))


def loss_of(model: Any, batch: dict[str, np.ndarray], **options: Any) -> float:
    return float(objective_of(model, **options)(model, tensors(batch))["loss"])


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(("head", "kind"), CASES)
def test_the_mean_over_items_is_the_models_own_loss(
    head: str, kind: str | None, dtype: str
) -> None:
    model, batch = model_of(head, kind, dtype=dtype), batch_of(head, kind)
    if head == "question_answering":  # the model's own lets padding take part
        batch = {name: value[2:3] for name, value in batch.items()}
    own = float(tf.reduce_mean(model(tensors(batch), return_dict=True).loss))
    n_items = len(batch["input_ids"])
    if HEADS[head].labels_per_token:
        n_items = int((batch["labels"] != -100).sum())
    assert loss_of(model, batch) / n_items == pytest.approx(own, rel=2e-5)


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_loss_and_divergence_of_given_logits_are_those_of_pytorch(
    head: str, kind: str | None
) -> None:
    model, batch = model_of(head, kind), batch_of(head, kind)
    is_weighed = kind in KINDS[:2] or head == "token_classification"
    weights = np.array([0.5, 1.0, 2.0], np.float32) if is_weighed else None
    ours = objective_of(model, label_smoothing=0.1, class_weights=weights)
    theirs = TorchObjective(head, kind, LossSettings(label_smoothing=0.1, class_weights=weights))
    if head == "question_answering":  # both let padding out before
        batch["attention_mask"][:] = 1
    shape: Any = tuple(ours.item_logits(model, tensors(batch)).shape)
    rng = np.random.default_rng(1)
    logits, wanted = (rng.standard_normal(shape).astype(np.float32) * 3 for _ in range(2))
    given = {
        name: torch.from_numpy(array if kind in KINDS[1:] else array.astype(np.int64))
        for name, array in batch.items()
    }
    expected = theirs.label_loss(torch.from_numpy(logits), given)
    found = ours.label_loss(tf.constant(logits), tensors(batch))
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    expected = theirs.divergence(torch.from_numpy(logits), torch.from_numpy(wanted), 1.0)
    found = ours.divergence(tf.constant(logits), tf.constant(wanted))
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_more_padding_changes_no_loss(head: str, kind: str | None) -> None:
    model, batch = model_of(head, kind), batch_of(head, kind)
    wide = dict(batch)
    per_token = [
        "input_ids",
        "attention_mask",
        *(["labels"] if HEADS[head].labels_per_token else []),
    ]
    for name in per_token:
        sides = [(0, 0)] * (batch[name].ndim - 1) + [(0, 3)]
        fill = -100 if name == "labels" else 0
        wide[name] = np.pad(batch[name], sides, constant_values=fill)
    options = {"label_smoothing": 0.1, "r_drop": 1.0}
    assert loss_of(model, wide, **options) == pytest.approx(
        loss_of(model, batch, **options), rel=1e-5
    )


@pytest.mark.parametrize("head", TOKEN_HEADS)
def test_a_batch_without_labels_has_no_loss_and_no_gradient(head: str) -> None:
    model, batch = model_of(head), batch_of(head)
    batch["labels"][:] = -100
    with tf.GradientTape() as tape:
        losses = objective_of(model, label_smoothing=0.1, r_drop=1.0)(model, tensors(batch))
        loss = losses["loss"]
    assert float(loss) == 0
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    for gradient in gradients:
        if gradient is not None:
            assert not np.asarray(tf.convert_to_tensor(gradient)).any()


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
    assert loss_of(model, batch) == pytest.approx(sum(alone), rel=1e-5)


def test_smoothing_of_spans_spreads_over_visible_tokens() -> None:
    model, batch = model_of("question_answering"), batch_of("question_answering")
    output = model(batch["input_ids"], batch["attention_mask"], return_dict=True)
    expected = 0.0
    for logits, side in ((output.start_logits, "start"), (output.end_logits, "end")):
        for row, length in enumerate(LENGTHS):
            target = torch.tensor(batch[f"{side}_positions"][row : row + 1]).long()
            seen = torch.tensor(np.array(logits[row : row + 1, :length]))
            expected += float(F.cross_entropy(seen, target, label_smoothing=0.1)) / 2
    assert loss_of(model, batch, label_smoothing=0.1) == pytest.approx(expected, rel=1e-5)


def test_r_drop_adds_nothing_without_dropout_and_something_with_it() -> None:
    head, kind = "sequence_classification", KINDS[0]
    model, batch = model_of(head, kind), batch_of(head, kind)
    assert loss_of(model, batch, r_drop=1.0) == pytest.approx(loss_of(model, batch), rel=1e-6)
    model = model_of(head, kind, dropout=0.3)
    losses = []
    for weight in (1e-9, 1.0):
        for number, layer in enumerate(model._flatten_layers()):
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([number, 0])
        losses.append(loss_of(model, batch, r_drop=weight))
    assert losses[1] > losses[0]
