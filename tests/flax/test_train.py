"""Updates of a model: what they change, what they leave, and that they can be taken up again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from flax.core import FrozenDict

from distilbert import DistilBertConfig
from distilbert.errors import InputError
from distilbert.flax.heads import MODEL_CLASSES
from distilbert.flax.train import Trainer, _optimizer, starting_model, task_objective
from distilbert.flax.weights import to_arrays
from distilbert.opening import find_model
from distilbert.training.feed import Update
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.parameters import Treatment
from distilbert.training.run_card import OptimizationSection

HEAD = "sequence_classification"
DROPLESS = {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}
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


def fresh(**changes: Any) -> Any:
    return MODEL_CLASSES[HEAD](DistilBertConfig(**{**CONFIG, **changes}), seed=0)


def trainer(model: Any = None, r_drop: float = 0.0, **options: Any) -> Trainer:
    model = fresh() if model is None else model
    settings = TrainerSettings(OptimizationSection(**{"batch_size": 6, **options}), seed=3)
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


def run(subject: Trainer, numbers: range, **options: Any) -> list[float]:
    return [subject.update(update(number, **options)).loss for number in numbers]


def weights(subject: Trainer) -> dict[str, np.ndarray]:
    """All weights as they would be saved now, frozen ones too."""
    model = subject.runner().model  # pyright: ignore[reportAttributeAccessIssue]
    arrays = to_arrays(model.params, model.config, HEAD)
    return {name: np.array(array) for name, array in arrays.items()}


def test_training_makes_the_loss_smaller() -> None:
    subject = trainer()
    first = subject.update(update(0)).loss
    for _ in range(20):
        subject.update(update(0))
    assert subject.update(update(0)).loss < first / 2


@pytest.mark.parametrize("options", [{"ema": 0.9}, {"precision": "bfloat16"}], ids=str)
def test_a_resumed_run_is_bit_identical_to_an_uninterrupted_one(options: dict[str, Any]) -> None:
    whole, cut = trainer(**options), trainer(**options)
    expected = run(whole, range(8))
    found = run(cut, range(4))
    arrays = cut.state()
    run(cut, range(4, 6))  # which changes nothing of what was handed out
    resumed = trainer(fresh(initializer_range=0.5), **options)
    resumed.restore(arrays)
    found += run(resumed, range(4, 8))
    assert found == expected
    end = resumed.state()
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, end[name])


def test_the_callers_random_numbers_stay_as_they_are() -> None:
    subject = trainer()
    np.random.seed(5)
    expected = np.random.rand(3)
    np.random.seed(5)
    subject.update(update(0))
    np.testing.assert_array_equal(np.random.rand(3), expected)


def test_an_update_in_parts_equals_one_in_a_piece() -> None:
    one, many = trainer(fresh(**DROPLESS)), trainer(fresh(**DROPLESS), batch_size=2)
    assert run(one, range(3)) == pytest.approx(run(many, range(3), parts=3), rel=1e-5)
    for name, array in weights(one).items():
        # AdamW enlarges rounding where gradients are tiny; a step is 1e-2.
        np.testing.assert_allclose(array, weights(many)[name], atol=1e-4)


def test_batches_of_other_sizes_compile_nothing_new() -> None:
    subject = trainer()
    for number, rows in enumerate((6, 5, 6, 2)):
        subject.update(update(number, rows, rate=1e-3 * number))
    assert subject.gradients._cache_size() == subject.step._cache_size() == 1


def test_frozen_parts_stay_and_keep_no_moments() -> None:
    subject = trainer(fresh(n_layers=2), freeze=("embeddings", "layer.0"))
    before = weights(subject)
    run(subject, range(2))
    after = weights(subject)
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {name for name in before if ".embeddings." in name or ".layer.0." in name}
    assert not any("embeddings" in name for name in subject.state())


def test_a_table_in_the_place_of_sinusoids_never_changes() -> None:
    model = fresh(sinusoidal_pos_embds=True)
    table = np.random.default_rng(0).standard_normal((16, 32)).astype(np.float32)
    embeddings = model.params["distilbert"]["embeddings"]
    embeddings["position_embeddings"] = {"embedding": jnp.array(table)}
    subject = trainer(model)
    run(subject, range(2))
    name = "distilbert.embeddings.position_embeddings.weight"
    np.testing.assert_array_equal(weights(subject)[name], table)
    assert not any("position_embeddings" in name for name in subject.state())


def test_the_first_step_of_adamw_is_the_rate_times_the_sign() -> None:
    """With bias correction the first step is the sign of the gradient, whatever its size."""
    subject = trainer(fresh(n_layers=2), weight_decay=0.0, layer_decay=0.5, max_grad_norm=0.0)
    before = weights(subject)
    run(subject, range(1), rate=1e-3)
    moved = {name: np.abs(array - before[name]).max() for name, array in weights(subject).items()}
    assert moved["classifier.weight"] == pytest.approx(1e-3, rel=1e-2)
    assert moved["distilbert.transformer.layer.1.ffn.lin1.weight"] == pytest.approx(5e-4, rel=1e-2)
    words = moved["distilbert.embeddings.word_embeddings.weight"]
    assert words == pytest.approx(1.25e-4, rel=1e-2)


RATES = (1e-2, 5e-3, 2e-3, 1e-3)
TREATMENTS = FrozenDict({"a": Treatment(1.0, True), "b": Treatment(0.5, False)})


def leaves(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "a": rng.standard_normal((3, 2)).astype(np.float32),
        "b": rng.standard_normal(4).astype(np.float32),
    }


def test_steps_are_those_of_pytorch() -> None:
    init, step = _optimizer(TREATMENTS, 0.8, 0.95, 1e-3, 0.1, 0.7, 0.75)
    values: Any = {name: jnp.array(leaf) for name, leaf in leaves(0).items()}
    means, state = {name: jnp.array(leaf) for name, leaf in values.items()}, init(values)
    theirs = {name: torch.nn.Parameter(torch.tensor(leaf)) for name, leaf in leaves(0).items()}
    reference = torch.optim.AdamW(
        [
            {"params": [theirs["a"]], "weight_decay": 0.1},
            {"params": [theirs["b"]], "weight_decay": 0.0},
        ],
        betas=(0.8, 0.95),
        eps=1e-3,
    )
    for number, rate in enumerate(RATES):
        slopes = leaves(number + 1)
        for name, parameter in theirs.items():
            parameter.grad = torch.tensor(slopes[name])
        expected = torch.nn.utils.clip_grad_norm_(theirs.values(), 0.7)
        for group, scale in zip(reference.param_groups, (1.0, 0.5), strict=True):
            group["lr"] = rate * scale
        reference.step()
        before = {name: np.array(mean) for name, mean in means.items()}
        gradients = {name: jnp.array(leaf) for name, leaf in slopes.items()}
        values, means, state, norm = step(gradients, means, state, values, 1.0, rate)
        assert float(norm) == pytest.approx(float(expected), rel=1e-6)
        for name, mean in means.items():
            followed = 0.75 * before[name] + 0.25 * np.asarray(values[name])
            np.testing.assert_allclose(mean, followed, rtol=1e-6)
    for name, parameter in theirs.items():
        np.testing.assert_allclose(values[name], parameter.detach(), rtol=2e-6)
        for moment, field in (("exp_avg", "mu"), ("exp_avg_sq", "nu")):
            np.testing.assert_allclose(
                optax.tree_utils.tree_get(state, field)[name],
                reference.state[parameter][moment],
                rtol=2e-6,
                atol=1e-8,
            )


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_step_changes_nothing_where_a_number_is_not_finite(broken: str) -> None:
    init, step = _optimizer(TREATMENTS, 0.8, 0.95, 1e-3, 0.1, 0.7, 0.75)
    slopes = leaves(1)
    if broken == "gradient":
        slopes["b"][0] = np.inf
    values: Any = {name: jnp.array(leaf) for name, leaf in leaves(0).items()}
    expected = leaves(0), leaves(0), jax.tree.map(np.array, init(values))
    means = {name: jnp.array(leaf) for name, leaf in values.items()}
    loss = np.nan if broken == "loss" else 1.0
    *found, _ = step(slopes, means, init(values), values, loss, 1e-2)
    jax.tree.map(np.testing.assert_array_equal, tuple(found), expected)


def test_large_gradients_are_scaled_down_to_the_limit() -> None:
    free, held = trainer(max_grad_norm=0.0), trainer(max_grad_norm=1e-3)
    assert free.update(update(0)).grad_norm == pytest.approx(held.update(update(0)).grad_norm)
    name = "exp_avg.classifier.weight"
    sizes = [np.linalg.norm(subject.state()[name]) for subject in (free, held)]
    assert sizes[1] < sizes[0] / 10


def test_numbers_that_are_not_finite_change_nothing() -> None:
    broken = fresh()
    broken.params["classifier"]["bias"] = jnp.full(3, jnp.nan)
    subject = trainer(broken)
    before = subject.state()
    assert np.isnan(subject.update(update(0)).loss)
    for name, array in subject.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_running_mean_is_what_is_evaluated_and_saved(tmp_path: Path) -> None:
    subject = trainer(ema=0.5)
    name = "classifier.weight"
    start = weights(subject)[name]
    run(subject, range(1))
    expected = (start + subject.state()[f"weights.{name}"]) / 2
    subject.save(tmp_path / "saved")
    saved = MODEL_CLASSES[HEAD].from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(
        to_arrays(saved.params, saved.config, HEAD)[name], expected, atol=1e-7
    )
    np.testing.assert_allclose(weights(subject)[name], expected, atol=1e-7)


def test_evaluating_between_updates_changes_nothing() -> None:
    one, other = trainer(), trainer()
    found = []
    for number in range(3):
        found.append(other.update(update(number)).loss)
        batch = update(9).batches[0]
        other.runner().run_batch({name: batch[name] for name in ("input_ids", "attention_mask")})
    assert run(one, range(3)) == found


def test_a_runner_keeps_the_weights_of_its_time() -> None:
    subject = trainer()
    run(subject, range(1))
    early = subject.runner()
    batch = {name: update(9).batches[0][name] for name in ("input_ids", "attention_mask")}
    before = early.run_batch(batch)["logits"]
    run(subject, range(1, 3))
    np.testing.assert_array_equal(early.run_batch(batch)["logits"], before)
    assert not np.array_equal(subject.runner().run_batch(batch)["logits"], before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_saved_model_holds_the_trained_weights(tmp_path: Path, precision: str) -> None:
    subject = trainer(precision=precision)
    run(subject, range(2))
    subject.save(tmp_path / "saved")
    saved = MODEL_CLASSES[HEAD].from_pretrained(tmp_path / "saved")
    arrays = to_arrays(saved.params, saved.config, HEAD)
    for name, value in subject.state().items():
        if name.startswith("weights."):
            assert value.dtype == np.float32
            np.testing.assert_array_equal(arrays[name.removeprefix("weights.")], value)
    batch = {name: update(9).batches[0][name] for name in ("input_ids", "attention_mask")}
    expected = np.asarray(saved(**batch).logits)
    tolerance = 1e-5 if precision == "float32" else 3e-2
    np.testing.assert_allclose(
        subject.runner().run_batch(batch)["logits"], expected, atol=tolerance
    )


def test_dropout_of_the_card_replaces_the_models_in_training_alone(tmp_path: Path) -> None:
    plain, held = trainer(fresh(**DROPLESS)), trainer(dropout=0.0)
    assert run(plain, range(2)) == run(held, range(2))
    held.save(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "config.json").read_text(encoding="utf-8"))
    assert saved["dropout"] == 0.1


def test_gradient_checkpointing_computes_the_same() -> None:
    plain, kept = trainer(), trainer(gradient_checkpointing=True)
    assert run(plain, range(2)) == pytest.approx(run(kept, range(2)), rel=1e-6)


def test_bfloat16_is_near_float32() -> None:
    plain, half = trainer(fresh(**DROPLESS)), trainer(fresh(**DROPLESS), precision="bfloat16")
    first, second = run(plain, range(3), rate=1e-3), run(half, range(3), rate=1e-3)
    assert first != second
    assert first == pytest.approx(second, rel=2e-2)


def test_all_named_losses_are_means_over_items_and_the_one_called_loss_is_minimized() -> None:
    subject = trainer(fresh(), r_drop=0.5)
    losses = subject.update(update(0)).losses
    assert losses.keys() == {"loss", "label_loss", "r_drop_loss"}
    total = losses["label_loss"] + 0.5 * losses["r_drop_loss"]
    assert losses["loss"] == pytest.approx(total, rel=1e-6)

    def squares(module: Any, params: Any, batch: Any, key: Any) -> dict[str, Any]:
        total = (params["classifier"]["bias"] ** 2).sum()
        return {"loss": total + 6.0, "other": total * 0 + 12.0}

    subject = Trainer(fresh(), squares, TrainerSettings(OptimizationSection(weight_decay=0.0)))
    outcome = subject.update(update(0, parts=2))
    assert dict(outcome.losses) == {"loss": 2.0, "other": 4.0}  # two batches, six items


def test_a_device_that_jax_does_not_see_is_refused() -> None:
    with pytest.raises(InputError, match="`device` must be one that JAX sees: got 'cpu:9'"):
        Trainer(fresh(), lambda *_: {}, TrainerSettings(device="cpu:9"))


def test_new_heads_are_those_of_the_seed_and_old_ones_of_other_sizes_are_replaced(
    tmp_path: Path,
) -> None:
    base = MODEL_CLASSES["base"](DistilBertConfig(**CONFIG), seed=0)
    base.save_pretrained(tmp_path / "base")
    one, same, other = (
        starting_model(
            find_model(tmp_path / "base", framework="flax").request(HEAD),
            changes={"num_labels": 4},
            seed=seed,
        )
        for seed in (1, 1, 2)
    )
    first, again, third = (np.array(m.params["classifier"]["kernel"]) for m in (one, same, other))
    assert first.shape == (32, 4)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, third)
    one.save_pretrained(tmp_path / "four")
    two = starting_model(
        find_model(tmp_path / "four", framework="flax").request(HEAD),
        changes={"num_labels": 2},
        seed=1,
    )
    assert two.params["classifier"]["kernel"].shape == (32, 2)
    name = "distilbert.embeddings.word_embeddings.weight"
    arrays = to_arrays(two.params, two.config, HEAD)
    words = to_arrays(base.params, base.config, "base")[name.removeprefix("distilbert.")]
    np.testing.assert_array_equal(arrays[name], words)


def test_two_devices_compute_what_one_computes() -> None:
    """Rows that do not divide are padded; dropout does not depend on where a row lies."""
    code = (
        "import jax, test_train as t; subject = t.trainer(batch_size=5); "
        "print(len(jax.devices()), t.run(subject, range(2), rows=5))"
    )
    environment = {
        **os.environ,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    n_devices, found = done.stdout.strip().split(" ", 1)
    expected = run(trainer(fresh(), batch_size=6), range(2), rows=5)
    assert n_devices == "2"
    assert json.loads(found) == pytest.approx(expected, rel=1e-5)
