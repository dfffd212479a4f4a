"""Run by test_train.py in a process of its own, where the CPU counts as two devices.

Prints, as JSON, what is learned by one device and by both: losses and answers.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import tensorflow as tf

from distilbert import DistilBertConfig, TFDistilBertForMaskedLM
from distilbert.tensorflow.train import Trainer, task_objective
from distilbert.training.feed import Update
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import OptimizationSection


def update(number: int) -> Update:
    """Three rows and a single one, which two devices cannot share evenly."""
    rng = np.random.default_rng(number)
    mask = (np.arange(7) < rng.integers(3, 8, 4)[:, None]).astype(np.int64)
    ids = rng.integers(5, 99, mask.shape) * mask
    labels = np.where((rng.random(mask.shape) < 0.5) & (mask == 1), ids, -100)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    parts = [{name: array[rows] for name, array in batch.items()} for rows in ([0, 1, 2], [3])]
    counts = {"items": int((labels != -100).sum())}
    return Update(number, 0, 1e-2, parts, counts, 4, int(mask.sum()))


def learned(model: TFDistilBertForMaskedLM, device: str | None) -> dict[str, Any]:
    """Two updates without dropout, a third by a trainer that goes on where the first stopped."""
    settings = TrainerSettings(OptimizationSection(dropout=0.0, ema=0.5), device=device)
    objective = task_objective(model, LossSettings())
    first, second = Trainer(model, objective, settings), Trainer(model, objective, settings)
    losses = [first.update(update(number)).loss for number in range(2)]
    second.restore(first.state())
    losses.append(second.update(update(2)).loss)
    batch = {name: update(9).batches[0][name] for name in ("input_ids", "attention_mask")}
    logits = second.runner().run_batch(batch)["logits"]
    n_devices = second.strategy.num_replicas_in_sync
    return {"devices": n_devices, "losses": losses, "logits": logits.tolist()}


def main() -> None:
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    config = DistilBertConfig(
        vocab_size=99, dim=32, n_heads=4, n_layers=1, hidden_dim=64, max_position_embeddings=16
    )
    model = TFDistilBertForMaskedLM(config)
    one, both = learned(model, "cpu:0"), learned(model, None)
    objective = task_objective(model, LossSettings())
    dropping = Trainer(model, objective, TrainerSettings())  # dropout draws on every device
    assert dropping.update(update(0)).loss != both["losses"][0]
    print(json.dumps([one, both]))


if __name__ == "__main__":
    main()
