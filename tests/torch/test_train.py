"""Updates of a model: what they change, what they leave, and that they can be taken up again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distilbert import DistilBertConfig, DistilBertForSequenceClassification, DistilBertModel
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.loading import LoadRequest
from distilbert.opening import find_model
from distilbert.torch.teacher import load_teacher
from distilbert.torch.train import (
    Trainer,
    split_batch,
    starting_model,
    task_objective,
)
from distilbert.training.feed import Update
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import LoraSection, OptimizationSection

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


def fresh(**changes: Any) -> DistilBertForSequenceClassification:
    torch.manual_seed(0)
    return DistilBertForSequenceClassification(DistilBertConfig(**{**CONFIG, **changes}))


def trainer(model: Any = None, **options: Any) -> Trainer:
    return task_trainer(model, TrainerSettings(OptimizationSection(**options), seed=3))


def task_trainer(model: Any, settings: TrainerSettings, **loss: Any) -> Trainer:
    model = fresh() if model is None else model
    return Trainer(model, task_objective(model, LossSettings(**loss)), settings)


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
    return {name: value.detach().numpy().copy() for name, value in subject.model.named_parameters()}


def test_training_makes_the_loss_smaller() -> None:
    subject = trainer()
    first = subject.update(update(0)).loss
    for _ in range(20):
        subject.update(update(0))
    assert subject.update(update(0)).loss < first / 2


@pytest.mark.parametrize("options", [{}, {"ema": 0.9}, {"precision": "bfloat16"}], ids=str)
def test_a_resumed_run_is_bit_identical_to_an_uninterrupted_one(options: dict[str, Any]) -> None:
    whole, cut = trainer(**options), trainer(**options)
    expected = run(whole, range(6))
    found = run(cut, range(3))
    arrays = {name: array.copy() for name, array in cut.state().items()}
    torch.manual_seed(99)  # whatever else drew random numbers must not matter
    resumed = trainer(**options)
    resumed.restore(arrays)
    found += run(resumed, range(3, 6))
    assert found == expected
    end = resumed.state()
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, end[name])


def test_the_callers_random_numbers_stay_as_they_are() -> None:
    subject = trainer()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    subject.update(update(0))
    assert torch.equal(torch.rand(3), expected)


def test_an_update_split_batch_equals_one_in_a_piece() -> None:
    model_options = {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}
    one, many = trainer(fresh(**model_options)), trainer(fresh(**model_options))
    assert run(one, range(3)) == pytest.approx(run(many, range(3), parts=3), rel=1e-5)
    for name, array in weights(one).items():
        np.testing.assert_allclose(array, weights(many)[name], atol=1e-5)


def test_what_is_computed_at_once_changes_memory_alone() -> None:
    dropless = {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0}
    few = TrainerSettings(OptimizationSection(), seed=3, tokens_at_once=9)
    one, many = trainer(fresh(**dropless)), task_trainer(fresh(**dropless), few)
    assert run(many, range(3)) == pytest.approx(run(one, range(3)), rel=1e-5)
    for name, array in weights(one).items():
        np.testing.assert_allclose(array, weights(many)[name], atol=1e-5)


def test_parts_of_a_batch_hold_every_row_once_and_little_padding() -> None:
    batch = update(0, 8).batches[0] | {"tokens": np.arange(64).reshape(8, 8)}
    parts = split_batch(batch, 12, ("input_ids", "attention_mask", "tokens"))
    assert sorted(n for part in parts for n in part["tokens"][:, 0].tolist()) == list(
        range(0, 64, 8)
    )
    for part in parts:
        lengths = part["attention_mask"].sum(1)
        assert lengths.sum() <= 12 or len(lengths) == 1
        assert part["tokens"].shape == part["input_ids"].shape == (len(lengths), lengths.max())
        assert len(part["labels"]) == len(lengths)
    assert split_batch(batch, 1000, ()) == [batch]
    nothing = {name: array[:0] for name, array in batch.items()}
    assert [len(part["labels"]) for part in split_batch(nothing, 12, ())] == [0]


def test_frozen_parts_stay_and_cost_no_gradient() -> None:
    subject = trainer(freeze=("embeddings", "layer.0"))
    before = weights(subject)
    run(subject, range(2))
    after = weights(subject)
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {name for name in before if ".embeddings." in name or ".layer.0." in name}
    assert not any("embeddings" in name for name in subject.state())


def test_the_first_step_of_adamw_is_the_rate_times_the_sign() -> None:
    """With bias correction the first step is the sign of the gradient, whatever its size."""
    subject = trainer(weight_decay=0.0, layer_decay=0.5, max_grad_norm=0.0)
    before = weights(subject)
    run(subject, range(1), rate=1e-3)
    moved = {name: np.abs(array - before[name]).max() for name, array in weights(subject).items()}
    assert moved["classifier.weight"] == pytest.approx(1e-3, rel=1e-2)
    assert moved["distilbert.transformer.layer.1.ffn.lin1.weight"] == pytest.approx(5e-4, rel=1e-2)
    words = moved["distilbert.embeddings.word_embeddings.weight"]
    assert words == pytest.approx(1.25e-4, rel=1e-2)


def test_weight_decay_spares_biases_and_norms() -> None:
    subject = trainer(weight_decay=0.5)
    decays = {
        id(p): group["weight_decay"]
        for group in subject.optimizer.param_groups
        for p in group["params"]
    }
    for name, parameter in subject.model.named_parameters():
        spared = name.endswith("bias") or "norm" in name.lower()
        assert decays[id(parameter)] == (0.0 if spared else 0.5), name


def test_large_gradients_are_scaled_down_to_the_limit() -> None:
    free, held = trainer(max_grad_norm=0.0), trainer(max_grad_norm=1e-3)
    assert free.update(update(0)).grad_norm == pytest.approx(held.update(update(0)).grad_norm)
    name = "exp_avg.classifier.weight"
    sizes = [np.linalg.norm(subject.state()[name]) for subject in (free, held)]
    assert sizes[1] < sizes[0] / 10


def test_numbers_that_are_not_finite_change_nothing() -> None:
    subject = trainer()
    broken = fresh()
    with torch.no_grad():
        broken.classifier.bias.fill_(float("nan"))
    subject = trainer(broken)
    before = weights(subject)
    assert np.isnan(subject.update(update(0)).loss)
    for name, array in weights(subject).items():
        np.testing.assert_array_equal(array, before[name])


def test_the_running_mean_is_what_is_evaluated_and_saved(tmp_path: Path) -> None:
    subject = trainer(ema=0.5)
    start = weights(subject)["classifier.weight"]
    run(subject, range(1))
    now = weights(subject)["classifier.weight"]
    expected = (start + now) / 2
    subject.save(tmp_path / "saved")
    saved = DistilBertForSequenceClassification.from_pretrained(tmp_path / "saved")
    np.testing.assert_allclose(saved.classifier.weight.detach(), expected, atol=1e-7)
    np.testing.assert_allclose(weights(subject)["classifier.weight"], now)


def test_evaluating_between_updates_changes_nothing() -> None:
    one, other = trainer(), trainer()
    found = []
    for number in range(3):
        found.append(other.update(update(number)).loss)
        batch = update(9).batches[0]
        other.runner().run_batch({name: batch[name] for name in ("input_ids", "attention_mask")})
    assert run(one, range(3)) == found


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_saved_model_answers_like_the_trained_one(tmp_path: Path, precision: str) -> None:
    subject = trainer(precision=precision)
    run(subject, range(2))
    subject.save(tmp_path / "saved")
    saved = DistilBertForSequenceClassification.from_pretrained(tmp_path / "saved")
    for name, value in saved.named_parameters():
        np.testing.assert_array_equal(value.detach().numpy(), weights(subject)[name])


def test_dropout_of_the_card_replaces_the_models() -> None:
    subject = trainer(dropout=0.0)
    same = update(0)
    model, objective = subject.model.train(), subject.objective
    first, again = (objective(model, _tensors(same), same.counts) for _ in range(2))
    assert first == again


def _tensors(given: Update) -> Mapping[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in given.batches[0].items()}


def test_gradient_checkpointing_computes_the_same() -> None:
    plain, kept = trainer(), trainer(gradient_checkpointing=True)
    assert run(plain, range(2)) == pytest.approx(run(kept, range(2)), rel=1e-6)


def test_adapters_learn_alone_and_are_merged_when_saved(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    settings = TrainerSettings(lora=LoraSection(lora_rank=2, lora_targets=("q_lin",)))
    start = fresh()
    before = {name: value.detach().clone() for name, value in start.named_parameters()}
    subject = task_trainer(start, settings)
    run(subject, range(3))
    runner = subject.runner()
    batch = {name: update(0).batches[0][name] for name in ("input_ids", "attention_mask")}
    subject.save(tmp_path / "saved")
    saved = DistilBertForSequenceClassification.from_pretrained(tmp_path / "saved")
    after = dict(saved.named_parameters())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {
        *(f"distilbert.transformer.layer.{n}.attention.q_lin.weight" for n in (0, 1)),
        *("pre_classifier.weight", "pre_classifier.bias", "classifier.weight", "classifier.bias"),
    }
    logits = saved(**{name: torch.from_numpy(array) for name, array in batch.items()}).logits
    np.testing.assert_allclose(runner.run_batch(batch)["logits"], logits.detach(), atol=1e-5)
    resumed = task_trainer(None, settings)
    resumed.restore(subject.state())
    assert run(resumed, range(3, 5)) == run(subject, range(3, 5))


def saved_at(folder: Path) -> LoadRequest:
    return find_model(folder, framework="torch").request("sequence_classification")


def test_every_named_loss_of_an_update_is_a_mean_over_its_items(tmp_path: Path) -> None:
    fresh().save_pretrained(tmp_path / "teacher")
    model = fresh()
    teacher = load_teacher(saved_at(tmp_path / "teacher"), model)
    objective = task_objective(
        model, LossSettings(r_drop=0.5, teacher_weight=0.25, temperature=2.0), teacher
    )
    subject = Trainer(model, objective, TrainerSettings(seed=3))
    losses = subject.update(update(0, parts=2)).losses
    assert set(losses) == {"loss", "label_loss", "r_drop_loss", "teacher_loss"}
    expected = 0.75 * (losses["label_loss"] + 0.5 * losses["r_drop_loss"])
    assert losses["loss"] == pytest.approx(expected + 0.25 * losses["teacher_loss"], rel=1e-5)
    assert not any("teacher" in name for name in subject.state())


def test_any_function_of_model_and_batch_can_be_the_objective() -> None:
    def objective(
        model: Any, batch: Mapping[str, torch.Tensor], counts: Mapping[str, int]
    ) -> dict[str, torch.Tensor]:
        states, _ = model.base_model.encode_packed(
            batch["input_ids"], batch["attention_mask"], output_hidden_states=True
        )
        middle, last = states.hidden_states[1:]
        share = 1 / counts["items"]
        return {"loss": (middle - last).square().sum() * share, "n_rows": last.new_tensor(share)}

    subject = Trainer(fresh(), objective, TrainerSettings(OptimizationSection(dropout=0.0)))
    first = subject.update(update(0, rate=1e-3)).losses
    assert list(first) == ["loss", "n_rows"]
    for _ in range(5):
        subject.update(update(0, rate=1e-3))
    assert subject.update(update(0)).loss < first["loss"]


def test_new_heads_are_those_of_the_seed_and_old_ones_of_other_sizes_are_replaced(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    base = DistilBertModel(DistilBertConfig(**CONFIG))
    base.save_pretrained(tmp_path / "base")
    head, changes = "sequence_classification", {"num_labels": 4}
    one, same, other = (
        starting_model(
            find_model(tmp_path / "base", framework="torch").request(head),
            changes=changes,
            seed=seed,
        )
        for seed in (1, 1, 2)
    )
    assert one.num_labels == 4  # pyright: ignore[reportAttributeAccessIssue]
    first, again, third = (
        dict(m.named_parameters())["classifier.weight"] for m in (one, same, other)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, third)
    one.save_pretrained(tmp_path / "four")
    two = starting_model(
        find_model(tmp_path / "four", framework="torch").request(head),
        changes={"num_labels": 2},
        seed=1,
    )
    assert dict(two.named_parameters())["classifier.weight"].shape == (2, 32)
    torch.testing.assert_close(
        two.base_model.embeddings.word_embeddings.weight,
        base.embeddings.word_embeddings.weight,
    )


def test_the_weights_of_a_start_follow_from_its_seed_where_a_file_has_no_prefix(tmp_path):
    config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)
    save_checkpoint(tmp_path, initial_weights(config, "base", 0), config, head="base")
    facts = {"class_name": "Model", "head": "sequence_classification", "needs": "page"}
    request = LoadRequest(source=tmp_path, formats=("safetensors",), **facts)
    tables = []
    for state in (1, 2):
        torch.manual_seed(state)
        model = starting_model(request, changes={"vocab_size": 11}, seed=5)
        tables.append(model.distilbert.embeddings.word_embeddings.weight)
    assert torch.equal(*tables)
