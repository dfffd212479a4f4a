"""Three frameworks can be imported into one process, in any order."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from distilbert._lazy import FRAMEWORKS
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig

# A forward pass and a gradient in each framework, in the order of the arguments.
WORK = """
import sys
import numpy as np
import distilbert

folder, order = sys.argv[1], sys.argv[2:]
ids = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
labels = np.array([0, 1])

def torch():
    import torch
    model = distilbert.DistilBertForSequenceClassification.from_pretrained(folder)
    loss = model(torch.from_numpy(ids), labels=torch.from_numpy(labels)).loss
    loss.backward()
    return loss.item(), model.classifier.weight.grad.numpy()

def tensorflow():
    import tensorflow as tf
    model = distilbert.TFDistilBertForSequenceClassification.from_pretrained(folder)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(ids, labels=labels).loss)
    return float(loss), tape.gradient(loss, model.classifier.kernel).numpy().T

def flax():
    import jax
    from distilbert.flax.losses import sequence_loss
    model = distilbert.FlaxDistilBertForSequenceClassification.from_pretrained(folder)
    def loss_of(params):
        return sequence_loss(model(ids, params=params).logits, labels, problem_type=None)
    loss, gradient = jax.value_and_grad(loss_of)(model.params)
    return float(loss), np.asarray(gradient["classifier"]["kernel"]).T

answers = [globals()[name]() for name in order]
for loss, gradient in answers[1:]:
    np.testing.assert_allclose(loss, answers[0][0], atol=2e-5)
    np.testing.assert_allclose(gradient, answers[0][1], atol=2e-5)
print("ok")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)
    config.initializer_range = 0.5
    path = tmp_path_factory.mktemp("model")
    weights = initial_weights(config, "sequence_classification", 0)
    save_checkpoint(path, weights, config, head="sequence_classification")
    return path


@pytest.mark.parametrize("order", itertools.permutations(FRAMEWORKS), ids="-".join)
def test_any_order_of_import_works_and_gives_the_same(order: tuple[str, ...], folder: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WORK, str(folder), *order],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "ok\n"
