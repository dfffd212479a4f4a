"""Losses: equal to the model's own, to PyTorch's under every option, and blind to padding."""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from distilbert import DistilBertConfig
from distilbert.flax.heads import MODEL_CLASSES
from distilbert.flax.losses import choice_loss, sequence_loss, span_loss, token_loss
from distilbert.flax.objective import TaskObjective
from distilbert.flax.shapes import pad_batch
from distilbert.torch.objective import TaskObjective as TorchObjective
from distilbert.training.objective import LossSettings

KINDS = ["single_label_classification", "multi_label_classification", "regression"]
CASES = [
    *((head, None) for head in MODEL_CLASSES if head not in ("base", "sequence_classification")),
    *(("sequence_classification", kind) for kind in KINDS),
]
LENGTHS = (7, 3, 11, 5)
KEY = jax.random.key(0)


def model_of(head: str, kind: str | None = None, *, dropout: float = 0.0) -> Any:
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
    return MODEL_CLASSES[head](config, seed=1)


def batch_of(head: str, kind: str | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = (np.arange(11) < np.array(LENGTHS)[:, None]).astype(np.int64)
    ids = rng.integers(5, 99, mask.shape) * mask
    labels: dict[str, Any]
    if head in ("masked_lm", "token_classification"):
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
    arrays = {"input_ids": ids, "attention_mask": mask, **labels}
    return {name: np.asarray(array) for name, array in arrays.items()}


def objective_of(model: Any, **options: Any) -> TaskObjective:
    return TaskObjective(model.head, model.config.problem_type, LossSettings(**options))


def padded(model: Any, batch: dict[str, np.ndarray], n_rows: int = 4) -> Any:
    longest = model.config.max_position_embeddings
    return pad_batch(batch, model.head, longest=longest, n_rows=n_rows)


def loss_of(model: Any, batch: dict[str, np.ndarray], **options: Any) -> float:
    losses = objective_of(model, **options)(model.module, model.params, padded(model, batch), KEY)
    return float(losses["loss"])


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_the_mean_over_items_is_the_models_own_loss(head: str, kind: str | None) -> None:
    model, batch = model_of(head, kind), batch_of(head, kind)
    if head == "question_answering":  # the model's own lets padding take part
        batch = {name: value[2:3] for name, value in batch.items()}
    names = [name for name in batch if name not in ("input_ids", "attention_mask")]
    answer, labels = (
        model(batch["input_ids"], batch["attention_mask"]),
        [batch[name] for name in names],
    )
    if head == "question_answering":
        own = span_loss(answer[0], answer[1], *labels)
    elif head == "sequence_classification":
        own = sequence_loss(answer[0], *labels, problem_type=kind)
    else:
        own = (choice_loss if head == "multiple_choice" else token_loss)(answer[0], *labels)
    is_per_token = head in ("masked_lm", "token_classification")
    n_items = (labels[0] != -100).sum() if is_per_token else len(batch["input_ids"])
    assert loss_of(model, batch) / n_items == pytest.approx(float(own), rel=2e-5)


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_loss_and_divergence_of_given_logits_are_those_of_pytorch(
    head: str, kind: str | None
) -> None:
    model, batch = model_of(head, kind), batch_of(head, kind)
    is_weighed = kind in KINDS[:2] or head == "token_classification"
    weights = np.array([0.5, 1.0, 2.0], np.float32) if is_weighed else None
    ours = objective_of(model, label_smoothing=0.1, class_weights=weights)
    theirs = TorchObjective(head, kind, LossSettings(label_smoothing=0.1, class_weights=weights))
    arrays = padded(model, batch, n_rows=6)
    item_logits = functools.partial(ours.item_logits, model.module)
    shape = jax.eval_shape(item_logits, model.params, arrays, KEY).shape
    rng = np.random.default_rng(1)
    logits, wanted = (rng.standard_normal(shape).astype(np.float32) * 3 for _ in range(2))
    tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
    theirs_of = [torch.from_numpy(_items(array, head, arrays)) for array in (logits, wanted)]
    if head == "question_answering":  # both let padding out before
        arrays["attention_mask"][:4] = 1
        tensors["attention_mask"] = torch.ones(4, shape[-1], dtype=torch.int64)
    expected = theirs.label_loss(theirs_of[0], tensors)
    found = ours.label_loss(logits, arrays)  # pyright: ignore[reportArgumentType]
    assert float(found) == pytest.approx(float(expected), rel=1e-5)
    expected = theirs.divergence(theirs_of[0], theirs_of[1], 1.0)
    found = ours.divergence(logits, wanted, arrays)  # pyright: ignore[reportArgumentType]
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def _items(logits: np.ndarray, head: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """The logits of labelled tokens or real rows, as PyTorch's objective selects them."""
    if head in ("masked_lm", "token_classification"):
        return logits[arrays["labels"] != -100]
    return logits[arrays["is_row"]]


@pytest.mark.parametrize(("head", "kind"), CASES)
def test_added_rows_and_columns_change_neither_loss_nor_gradients(
    head: str, kind: str | None
) -> None:
    model, batch = model_of(head, kind), batch_of(head, kind)
    objective = objective_of(model, label_smoothing=0.1)
    much = padded(model, batch, n_rows=7)
    rows = len(batch["input_ids"])
    little = pad_batch(batch, head, longest=11, n_rows=rows)
    assert little["input_ids"].shape == batch["input_ids"].shape
    call = jax.jit(jax.value_and_grad(lambda *given: objective(model.module, *given)["loss"]))
    (first, slopes), (second, others) = (call(model.params, one, KEY) for one in (little, much))
    assert float(first) == pytest.approx(float(second), rel=1e-5)
    for one, other in zip(jax.tree.leaves(slopes), jax.tree.leaves(others), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


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
    output = model(batch["input_ids"], batch["attention_mask"])
    expected = 0.0
    for logits, side in ((output.start_logits, "start"), (output.end_logits, "end")):
        for row, length in enumerate(LENGTHS):
            target = torch.tensor(batch[f"{side}_positions"][row : row + 1])
            seen = torch.tensor(np.array(logits[row : row + 1, :length]))
            expected += float(F.cross_entropy(seen, target, label_smoothing=0.1)) / 2
    assert loss_of(model, batch, label_smoothing=0.1) == pytest.approx(expected, rel=1e-5)


def test_r_drop_adds_nothing_without_dropout_and_something_with_it() -> None:
    head, kind = "sequence_classification", KINDS[0]
    model, batch = model_of(head, kind), batch_of(head, kind)
    assert loss_of(model, batch, r_drop=1.0) == pytest.approx(loss_of(model, batch), rel=1e-6)
    model = model_of(head, kind, dropout=0.3)
    little, much = (loss_of(model, batch, r_drop=weight) for weight in (1e-9, 1.0))
    assert much > little
