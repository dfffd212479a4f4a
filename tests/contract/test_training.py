"""Updates of every framework are PyTorch's: the same start, the same losses, the same end."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert import DistilBertConfig
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.opening import find_model
from distilbert.training.card_file import with_changes
from distilbert.training.feed import Update
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import RunCard

OTHERS = ["tensorflow", "flax"]
N_UPDATES, ROWS, LENGTH = 8, 6, 9
# Sums in another order, carried through eight updates of the optimizer.
LOSS, WEIGHT = 1e-4, 1e-5
# Gradients that are 0 by theory are noise in practice, which counts for nothing beside this.
EPSILON = 1e-4
KINDS = ("single_label_classification", "multi_label_classification", "regression")

# Head or kind -> what the card says of the optimizer: each option where it counts.
CASES: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "masked_lm": ("masked_lm", None, {"weight_decay": 0.1}),
    "token_classification": (
        "token_classification",
        None,
        {"label_smoothing": 0.1, "layer_decay": 0.8, "r_drop": 1.0},
    ),
    "question_answering": ("question_answering", None, {"label_smoothing": 0.1, "r_drop": 1.0}),
    "multiple_choice": ("multiple_choice", None, {"freeze": ("embeddings", "layer.0")}),
    **{
        kind: ("sequence_classification", kind, options)
        for kind, options in (
            (KINDS[0], {"label_smoothing": 0.1, "max_grad_norm": 0.5}),
            (KINDS[1], {"label_smoothing": 0.1, "r_drop": 1.0, "ema": 0.9}),
            (KINDS[2], {"r_drop": 1.0, "max_grad_norm": 0.0}),
        )
    },
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other longer than tiny models take."""
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("framework", OTHERS)
def test_losses_gradients_and_weights_are_those_of_pytorch(
    framework: str, case: str, tmp_path: Path
) -> None:
    head, kind, options = CASES[case]
    start = _start(tmp_path / "start")
    expected, wanted = _trained("torch", start, head, kind, options)
    found, weights = _trained(framework, start, head, kind, options)
    np.testing.assert_allclose(found, expected, rtol=LOSS)
    assert weights.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_allclose(weights[name], array, atol=WEIGHT, err_msg=name)


@pytest.mark.parametrize("framework", OTHERS)
def test_a_run_starts_from_the_weights_of_its_seed(framework: str, tmp_path: Path) -> None:
    start = _start(tmp_path / "start")
    weights = [
        _weights(_trainer(room, start, "sequence_classification", KINDS[0], {}))
        for room in ("torch", framework)
    ]
    assert weights[0].keys() == weights[1].keys()
    for name, array in weights[0].items():
        np.testing.assert_array_equal(weights[1][name], array, err_msg=name)


def _start(folder: Path) -> Path:
    """A base checkpoint, so that every head is fresh."""
    config = DistilBertConfig(
        vocab_size=99, dim=32, n_heads=4, n_layers=2, hidden_dim=64, max_position_embeddings=16
    )
    save_checkpoint(folder, initial_weights(config, "base", 0), config, head="base")
    return folder


def _trained(
    framework: str, start: Path, head: str, kind: str | None, options: Mapping[str, Any]
) -> tuple[list[list[float]], dict[str, np.ndarray]]:
    """Loss and gradient norm of every update, and the weights at the end."""
    trainer = _trainer(framework, start, head, kind, options)
    outcomes = [trainer.update(_update(head, kind, number)) for number in range(N_UPDATES)]
    found = [[outcome.loss, outcome.grad_norm] for outcome in outcomes]
    weights = _weights(trainer)
    trainer.close()
    return found, weights


def _trainer(
    framework: str, start: Path, head: str, kind: str | None, options: Mapping[str, Any]
) -> Any:
    room = importlib.import_module(f"distilbert.{framework}.train")
    n_labels = 2 if head == "question_answering" else 3
    changes = {
        "num_labels": n_labels,
        "problem_type": kind,
        **dict.fromkeys(("dropout", "attention_dropout", "seq_classif_dropout", "qa_dropout"), 0.0),
    }
    request = find_model(start, framework=framework).request(head)
    model = room.starting_model(request, changes=changes, seed=7)
    card = with_changes(RunCard(seed=7), {"batch_size": ROWS, "epsilon": EPSILON, **options})
    has_classes = kind in KINDS[:2] or head == "token_classification"
    weights = np.array([0.5, 1.0, 2.0], np.float32) if has_classes else None
    losses = LossSettings(
        label_smoothing=card.objective.label_smoothing,
        r_drop=card.objective.r_drop,
        class_weights=weights,
    )
    settings = TrainerSettings(card.optimization, seed=card.seed)
    return room.Trainer(model, room.task_objective(model, losses), settings)


def _weights(trainer: Any) -> dict[str, np.ndarray]:
    """Weights that change, and their running means."""
    kinds = ("weights.", "mean.")
    return {name: array for name, array in trainer.state().items() if name.startswith(kinds)}


def _update(head: str, kind: str | None, number: int) -> Update:
    """Two batches, of which the second has fewer rows."""
    rng = np.random.default_rng(number)
    batches = [_batch(rng, head, kind, rows) for rows in (ROWS, ROWS - 2)]
    if head in ("masked_lm", "token_classification"):
        n_items = sum(int((batch["labels"] != -100).sum()) for batch in batches)
    else:
        n_items = sum(len(batch["input_ids"]) for batch in batches)
    n_tokens = sum(int(batch["attention_mask"].sum()) for batch in batches)
    return Update(
        number, 0, 1e-3 * (number + 1), batches, {"items": n_items}, 2 * ROWS - 2, n_tokens
    )


def _batch(
    rng: np.random.Generator, head: str, kind: str | None, rows: int
) -> dict[str, np.ndarray]:
    shape = (rows, 3) if head == "multiple_choice" else (rows,)
    lengths = rng.integers(3, LENGTH + 1, shape)
    mask = (np.arange(LENGTH) < lengths[..., None]).astype(np.int64)
    ids = rng.integers(5, 99, mask.shape) * mask
    labels: dict[str, np.ndarray]
    if head in ("masked_lm", "token_classification"):
        chosen = (rng.random(mask.shape) < 0.4) & (mask == 1)
        truth = ids if head == "masked_lm" else rng.integers(0, 3, mask.shape)
        labels = {"labels": np.where(chosen, truth, -100)}
    elif head == "question_answering":
        sides = ("start_positions", "end_positions")
        labels = {side: rng.integers(0, lengths) for side in sides}
    elif kind == "multi_label_classification":
        labels = {"labels": rng.integers(0, 2, (rows, 3)).astype(np.float32)}
    elif kind == "regression":
        labels = {"labels": rng.standard_normal((rows, 3)).astype(np.float32)}
    else:
        labels = {"labels": rng.integers(0, 3, rows)}
    return {"input_ids": ids, "attention_mask": mask, **labels}
