"""Compiled layers train the same, are compiled once for batches of any shape, and save the same."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from distilbert import DistilBertConfig, DistilBertForSequenceClassification
from distilbert.errors import MissingDependencyError
from distilbert.torch.compiling import check_compiler
from distilbert.torch.train import Trainer, task_objective
from distilbert.training.feed import Update
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import OptimizationSection

COMPILER = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
needs_compiler = pytest.mark.skipif(
    shutil.which(COMPILER) is None, reason=f"torch.compile needs a C++ compiler: no {COMPILER}"
)


def trainer(*, compiles: bool) -> Trainer:
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=99,
        dim=16,
        n_heads=2,
        n_layers=3,
        hidden_dim=32,
        max_position_embeddings=128,
        num_labels=3,
        problem_type="single_label_classification",
        dropout=0.0,
    )
    model = DistilBertForSequenceClassification(config)
    options = OptimizationSection(compile=compiles)
    objective = task_objective(model, LossSettings())
    return Trainer(model, objective, TrainerSettings(options, device="cpu"))


def update(number: int) -> Update:
    rng = np.random.default_rng(number)
    lengths = rng.integers(3, 100, 2 + number)
    mask = (np.arange(lengths.max()) < lengths[:, None]).astype(np.int64)
    batch = {
        "input_ids": rng.integers(5, 99, mask.shape) * mask,
        "attention_mask": mask,
        "labels": rng.integers(0, 3, len(lengths)),
    }
    return Update(number, 0, 1e-3, [batch], {"items": len(lengths)}, len(lengths), int(mask.sum()))


@needs_compiler
def test_ragged_batches_have_the_same_losses_and_few_graphs(tmp_path: Path) -> None:
    plain, fast = trainer(compiles=False), trainer(compiles=True)
    counters = torch._dynamo.utils.counters["stats"]
    counters.clear()
    for number in range(6):
        expected, found = (one.update(update(number)) for one in (plain, fast))
        assert found.loss == pytest.approx(expected.loss, rel=1e-5)
        assert found.grad_norm == pytest.approx(expected.grad_norm, rel=1e-4)
    # One for packed tokens; the last layer computes first tokens alone, of which there are fewer.
    assert 1 <= counters["unique_graphs"] <= 2
    states = [one.state() for one in (plain, fast)]
    assert states[0].keys() == states[1].keys()
    for name, array in states[0].items():
        np.testing.assert_allclose(states[1][name], array, atol=1e-5)
    fast.save(tmp_path)
    loaded = DistilBertForSequenceClassification.from_pretrained(tmp_path)
    assert not any(block.is_compiled for block in loaded.distilbert.transformer.layer)


def test_a_missing_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(MissingDependencyError, match="`no-such-compiler` was not found"):
        check_compiler("cpu")


@needs_compiler
def test_a_compiler_that_works_passes() -> None:
    check_compiler("cpu")


def test_a_compiler_that_fails_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("fatal error:\n Python.h: No such file")

    monkeypatch.setenv("CXX", sys.executable)
    monkeypatch.setattr("distilbert.torch.compiling._compiled", lambda function: broken)
    with pytest.raises(MissingDependencyError, match=r"failed \(fatal error: Python\.h: No such"):
        check_compiler("cpu")
