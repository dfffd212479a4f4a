"""The optimizer against PyTorch's and against its definition, variable by variable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

from distilbert.tensorflow.adamw import AdamW, assign_here
from distilbert.training.parameters import Treatment
from distilbert.training.run_card import OptimizationSection

RATES = (1e-2, 5e-3, 2e-3, 1e-3)
TREATMENTS = {"a": Treatment(1.0, True), "b": Treatment(0.5, False)}


def arrays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "a": rng.standard_normal((3, 2)).astype(np.float32),
        "b": rng.standard_normal(4).astype(np.float32),
    }


def variables() -> dict[str, Any]:
    return {name: tf.Variable(array) for name, array in arrays(0).items()}


def optimizer(**options: Any) -> AdamW:
    defaults = {
        "beta1": 0.8,
        "beta2": 0.95,
        "epsilon": 1e-3,
        "weight_decay": 0.1,
        "max_grad_norm": 0.7,
    }
    section = OptimizationSection(**{**defaults, **options})
    means = {} if section.ema is None else variables()
    return AdamW(variables(), TREATMENTS, section, means=means)


def step(subject: AdamW, slopes: Any, rate: float, *, loss: float = 1.0) -> float:
    gradients = [tf.constant(array) for array in slopes.values()]
    norm = subject.step(gradients, tf.constant(loss), subject.coefficients(rate))
    subject.n_steps += 1
    return float(norm)


def test_steps_are_those_of_pytorch() -> None:
    subject = optimizer()
    theirs = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in arrays(0).items()}
    reference = torch.optim.AdamW(
        [
            {"params": [theirs["a"]], "weight_decay": 0.1},
            {"params": [theirs["b"]], "weight_decay": 0.0},
        ],
        betas=(0.8, 0.95),
        eps=1e-3,
    )
    for number, rate in enumerate(RATES):
        slopes = arrays(number + 1)
        for name, parameter in theirs.items():
            parameter.grad = torch.tensor(slopes[name])
        expected = torch.nn.utils.clip_grad_norm_(theirs.values(), 0.7)
        for group, scale in zip(reference.param_groups, (1.0, 0.5), strict=True):
            group["lr"] = rate * scale
        reference.step()
        assert step(subject, slopes, rate) == pytest.approx(float(expected), rel=1e-6)
    for name, parameter in theirs.items():
        np.testing.assert_allclose(subject.trained[name], parameter.detach(), rtol=2e-6)
        for moment, values in subject.moments.items():
            np.testing.assert_allclose(
                values[name], reference.state[parameter][moment], rtol=2e-6, atol=1e-8
            )


def test_the_running_mean_follows_the_weights() -> None:
    subject = optimizer(ema=0.75)
    step(subject, arrays(1), 1e-2)
    for name, array in arrays(0).items():
        expected = 0.75 * array + 0.25 * subject.trained[name].numpy()
        np.testing.assert_allclose(subject.means[name], expected, rtol=1e-6)


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_nothing_moves_where_a_number_is_not_finite(broken: str) -> None:
    subject = optimizer(ema=0.75)
    slopes = arrays(1)
    if broken == "gradient":
        slopes["b"][0] = np.inf
    step(subject, slopes, 1e-2, loss=np.nan if broken == "loss" else 1.0)
    for name, array in arrays(0).items():
        np.testing.assert_array_equal(subject.trained[name], array)
        np.testing.assert_array_equal(subject.means[name], array)
        for values in subject.moments.values():
            np.testing.assert_array_equal(values[name], np.zeros_like(array))


def test_a_limit_of_0_never_scales() -> None:
    subject = optimizer(max_grad_norm=0.0)
    step(subject, arrays(1), 1e-2)
    np.testing.assert_allclose(subject.moments["exp_avg"]["a"], 0.2 * arrays(1)["a"], rtol=1e-5)


def test_the_usual_betas_lose_no_digits_in_the_first_steps() -> None:
    """1 - 0.999 in float32 is off by 1e-5, which the correction must take into account."""
    subject = optimizer(beta1=0.9, beta2=0.999, epsilon=1e-12, weight_decay=0.0, max_grad_norm=0.0)
    step(subject, arrays(1), 1e-2)
    for name, scale in (("a", 1.0), ("b", 0.5)):
        moved = arrays(0)[name] - subject.trained[name].numpy()
        np.testing.assert_allclose(moved, 1e-2 * scale * np.sign(arrays(1)[name]), atol=2.5e-7)


def test_assign_here_overwrites_a_variable() -> None:
    variable = tf.Variable([1.0, 2.0])
    assign_here(variable, tf.constant([3.0, 4.0]))
    assert variable.numpy().tolist() == [3.0, 4.0]
