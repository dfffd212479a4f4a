"""Run by test_train.py in processes of its own: losses and first weights of a run, as JSON."""

from __future__ import annotations

import json

import jax
import numpy as np

from distilbert import DistilBertConfig, FlaxDistilBertForMaskedLM
from distilbert.flax.train import Trainer
from distilbert.training.feed import Update
from distilbert.training.run_card import OptimizationSection, RunCard


def update(number: int) -> Update:
    """Three rows, which two devices cannot share evenly."""
    rng = np.random.default_rng(number)
    mask = (np.arange(7) < rng.integers(3, 8, 3)[:, None]).astype(np.int64)
    ids = rng.integers(5, 99, mask.shape) * mask
    labels = np.where((rng.random(mask.shape) < 0.5) & (mask == 1), ids, -100)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    return Update(number, 0, 1e-3, [batch], int((labels != -100).sum()), 3, int(mask.sum()))


def main() -> None:
    config = DistilBertConfig(
        vocab_size=99, dim=32, n_heads=4, n_layers=1, hidden_dim=64, max_position_embeddings=16
    )
    card = RunCard(optimization=OptimizationSection(batch_size=3))
    trainer = Trainer(FlaxDistilBertForMaskedLM(config), card)
    losses = [trainer.update(update(number)).loss for number in range(3)]
    batch = {name: update(9).batches[0][name] for name in ("input_ids", "attention_mask")}
    logits = trainer.runner()(batch)["logits"]
    found = {"devices": len(jax.devices()), "losses": losses, "logits": logits.tolist()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
