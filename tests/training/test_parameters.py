"""Which parameters decay, learn slower, or stay as they are."""

from __future__ import annotations

import pytest

from distilbert.errors import RunCardError
from distilbert.training.parameters import treatments

NAMES = [
    "distilbert.embeddings.word_embeddings.weight",
    "distilbert.embeddings.position_embeddings.weight",
    "distilbert.embeddings.LayerNorm.weight",
    "distilbert.transformer.layer.0.attention.q_lin.weight",
    "distilbert.transformer.layer.1.attention.q_lin.bias",
    "distilbert.transformer.layer.1.sa_layer_norm.weight",
    "vocab_layer_norm.weight",
    "classifier.weight",
]


def rates(**options: object) -> list[float]:
    found = treatments(NAMES, n_layers=2, **options)  # pyright: ignore[reportArgumentType]
    return [found[name].rate for name in NAMES]


def test_only_matrices_and_tables_decay() -> None:
    found = treatments(NAMES, n_layers=2)
    decaying = [name for name in NAMES if found[name].decays]
    assert decaying == [NAMES[0], NAMES[1], NAMES[3], NAMES[7]]


def test_each_layer_down_learns_slower() -> None:
    assert rates(layer_decay=0.5) == [1 / 8, 1 / 8, 1 / 8, 1 / 4, 1 / 2, 1 / 2, 1, 1]


@pytest.mark.parametrize(
    ("part", "frozen"),
    [
        ("word_embeddings", [0]),
        ("embeddings", [0, 1, 2]),
        ("layer.1", [4, 5]),
        ("encoder", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_frozen_parts_have_no_rate(part: str, frozen: list[int]) -> None:
    assert [n for n, rate in enumerate(rates(freeze=(part,))) if rate == 0] == frozen


@pytest.mark.parametrize("part", ["layer.2", "head", "layer"])
def test_unknown_parts_are_named(part: str) -> None:
    with pytest.raises(RunCardError, match=r"`freeze` must name parts .* to layer\.1"):
        rates(freeze=(part,))
