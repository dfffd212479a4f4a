"""What a run card is by itself: plain values, all with defaults that are good."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from distilbert.training.card_file import card_from
from distilbert.training.run_card import DataSection, RunCard, TeacherSection


def test_a_card_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        RunCard().seed = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_all_defaults_keep_the_rules() -> None:
    assert card_from(RunCard().model_dump(), base=None) == RunCard()


def test_cards_do_not_share_their_search() -> None:
    first, second = RunCard(), RunCard()
    first.search["epochs"] = [1, 2]
    assert second.search == {}


def test_a_card_names_what_it_reads_the_models_of_a_search_too() -> None:
    card = RunCard(
        model="m",
        distillation=TeacherSection(teacher="t"),
        data=DataSection(train=("a", "b"), dev=("c",)),
        search={"model": ["x", "y"], "epochs": [1, 2]},
    )
    assert card.sources() == ["m", "t", "x", "y", "a", "b", "c"]
    assert RunCard().sources() == []
