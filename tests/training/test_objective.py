"""The settings of a loss and of a trainer that nobody sets are those of an empty run card."""

from __future__ import annotations

from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import RunCard


def test_defaults_are_those_of_a_run_card() -> None:
    card, loss, trainer = RunCard(), LossSettings(), TrainerSettings()
    assert (trainer.optimization, trainer.lora) == (card.optimization, card.lora)
    assert (trainer.seed, trainer.device) == (card.seed, card.run.device)
    assert (loss.label_smoothing, loss.r_drop) == (0.0, 0.0)
