"""Train a tiny model for a few updates, alone or started by torchrun; the leader writes the losses.

Usage: train_in_processes.py OUTPUT ENGINE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from distilbert import DistilBertConfig, DistilBertForTokenClassification
from distilbert.torch.train import Trainer, task_objective
from distilbert.training.feed import Feed
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import OptimizationSection

LENGTHS = np.array([3, 9, 4, 4, 12, 7, 5, 3, 8, 6, 11, 5, 4])


def make(numbers: list[int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    mask = (np.arange(12) < LENGTHS[numbers][:, None]).astype(np.int64)
    ids = np.stack([np.random.default_rng(n).integers(5, 99, 12) for n in numbers])
    return {
        "input_ids": ids * mask,
        "attention_mask": mask,
        "labels": np.where(mask == 1, ids % 3, -100),
    }


def main(output: Path, engine: str) -> None:
    config = DistilBertConfig(
        vocab_size=99,
        dim=32,
        n_heads=4,
        n_layers=2,
        hidden_dim=64,
        max_position_embeddings=16,
        num_labels=3,
        dropout=0.0,
        attention_dropout=0.0,
    )
    torch.manual_seed(0)
    settings = TrainerSettings(
        OptimizationSection(ema=0.5, freeze=("word_embeddings",)), device="cpu", parallel=engine
    )
    model = DistilBertForTokenClassification(config)
    trainer = Trainer(model, task_objective(model, LossSettings()), settings)
    del model  # it would keep the group of processes
    feed = Feed(
        lengths=LENGTHS,
        make=make,  # pyright: ignore[reportArgumentType]
        count=lambda batch: {"items": int((batch["labels"] != -100).sum())},
        seed=0,
        batch_size=3,  # 13 rows: some process has no row of the last batch
        accumulation=2,
        data_shard=(trainer.processes.rank, trainer.processes.size),
    )
    outcomes = [trainer.update(update) for update in feed.updates(0, 6, lambda step: 1e-2)]
    state = trainer.state()
    trainer.restore(state)
    again = trainer.state()
    scores = trainer.runner().run_batch({"input_ids": np.arange(5, 10)[None]})["logits"]
    trainer.save(output / "model")
    if trainer.processes.is_main_process:
        found = {
            "losses": [outcome.loss for outcome in outcomes],
            "norms": [outcome.grad_norm for outcome in outcomes],
            "scores": scores.tolist(),
            "same": all(np.array_equal(state[name], again[name]) for name in state),
            "size": trainer.processes.size,
            "shared": trainer.processes.broadcast("told"),
        }
        (output / "found.json").write_text(json.dumps(found))
    else:
        assert trainer.processes.broadcast(None) == "told"
    trainer.close()
    # A thread that is left when the interpreter ends may abort it.
    tasks = Path("/proc/self/task").glob("*/comm")
    assert not [name for name in (task.read_text() for task in tasks) if "gloo" in name]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
