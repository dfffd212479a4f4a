"""The losses of distillation equal their plain formulas, in one piece or in parts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from distilbert import DistilBertConfig, DistilBertForMaskedLM
from distilbert.errors import InputError
from distilbert.torch.distillation import DistillationObjective, held_out_losses
from distilbert.torch.teacher_targets import TeacherTargets
from distilbert.torch.train import Trainer
from distilbert.training.feed import Update
from distilbert.training.objective import DistillationSettings, KeptWords, TrainerSettings
from distilbert.training.run_card import OptimizationSection

SIZES: dict[str, Any] = {
    "vocab_size": 40,
    "dim": 16,
    "n_heads": 4,
    "n_layers": 2,
    "hidden_dim": 24,
    "max_position_embeddings": 12,
    "dropout": 0.0,
    "attention_dropout": 0.0,
}
ALL = DistillationSettings(
    kl=5.0, mlm=2.0, cosine=1.0, mse=0.1, attention=0.7, value=0.3, temperature=2.0
)
LENGTHS = [9, 4, 7, 12]


def model(seed: int, **changes: Any) -> DistilBertForMaskedLM:
    torch.manual_seed(seed)
    made = DistilBertForMaskedLM(DistilBertConfig(**{**SIZES, **changes}))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def batch(*, compared: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    mask = (np.arange(12) < np.array(LENGTHS)[:, None]).astype(np.int64)
    ids = rng.integers(5, 40, mask.shape) * mask
    labels = np.where((rng.random(mask.shape) < 0.3) & (mask == 1), ids, -100)
    found = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    if compared:
        found["compared"] = (rng.random(mask.shape) < 0.5) & (mask == 1)
    return found


def counts(given: dict[str, np.ndarray]) -> dict[str, int]:
    n_tokens = int(given["attention_mask"].sum())
    return {
        "tokens": n_tokens,
        "masked": int((given["labels"] != -100).sum()),
        "compared": int(given["compared"].sum()) if "compared" in given else n_tokens,
    }


def tensors(given: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in given.items()}


def plain_losses(student: Any, teacher: Any, given: dict[str, np.ndarray]) -> dict[str, Any]:
    """The same losses from padded forward passes and all logits."""
    one = tensors(given)
    options = {"output_hidden_states": True, "output_attentions": True, "return_dict": True}
    inputs = (one["input_ids"], one["attention_mask"])
    own = student(*inputs, **options)
    with torch.no_grad():
        theirs = teacher(*inputs, **options)
    real = one["attention_mask"] == 1
    compared = one.get("compared", real)
    s, t = own.logits[compared], theirs.logits[compared]
    divergence = F.kl_div(
        (s / 2).log_softmax(-1), (t / 2).log_softmax(-1), log_target=True, reduction="sum"
    )
    ends = [out.hidden_states[-1][real] for out in (own, theirs)]
    logs = [out.attentions[-1].clamp_min(1e-30).log() for out in (own, theirs)]
    attention = (logs[1].exp() * (logs[1] - logs[0])).sum(-1).mean(1)[real]
    values = []
    for it, out in ((student, own), (teacher, theirs)):
        value = it.distilbert.transformer.layer[-1].attention.v_lin(out.hidden_states[-2])
        value = value.unflatten(-1, (4, -1)).transpose(1, 2)
        scores = value @ value.transpose(-2, -1) / math.sqrt(value.shape[-1])
        values.append(scores.masked_fill(~real[:, None, None], -1e30).log_softmax(-1))
    relation = (values[1].exp() * (values[1] - values[0])).sum(-1).mean(1)[real]
    masked = one["labels"] != -100
    return {
        "kl_loss": 4 * divergence / compared.sum(),
        "mlm_loss": F.cross_entropy(own.logits[masked], one["labels"][masked]),
        "mse_loss": (s - t).square().sum() / compared.sum(),
        "cosine_loss": (1 - F.cosine_similarity(ends[0], ends[1], dim=-1)).mean(),
        "attention_loss": attention.mean(),
        "value_loss": relation.mean(),
        "mlm_accuracy": (own.logits[masked].argmax(-1) == one["labels"][masked]).float().mean(),
        "agreement": (s.argmax(-1) == t.argmax(-1)).float().mean(),
    }


@pytest.mark.parametrize(("compared", "packing"), [(False, True), (True, True), (True, False)])
def test_every_loss_and_gradient_is_that_of_the_plain_formula(
    *, compared: bool, packing: bool
) -> None:
    student, teacher = model(0), model(1, n_layers=3)
    given = batch(compared=compared)
    expected = plain_losses(student, teacher, given)
    total = sum(
        getattr(ALL, name.removesuffix("_loss")) * loss
        for name, loss in expected.items()
        if name.endswith("_loss")
    )
    total.backward()
    gradients = {name: p.grad.clone() for name, p in student.named_parameters()}
    student.zero_grad()
    objective = DistillationObjective(student, teacher, replace(ALL, packing=packing))
    found = objective(student, tensors(given), counts(given))
    found["loss"].backward()
    assert found.pop("loss").item() == pytest.approx(total.item(), rel=1e-5)
    weighted = {n: found.pop(n).item() for n in list(found) if n.startswith("weighted_")}
    assert sum(weighted.values()) == pytest.approx(total.item(), rel=1e-5)
    assert weighted["weighted_kl_loss"] == pytest.approx(5 * found["kl_loss"].item())
    plain = {n: x.item() for n, x in expected.items()}
    assert {n: x.item() for n, x in found.items()} == pytest.approx(plain, rel=1e-4)
    for name, parameter in student.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-5)


def test_losses_of_weight_0_are_not_computed() -> None:
    student, teacher = model(0), model(1).distilbert
    settings = DistillationSettings(kl=0.0, mlm=0.0, cosine=1.0)
    objective = DistillationObjective(student, teacher, settings)  # which has no head
    given = batch()
    found = objective(student, tensors(given), counts(given))
    assert set(found) == {"loss", "cosine_loss", "weighted_cosine_loss"}
    with_labels = replace(settings, mlm=1.0)
    found = DistillationObjective(student, teacher, with_labels)(
        student, tensors(given), counts(given)
    )
    assert {"cosine_loss", "mlm_loss", "mlm_accuracy"} < set(found)
    assert not set(found) & {"kl_loss", "agreement", "mse_loss"}


def test_rows_without_a_mask_and_processes_without_rows_add_nothing() -> None:
    student, teacher = model(0), model(1)
    objective = DistillationObjective(student, teacher, ALL)
    given = batch()
    none = {name: array[:0] for name, array in given.items()}
    found = objective(student, tensors(none), counts(given))
    assert all(float(loss) == 0 for loss in found.values())
    bare = {**given, "labels": np.full_like(given["labels"], -100)}
    assert float(objective(student, tensors(bare), counts(bare))["mlm_loss"]) == 0


def trained(objective: Any, student: Any, *, parts: int, at_once: int = 2048) -> list[float]:
    settings = TrainerSettings(OptimizationSection(), seed=3, tokens_at_once=at_once)
    subject = Trainer(student, objective, settings)
    given = batch(compared=True)
    size = len(LENGTHS) // parts
    batches = [{n: a[i : i + size] for n, a in given.items()} for i in range(0, 4, size)]
    update = Update(0, 0, 1e-3, batches, counts(given), 4, counts(given)["tokens"])
    return [subject.update(update).loss for _ in range(3)]


def test_an_update_in_parts_equals_one_in_a_piece() -> None:
    losses = []
    for parts, at_once in ((1, 2048), (2, 2048), (1, 10)):
        student = model(0)
        losses.append(
            trained(
                DistillationObjective(student, model(1), ALL),
                student,
                parts=parts,
                at_once=at_once,
            )
        )
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == pytest.approx(losses[0], rel=1e-5)
    assert losses[0][2] < losses[0][0]


def test_a_narrow_student_learns_through_a_projection_that_is_trained_and_restored() -> None:
    student, teacher = model(0, dim=8), model(1)
    projection = np.random.default_rng(0).standard_normal((16, 8)).astype(np.float32)
    settings = DistillationSettings(kl=1.0, attention=1.0, value=1.0)
    objective = DistillationObjective(student, teacher, settings, projection)
    assert objective.projection is not None
    subject = Trainer(student, objective, TrainerSettings(OptimizationSection(), seed=3))
    given = batch()
    update = Update(0, 0, 1e-2, [given], counts(given), 4, counts(given)["tokens"])
    for _ in range(2):
        subject.update(update)
    learned = objective.projection.weight.detach().numpy().copy()
    assert not np.array_equal(learned, projection)
    state = subject.state()
    assert "weights.objective.projection.weight" in state
    assert not any("teacher" in name for name in state)
    again = DistillationObjective(model(0, dim=8), teacher, settings, projection)
    restored = Trainer(model(0, dim=8), again, TrainerSettings(OptimizationSection(), seed=3))
    restored.restore(state)
    assert again.projection is not None
    np.testing.assert_array_equal(again.projection.weight.detach().numpy(), learned)


def test_heads_of_relations_must_divide_both_widths() -> None:
    with pytest.raises(InputError, match="`relation_heads` must divide the widths"):
        DistillationObjective(model(0), model(1), replace(ALL, relation_heads=3))


def test_a_teacher_is_cast_once_to_what_autocast_would_cast_it_to() -> None:
    given = batch()
    student: Any = model(0)
    teacher: Any = model(1)
    objective = DistillationObjective(student, teacher, ALL)
    with torch.autocast("cpu", torch.bfloat16):
        expected = objective(student, tensors(given), counts(given))
    embeddings = teacher.distilbert.embeddings.word_embeddings.weight.clone()
    options = OptimizationSection(precision="bfloat16")
    trainer = Trainer(student, objective, TrainerSettings(options, seed=3))
    one = teacher.distilbert.transformer.layer[0]
    assert one.ffn.lin1.weight.dtype == teacher.vocab_projector.weight.dtype == torch.bfloat16
    assert one.sa_layer_norm.weight.dtype == torch.float32
    assert torch.equal(teacher.distilbert.embeddings.word_embeddings.weight, embeddings)
    found = trainer.update(Update(0, 0, 1e-3, [given], counts(given), 4, 32)).losses
    assert found == {name: float(loss) for name, loss in expected.items()}
    runner: Any = trainer.runner()
    scores = held_out_losses(objective, runner.model, [given], counts(given))
    assert scores["loss"] < found["loss"]


def test_held_out_losses_are_means_over_all_batches() -> None:
    student, teacher = model(0, dropout=0.5), model(1)
    objective = DistillationObjective(student, teacher, ALL)
    given = batch()
    halves = [{n: a[i : i + 2] for n, a in given.items()} for i in (0, 2)]
    student.train()
    found = held_out_losses(objective, student, halves, counts(given))
    expected = objective(student, tensors(given), counts(given))
    assert found == pytest.approx({n: float(x) for n, x in expected.items()}, rel=1e-5)
    assert not student.training


def kept(given: dict[str, np.ndarray], teacher: Any, words: KeptWords) -> dict[str, np.ndarray]:
    """A batch with what a teacher says of its tokens."""
    is_token = given["attention_mask"] == 1
    maker = TeacherTargets(teacher, words, states=True, device=torch.device("cpu"), dtype=None)
    places = np.random.default_rng(0).random(int(is_token.sum()))
    found = dict(given)
    for name, rows in maker(given, places).items():
        found[f"teacher_{name}"] = np.zeros((*is_token.shape, *rows.shape[1:]), rows.dtype)
        found[f"teacher_{name}"][is_token] = rows
    return found


LIVE = DistillationSettings(kl=5.0, mlm=2.0, cosine=1.0)


@pytest.mark.parametrize("compared", [False, True])
def test_without_a_teacher_batches_say_what_it_says(*, compared: bool) -> None:
    student, given = model(0), batch(compared=compared)
    live = DistillationObjective(student, model(1, n_layers=3), LIVE)
    expected = live(student, tensors(given), counts(given))
    objective = DistillationObjective(student, None, LIVE)
    stored = kept(given, model(1, n_layers=3), KeptWords("top", 40, LIVE.temperature))
    found = objective(student, tensors(stored), counts(given))
    assert found.keys() == expected.keys()
    # Probabilities and hidden states are stored in 16 bits.
    assert {n: x.item() for n, x in found.items()} == pytest.approx(
        {n: x.item() for n, x in expected.items()}, rel=2e-3
    )
    assert found["cosine_loss"].item() == pytest.approx(expected["cosine_loss"].item(), rel=1e-4)


@pytest.mark.parametrize("kind", ["sampled", "top"])
def test_stored_rows_give_the_same_losses_packed_padded_or_in_parts(kind: Any) -> None:
    given = batch(compared=True)
    stored = kept(given, model(1), KeptWords(kind, 6, LIVE.temperature))
    losses = []
    for packing, at_once in ((True, 2048), (False, 2048), (True, 10)):
        student = model(0)
        objective = DistillationObjective(student, None, replace(LIVE, packing=packing))
        settings = TrainerSettings(OptimizationSection(), seed=3, tokens_at_once=at_once)
        subject = Trainer(student, objective, settings)
        update = Update(0, 0, 1e-3, [stored], counts(given), 4, counts(given)["tokens"])
        losses.append([subject.update(update).loss for _ in range(3)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == pytest.approx(losses[0], rel=1e-5)
    none = {name: array[:0] for name, array in stored.items()}
    idle = objective(student, tensors(none), counts(given))
    assert all(loss.item() == 0 for loss in idle.values())


def test_losses_of_layers_and_logits_need_a_teacher() -> None:
    for name in ("attention", "value", "mse"):
        with pytest.raises(InputError, match="need a teacher that is computed"):
            DistillationObjective(model(0), None, replace(LIVE, **{name: 1.0}))
