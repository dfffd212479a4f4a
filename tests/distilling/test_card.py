"""The defaults of a distillation are the published ones, and its fields fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilbert.distilling.card import MASK_PROBABILITY, AdaptCard, DistillCard
from distilbert.errors import RunCardError
from distilbert.training.card_file import as_card, card_text, read_card


def test_the_defaults_are_those_of_the_published_model() -> None:
    card = DistillCard()
    losses, options = card.losses, card.optimization
    assert (losses.kl_weight, losses.mlm_weight, losses.cosine_weight) == (5.0, 2.0, 1.0)
    assert (losses.temperature, losses.mse_weight) == (2.0, 0.0)
    assert (MASK_PROBABILITY, card.masking.mask_smoothing) == (0.15, 0.7)
    assert (options.learning_rate, options.warmup, options.weight_decay) == (5e-4, 0.05, 0.0)
    assert (options.beta1, options.beta2, options.epsilon) == (0.9, 0.98, 1e-6)
    assert (options.max_grad_norm, options.epochs, options.schedule) == (5.0, 3.0, "linear")
    assert (card.data.max_length, card.data.min_length, card.data.max_unknown) == (512, 12, 0.5)


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    card = as_card(None, {"teacher": "t", "layers": [0, 2], "train": "/x/a.txt"}, DistillCard)
    (tmp_path / "card.toml").write_text(card_text(card))
    assert read_card(tmp_path / "card.toml", DistillCard) == card


def test_sections_that_a_file_gives_in_part_keep_the_defaults_of_their_card(
    tmp_path: Path,
) -> None:
    (tmp_path / "card.toml").write_text("[losses]\nmlm_weight = 3.0\n")
    losses = read_card(tmp_path / "card.toml", AdaptCard).losses
    assert (losses.kl_weight, losses.mlm_weight, losses.cosine_weight) == (0.0, 3.0, 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": [0, 1], "n_layers": 3}, "`n_layers` must be the number of `layers`: got 3"),
        ({"min_length": 20, "max_length": 10}, "`min_length` must be at most `max_length`"),
        ({"restrict_ce_to_mask": True, "kl_share": 0.5}, "both choose where predictions"),
        ({"parallel": "fsdp", "value_weight": 1}, "cannot be used with FSDP"),
        ({"parallel": "fsdp", "compile": True}, "`compile` cannot be used with FSDP"),
        ({"parallel": "fsdp", "dim": 8}, "another width cannot be trained with FSDP"),
        ({"mask_probability": 0}, "need masked tokens: got mask_probability=0"),
        ({"kl_wieght": 1}, "Nearest: `kl_weight`"),
        ({"lr": 1e-3}, "Use `learning_rate`"),
        ({"layers": [0.5]}, "`layers` must be"),
        ({"init": "zeros"}, "`init` must be 'teacher' or 'random'"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RunCardError, match=message):
        as_card(None, changes, DistillCard)


def test_an_adaptation_compares_no_predictions() -> None:
    with pytest.raises(RunCardError, match="`kl_weight` must be at most 0"):
        as_card(None, {"kl_weight": 1.0}, AdaptCard)
