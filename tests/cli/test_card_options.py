"""Each field of a card is an option, with the sentence beneath it as its help text."""

from __future__ import annotations

import inspect
from typing import Any

from distilbert.cli.card_options import card_options
from distilbert.cli.options import command
from distilbert.training.run_card import RunCard


def verb(name: str, task: str = "x", **fields: Any) -> None:
    SEEN.append((name, task, fields))


SEEN: list[Any] = []


def test_every_field_has_a_sentence() -> None:
    for name, (_, field) in RunCard.fields().items():
        assert (field.description or "").endswith("."), name


def test_every_field_is_an_option_except_those_declared_and_those_left_out() -> None:
    options = command(extra=card_options(without=("seed", "lora")))(verb)
    names = list(inspect.signature(options).parameters)
    assert names[:2] == ["name", "task"]
    left_out = {"seed"} | {
        name for name, (section, _) in RunCard.fields().items() if section == "lora"
    }
    assert set(names) == {"name"} | (set(RunCard.fields()) - left_out)


def test_only_given_fields_arrive() -> None:
    SEEN.clear()
    options = command(extra=card_options())(verb)
    given = dict.fromkeys(inspect.signature(options).parameters)
    options(**{**given, "name": "n", "task": "t", "epochs": 2.0, "freeze": [], "report": False})
    assert SEEN == [("n", "t", {"epochs": 2.0, "report": False})]
