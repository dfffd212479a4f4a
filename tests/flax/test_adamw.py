"""The optimizer against PyTorch's and against its definition, leaf by leaf."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from distilbert.flax.adamw import AdamW, added
from distilbert.training.parameters import Treatment

RATES = (1e-2, 5e-3, 2e-3, 1e-3)
TREATMENTS = {"a": Treatment(1.0, True), "b": Treatment(0.5, False)}


def optimizer(**options: Any) -> AdamW:
    defaults = {
        "beta1": 0.8,
        "beta2": 0.95,
        "epsilon": 1e-3,
        "weight_decay": 0.1,
        "max_grad_norm": 0.7,
        "ema": None,
    }
    return AdamW(TREATMENTS, **{**defaults, **options})


def leaves(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "a": rng.standard_normal((3, 2)).astype(np.float32),
        "b": rng.standard_normal(4).astype(np.float32),
    }


def step(subject: AdamW, moving: Any, slopes: Any, number: int, *, loss: float = 1.0) -> Any:
    moments = {name: values for name, values in moving.items() if name != "weights"}
    return subject.stepped(moments, slopes, moving["weights"], loss, RATES[number], number)


def test_steps_are_those_of_pytorch() -> None:
    subject = optimizer()
    moving: Any = subject.start({name: jnp.array(leaf) for name, leaf in leaves(0).items()})
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
        moving, norm = step(subject, moving, slopes, number)
        assert float(norm) == pytest.approx(float(expected), rel=1e-6)
    for name, parameter in theirs.items():
        np.testing.assert_allclose(moving["weights"][name], parameter.detach(), rtol=2e-6)
        for moment in ("exp_avg", "exp_avg_sq"):
            np.testing.assert_allclose(
                moving[moment][name], reference.state[parameter][moment], rtol=2e-6, atol=1e-8
            )


def test_the_running_mean_follows_the_weights() -> None:
    subject = optimizer(ema=0.75)
    start: Any = {name: jnp.array(leaf) for name, leaf in leaves(0).items()}
    moving, _ = step(subject, subject.start(start), leaves(1), 0)
    for name, leaf in start.items():
        expected = 0.75 * np.asarray(leaf) + 0.25 * np.asarray(moving["weights"][name])
        np.testing.assert_allclose(moving["mean"][name], expected, rtol=1e-6)


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_nothing_moves_where_a_number_is_not_finite(broken: str) -> None:
    subject = optimizer(ema=0.75)
    slopes = leaves(1)
    if broken == "gradient":
        slopes["b"][0] = np.inf
    start = subject.start({name: jnp.array(leaf) for name, leaf in leaves(0).items()})
    moving, _ = step(subject, start, slopes, 0, loss=np.nan if broken == "loss" else 1.0)
    assert moving.keys() == start.keys()
    for kind, values in start.items():
        for name, leaf in values.items():
            np.testing.assert_array_equal(moving[kind][name], leaf)


def test_a_limit_of_0_never_scales() -> None:
    subject = optimizer(max_grad_norm=0.0)
    start = subject.start({name: jnp.array(leaf) for name, leaf in leaves(0).items()})
    moving, _ = step(subject, start, leaves(1), 0)
    np.testing.assert_allclose(moving["exp_avg"]["a"], 0.2 * leaves(1)["a"], rtol=1e-5)


def test_sums_are_leaf_by_leaf() -> None:
    given = {"a": jnp.array([[3.0], [0.0]]), "b": jnp.array([4.0])}
    assert added(given, given)["a"].tolist() == [[6.0], [0.0]]
