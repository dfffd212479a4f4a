"""Updates of a model: what they change, what they leave, and that they can be taken up again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from distilbert import (
    DistilBertConfig,
    FlaxDistilBertForSequenceClassification,
    FlaxDistilBertModel,
)
from distilbert.errors import RunCardError
from distilbert.flax.train import Trainer, check_supported, starting_model
from distilbert.flax.weights import to_arrays
from distilbert.training.feed import Update
from distilbert.training.run_card import (
    LoraSection,
    OptimizationSection,
    RunCard,
    TeacherSection,
)

SCRIPT = Path(__file__).with_name("train_on_devices.py")
CONFIG: dict[str, Any] = {
    "vocab_size": 99,
    "dim": 32,
    "n_heads": 4,
    "n_layers": 2,
    "hidden_dim": 64,
    "max_position_embeddings": 16,
    "num_labels": 3,
    "problem_type": "single_label_classification",
}
NO_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}


def fresh(**changes: Any) -> FlaxDistilBertForSequenceClassification:
    return FlaxDistilBertForSequenceClassification(DistilBertConfig(**{**CONFIG, **changes}))


def trainer(model: Any = None, **options: Any) -> Trainer:
    card = RunCard(seed=3, optimization=OptimizationSection(**{"batch_size": 6, **options}))
    return Trainer(fresh() if model is None else model, card)


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
    return Update(number, 0, rate, batches, rows, rows, int(mask.sum()))


def run(subject: Trainer, numbers: Iterator[int] | range, **options: Any) -> list[float]:
    return [subject.update(update(number, **options)).loss for number in numbers]


def weights(subject: Trainer) -> dict[str, np.ndarray]:
    """Every weight of the model in training, whether it changes or not."""
    leaves = {**subject.frozen, **subject.moving["weights"]}
    return {path: np.array(leaf) for path, leaf in leaves.items()}


def test_training_makes_the_loss_smaller_and_compiles_once() -> None:
    subject = trainer()
    first = subject.update(update(0)).loss
    for _ in range(20):
        subject.update(update(0))
    assert subject.update(update(0)).loss < first / 2
    n_compiled = subject.gradients._cache_size()
    run(subject, range(3), rows=5)
    run(trainer(), range(1))  # a second run of the same kind
    assert subject.gradients._cache_size() == n_compiled
    assert subject.stepped._cache_size() == 1


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
    resumed = trainer(**options)
    resumed.restore(arrays)
    found += run(resumed, range(4, 8))
    assert found == expected
    end = resumed.state()
    assert end.keys() == whole.state().keys()
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, end[name])


def test_the_callers_random_numbers_stay_as_they_are() -> None:
    class Course:
        def updates(self) -> Iterator[Update]:
            yield update(0)
            yield update(1)
            raise AssertionError("went on after the end")

        def done(self, _: object, given: Update, __: object) -> bool:
            return given.number == 0

    state = np.random.get_state(legacy=False)
    trainer().run(Course())  # pyright: ignore[reportArgumentType]
    after = np.random.get_state(legacy=False)
    np.testing.assert_equal(after, state)


def test_an_update_in_parts_equals_one_in_a_piece() -> None:
    one, many = trainer(fresh(**NO_DROPOUT)), trainer(fresh(**NO_DROPOUT))
    assert run(one, range(3)) == pytest.approx(run(many, range(3), parts=3), rel=1e-5)
    for name, array in weights(one).items():
        np.testing.assert_allclose(array, weights(many)[name], atol=1e-5)


def test_dropout_differs_between_updates_and_between_their_batches() -> None:
    subject = trainer()
    batch = subject._in_few_shapes(update(0).batches[0])
    given = (subject.moving["weights"], subject.frozen, batch)
    keys = [jax.random.fold_in(subject.key, number) for number in (0, 1)]
    keys += [jax.random.fold_in(key, 1) for key in keys]
    losses = [float(subject.gradients(*given, key, 6.0)[0]) for key in keys]
    assert len(set(losses)) == 4
    assert run(trainer(), range(1)) == run(trainer(), range(1))


def test_frozen_parts_stay_and_cost_no_gradient() -> None:
    subject = trainer(freeze=("embeddings", "layer.0"))
    before = weights(subject)
    run(subject, range(2))
    after = weights(subject)
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {name for name in before if "/embeddings/" in name or "/layer/0/" in name}
    assert not any("embeddings" in name for name in subject.state())


def test_a_table_in_the_place_of_sinusoids_stays() -> None:
    path = "distilbert/embeddings/position_embeddings/embedding"
    model = fresh(sinusoidal_pos_embds=True)
    table = np.ones((16, 32), np.float32)
    model.replace_leaves({path: table})
    subject = trainer(model)
    run(subject, range(1))
    np.testing.assert_array_equal(weights(subject)[path], table)


def test_the_first_step_of_adamw_is_the_rate_times_the_sign() -> None:
    """With bias correction the first step is the sign of the gradient, whatever its size."""
    subject = trainer(weight_decay=0.0, layer_decay=0.5, max_grad_norm=0.0)
    before = weights(subject)
    run(subject, range(1), rate=1e-3)
    moved = {name: np.abs(array - before[name]).max() for name, array in weights(subject).items()}
    assert moved["classifier/kernel"] == pytest.approx(1e-3, rel=1e-2)
    block = "distilbert/transformer/layer/1/ffn/lin1/kernel"
    assert moved[block] == pytest.approx(5e-4, rel=1e-2)
    words = moved["distilbert/embeddings/word_embeddings/embedding"]
    assert words == pytest.approx(1.25e-4, rel=1e-2)


def test_weight_decay_spares_biases_and_norms() -> None:
    subject = trainer(weight_decay=0.5)
    for path, treatment in subject.optimizer.chosen.items():
        assert treatment.decays == path.endswith(("kernel", "embedding")), path


def test_large_gradients_are_scaled_down_to_the_limit() -> None:
    free, held = trainer(max_grad_norm=0.0), trainer(max_grad_norm=1e-3)
    assert free.update(update(0)).grad_norm == pytest.approx(held.update(update(0)).grad_norm)
    name = "exp_avg.classifier.weight"
    sizes = [np.linalg.norm(subject.state()[name]) for subject in (free, held)]
    assert sizes[1] < sizes[0] / 10


def test_numbers_that_are_not_finite_change_nothing() -> None:
    broken = fresh()
    broken.replace_leaves({"classifier/bias": np.full(3, np.nan, np.float32)})
    subject = trainer(broken)
    before = subject.state()
    assert np.isnan(subject.update(update(0)).loss)
    for name, array in subject.state().items():
        np.testing.assert_array_equal(array, before[name])


def test_the_running_mean_is_what_is_evaluated_and_saved(tmp_path: Path) -> None:
    subject = trainer(ema=0.5)
    start = weights(subject)["classifier/kernel"]
    run(subject, range(1))
    now = weights(subject)["classifier/kernel"]
    held: Any = subject.runner()
    run(subject, range(1, 2))  # the runner's weights are its own
    expected = (start + now) / 2
    np.testing.assert_allclose(held.model.params["classifier"]["kernel"], expected, atol=1e-7)
    subject.save(tmp_path / "saved")
    saved = FlaxDistilBertForSequenceClassification.from_pretrained(tmp_path / "saved")
    expected = (expected + weights(subject)["classifier/kernel"]) / 2
    np.testing.assert_allclose(saved.params["classifier"]["kernel"], expected, atol=1e-7)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_evaluating_between_updates_changes_nothing(tmp_path: Path, precision: str) -> None:
    one, other = trainer(precision=precision), trainer(precision=precision)
    batch = {name: update(9).batches[0][name] for name in ("input_ids", "attention_mask")}
    found, logits = [], np.zeros(0)
    for number in range(2):
        found.append(other.update(update(number)).loss)
        logits = other.runner()(batch)["logits"]
    assert run(one, range(2)) == found
    one.save(tmp_path / "saved")
    saved = FlaxDistilBertForSequenceClassification.from_pretrained(tmp_path / "saved")
    close = 1e-5 if precision == "float32" else 6e-2
    np.testing.assert_allclose(saved(**batch).logits, logits, atol=close)
    for name, array in to_arrays(saved.params, saved.config, saved.head).items():
        np.testing.assert_array_equal(array, one.state()[f"weights.{name}"])


def test_dropout_of_the_card_replaces_the_models_and_is_not_saved(tmp_path: Path) -> None:
    subject = trainer(dropout=0.0)
    assert run(subject, range(2)) == run(trainer(fresh(**NO_DROPOUT)), range(2))
    subject.save(tmp_path / "saved")
    assert DistilBertConfig.from_pretrained(tmp_path / "saved").dropout == 0.1


def test_gradient_checkpointing_computes_the_same() -> None:
    plain, kept = trainer(), trainer(gradient_checkpointing=True)
    assert run(plain, range(2)) == pytest.approx(run(kept, range(2)), rel=1e-6)
    kept.runner()


def test_two_devices_share_batches_and_learn_what_one_learns() -> None:
    found = []
    for n in (1, 2):
        flags = f"--xla_force_host_platform_device_count={n}"
        ran = subprocess.run(
            [sys.executable, str(SCRIPT)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        )
        assert ran.returncode == 0, ran.stderr
        found.append(json.loads(ran.stdout.splitlines()[-1]))
        assert found[-1]["devices"] == n
    one, two = found
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    np.testing.assert_allclose(two["logits"], one["logits"], atol=1e-4)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"lora": LoraSection(lora_rank=4)}, "`lora_rank` needs PyTorch: got 4, with flax."),
        ({"distillation": TeacherSection(teacher="x")}, "`teacher` needs PyTorch: got 'x'"),
    ],
)
def test_what_only_pytorch_can_do_is_refused(section: dict[str, Any], said: str) -> None:
    card = RunCard(**section)
    for call in (check_supported, lambda card: Trainer(fresh(), card)):
        with pytest.raises(RunCardError) as caught:
            call(card)
        assert str(caught.value).startswith(said)
        assert 'Use `framework = "torch"`' in str(caught.value)


def test_new_heads_are_those_of_the_seed_and_old_ones_of_other_sizes_are_replaced(
    tmp_path: Path,
) -> None:
    base = FlaxDistilBertModel(DistilBertConfig(**CONFIG), dtype="bfloat16")
    base.save_pretrained(tmp_path / "base", params=base.to_bf16(base.params))
    head, changes = "sequence_classification", {"num_labels": 4}
    one, same, other = (
        starting_model(tmp_path / "base", head, changes=changes, seed=seed) for seed in (1, 1, 2)
    )
    assert one.config.num_labels == 4
    assert {leaf.dtype for leaf in jax.tree.leaves(one.params)} == {np.dtype(np.float32)}
    first, again, third = (np.array(m.params["classifier"]["kernel"]) for m in (one, same, other))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, third)
    one.save_pretrained(tmp_path / "four")
    two = starting_model(tmp_path / "four", head, changes={"num_labels": 2}, seed=1)
    assert two.params["classifier"]["kernel"].shape == (32, 2)
    np.testing.assert_array_equal(two.get_input_embeddings(), one.get_input_embeddings())
