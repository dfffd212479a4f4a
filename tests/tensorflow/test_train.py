"""Updates of a model: what they change, what they leave, and that they can be taken up again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from distilbert import (
    DistilBertConfig,
    TFDistilBertForSequenceClassification,
    TFDistilBertModel,
)
from distilbert.errors import InputError
from distilbert.opening import find_model
from distilbert.tensorflow.train import Trainer, starting_model, task_objective
from distilbert.tensorflow.weights import canonical_arrays
from distilbert.training.feed import Update
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import OptimizationSection

SCRIPT = Path(__file__).with_name("train_on_devices.py")
CONFIG: dict[str, Any] = {
    "vocab_size": 99,
    "dim": 32,
    "n_heads": 4,
    "n_layers": 1,
    "hidden_dim": 64,
    "max_position_embeddings": 16,
    "num_labels": 3,
    "problem_type": "single_label_classification",
}
NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}


def fresh(**changes: Any) -> TFDistilBertForSequenceClassification:
    tf.random.set_seed(0)
    return TFDistilBertForSequenceClassification(DistilBertConfig(**{**CONFIG, **changes}))


def trainer(model: Any = None, r_drop: float = 0.0, **options: Any) -> Trainer:
    model = fresh() if model is None else model
    settings = TrainerSettings(OptimizationSection(**options), seed=3)
    return Trainer(model, task_objective(model, LossSettings(r_drop=r_drop)), settings)


def update(number: int, rows: int = 6, *, parts: int = 1, rate: float = 1e-2) -> Update:
    rng = np.random.default_rng(number)
    lengths = rng.integers(3, 9, rows)
    mask = (np.arange(8) < lengths[:, None]).astype(np.int64)
    batch = {
        "input_ids": rng.integers(5, 99, mask.shape) * mask,
        "attention_mask": mask,
        "labels": rng.integers(0, 3, rows),
    }
    size = rows // parts
    batches = [
        {name: array[i : i + size] for name, array in batch.items()} for i in range(0, rows, size)
    ]
    return Update(number, 0, rate, batches, {"items": rows}, rows, int(mask.sum()))


def run(subject: Trainer, numbers: Iterator[int] | range, **options: Any) -> list[float]:
    return [subject.update(update(number, **options)).loss for number in numbers]


def weights(subject: Trainer) -> dict[str, np.ndarray]:
    """Every weight of the model in training, whether it changes or not."""
    return canonical_arrays(subject.model)


def test_training_makes_the_loss_smaller_and_traces_once() -> None:
    subject = trainer()
    first = subject.update(update(0)).loss
    for _ in range(20):
        subject.update(update(0))
    assert subject.update(update(0)).loss < first / 2
    run(subject, range(3), rows=5)
    for function in (subject.gradients, subject.step):
        assert function.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("options", [{"ema": 0.9}, {"precision": "bfloat16"}], ids=str)
def test_a_resumed_run_is_bit_identical_to_an_uninterrupted_one(options: dict[str, Any]) -> None:
    whole, cut = trainer(**options), trainer(**options)
    expected = run(whole, range(8))
    found = run(cut, range(4))
    arrays = cut.state()
    kept = {name: array.copy() for name, array in arrays.items()}
    run(cut, range(4, 6))
    for name, array in kept.items():  # what was handed out no longer changes
        np.testing.assert_array_equal(arrays[name], array)
    tf.random.set_seed(99)  # whatever else drew random numbers must not matter
    resumed = trainer(**options)
    resumed.restore(arrays)
    found += run(resumed, range(4, 8))
    assert found == expected
    end = resumed.state()
    assert end.keys() == whole.state().keys()
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, end[name])


def test_the_callers_random_numbers_stay_as_they_are() -> None:
    subject = trainer()
    tf.random.set_seed(5)
    drawn = tf.random.uniform((3,)).numpy()
    tf.random.set_seed(5)
    python: Any = random.getstate()
    numpy: Any = np.random.get_state()
    subject.update(update(0))
    assert random.getstate() == python
    now: Any = np.random.get_state()
    np.testing.assert_array_equal(now[1], numpy[1])
    np.testing.assert_array_equal(tf.random.uniform((3,)), drawn)


def test_an_update_in_parts_equals_one_in_a_piece() -> None:
    one, many = trainer(fresh(**NO_DROPOUT)), trainer(fresh(**NO_DROPOUT))
    assert run(one, range(3)) == pytest.approx(run(many, range(3), parts=3), rel=1e-5)
    for name, array in weights(one).items():
        # AdamW enlarges rounding where gradients are tiny; a step is 1e-2.
        np.testing.assert_allclose(array, weights(many)[name], atol=1e-4)


def test_dropout_differs_between_updates_batches_and_devices() -> None:
    subject = trainer()
    drawn = [
        subject._seeds(number, batch, device).numpy()
        for number in (0, 1)
        for batch in (0, 1)
        for device in (0, 1)
    ]
    assert len(np.unique(np.concatenate(drawn), axis=0)) == 8 * len(subject.dropouts) == 8 * 4
    same = {**update(0).batches[0]}
    losses = []
    for number in (0, 1, 0):
        given = Update(number, 0, 0.0, [same], {"items": 6}, 6, 6)
        losses.append(subject.update(given).loss)
    assert losses[0] == losses[2] != losses[1]


def test_frozen_parts_stay_and_cost_no_gradient() -> None:
    subject = trainer(freeze=("embeddings", "layer.0"))
    before = weights(subject)
    run(subject, range(2))
    after = weights(subject)
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {name for name in before if ".embeddings." in name or ".layer.0." in name}
    assert not any("embeddings" in name for name in subject.state())


def test_a_table_in_the_place_of_sinusoids_stays() -> None:
    name = "distilbert.embeddings.position_embeddings.weight"
    subject = trainer(fresh(sinusoidal_pos_embds=True))
    before = weights(subject)[name]
    run(subject, range(1))
    np.testing.assert_array_equal(weights(subject)[name], before)
    assert f"weights.{name}" not in subject.state()


def test_the_first_step_of_adamw_is_the_rate_times_the_sign() -> None:
    """With bias correction the first step is the sign of the gradient, whatever its size."""
    subject = trainer(weight_decay=0.0, layer_decay=0.5, max_grad_norm=0.0)
    before = weights(subject)
    run(subject, range(1), rate=1e-3)
    moved = {name: np.abs(array - before[name]).max() for name, array in weights(subject).items()}
    assert moved["classifier.weight"] == pytest.approx(1e-3, rel=1e-2)
    block = "distilbert.transformer.layer.0.ffn.lin1.weight"
    assert moved[block] == pytest.approx(5e-4, rel=1e-2)
    words = moved["distilbert.embeddings.word_embeddings.weight"]
    assert words == pytest.approx(2.5e-4, rel=1e-2)


def test_large_gradients_are_scaled_down_to_the_limit() -> None:
    free, held = trainer(max_grad_norm=0.0), trainer(max_grad_norm=1e-3)
    assert free.update(update(0)).grad_norm == pytest.approx(held.update(update(0)).grad_norm)
    name = "exp_avg.classifier.weight"
    sizes = [np.linalg.norm(subject.state()[name]) for subject in (free, held)]
    assert sizes[1] < sizes[0] / 10


def test_numbers_that_are_not_finite_change_nothing() -> None:
    broken = fresh()
    broken.classifier.bias.assign(np.full(3, np.nan, np.float32))
    subject = trainer(broken)
    before = subject.state()
    assert np.isnan(subject.update(update(0)).loss)
    for name, array in subject.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_running_mean_is_what_is_evaluated_and_saved(tmp_path: Path) -> None:
    subject = trainer(ema=0.5)
    start = weights(subject)["classifier.weight"]
    run(subject, range(1))
    now = weights(subject)["classifier.weight"]
    subject.save(tmp_path / "saved")
    saved = TFDistilBertForSequenceClassification.from_pretrained(tmp_path / "saved")
    found = canonical_arrays(saved)["classifier.weight"]
    np.testing.assert_allclose(found, (start + now) / 2, atol=1e-7)
    batch = {name: update(9).batches[0][name] for name in ("input_ids", "attention_mask")}
    logits: Any = saved(batch).logits
    np.testing.assert_allclose(subject.runner().run_batch(batch)["logits"], logits, atol=1e-6)
    np.testing.assert_array_equal(weights(subject)["classifier.weight"], now)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_evaluating_between_updates_changes_nothing(tmp_path: Path, precision: str) -> None:
    one, other = trainer(precision=precision), trainer(precision=precision)
    batch = {name: update(9).batches[0][name] for name in ("input_ids", "attention_mask")}
    found = []
    logits: Any = None
    for number in range(2):
        found.append(other.update(update(number)).loss)
        logits = other.runner().run_batch(batch)["logits"]
    assert run(one, range(2)) == found
    one.save(tmp_path / "saved")
    saved = TFDistilBertForSequenceClassification.from_pretrained(tmp_path / "saved")
    close = 1e-5 if precision == "float32" else 6e-2
    np.testing.assert_allclose(saved(batch).logits, logits, atol=close)
    for name, array in canonical_arrays(saved).items():
        np.testing.assert_array_equal(array, one.state()[f"weights.{name}"])


def test_dropout_of_the_card_replaces_the_models_and_is_not_saved(tmp_path: Path) -> None:
    subject = trainer(dropout=0.0)
    assert run(subject, range(2)) == run(trainer(fresh(**NO_DROPOUT)), range(2))
    subject.save(tmp_path / "saved")
    assert DistilBertConfig.from_pretrained(tmp_path / "saved").dropout == 0.1


def test_all_named_losses_are_means_over_items_and_the_one_called_loss_is_minimized() -> None:
    subject = trainer(fresh(), r_drop=0.5)
    losses = subject.update(update(0)).losses
    assert losses.keys() == {"loss", "label_loss", "r_drop_loss"}
    total = losses["label_loss"] + 0.5 * losses["r_drop_loss"]
    assert losses["loss"] == pytest.approx(total, rel=1e-6)

    def squares(model: Any, batch: Any) -> dict[str, Any]:
        total = tf.reduce_sum(model.classifier.bias**2)
        return {"loss": total + 6.0, "other": total * 0 + 12.0}

    model = fresh()
    subject = Trainer(model, squares, TrainerSettings(OptimizationSection(weight_decay=0.0)))
    outcome = subject.update(update(0, parts=2))
    assert dict(outcome.losses) == {"loss": 2.0, "other": 4.0}  # two batches, six items


def test_two_devices_share_batches_and_learn_what_one_learns() -> None:
    ran = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    one, two = json.loads(ran.stdout.splitlines()[-1])
    assert (one["devices"], two["devices"]) == (1, 2)
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    np.testing.assert_allclose(two["logits"], one["logits"], atol=1e-4)


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(InputError, match="`device` must be one that TensorFlow sees"):
        Trainer(fresh(), lambda *_: {}, TrainerSettings(device="cuda:9"))


def test_new_heads_are_those_of_the_seed_and_old_ones_of_other_sizes_are_replaced(
    tmp_path: Path,
) -> None:
    base = TFDistilBertModel(DistilBertConfig(**CONFIG), dtype="bfloat16")
    base.save_pretrained(tmp_path / "base", safe_serialization=True)
    head, changes = "sequence_classification", {"num_labels": 4}
    one, same, other = (
        starting_model(
            find_model(tmp_path / "base", framework="tensorflow").request(head),
            changes=changes,
            seed=seed,
        )
        for seed in (1, 1, 2)
    )
    assert one.config.num_labels == 4
    assert {array.dtype.name for array in canonical_arrays(one).values()} == {"float32"}
    name = "classifier.weight"
    first, again, third = (canonical_arrays(model)[name] for model in (one, same, other))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, third)
    one.save_pretrained(tmp_path / "four")
    two = starting_model(
        find_model(tmp_path / "four", framework="tensorflow").request(head),
        changes={"num_labels": 2},
        seed=1,
    )
    assert canonical_arrays(two)[name].shape == (2, 32)
    words = [model.get_input_embeddings().table for model in (one, two)]
    np.testing.assert_array_equal(*words)
