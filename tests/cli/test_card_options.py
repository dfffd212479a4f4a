"""Each field of a card is an option, with the sentence beneath it as help."""

from __future__ import annotations

import inspect
from typing import Any

from distilbert.cli.card_options import sentences, with_card_options
from distilbert.training.card_file import leaf_fields


def verb(name: str, task: str = "x", **fields: Any) -> None:
    SEEN.append((name, task, fields))


SEEN: list[Any] = []


def test_every_field_has_a_sentence() -> None:
    assert set(leaf_fields()) <= set(sentences())
    assert all(sentence.endswith(".") for sentence in sentences().values())


def test_every_field_is_an_option_but_those_of_the_verb_and_those_left_out() -> None:
    command = with_card_options(verb, without=("seed",))
    names = list(inspect.signature(command).parameters)
    assert names[:2] == ["name", "task"]
    assert set(names) == {"name"} | (set(leaf_fields()) - {"seed"})


def test_only_given_fields_arrive() -> None:
    SEEN.clear()
    with_card_options(verb)(name="n", task="t", epochs=2.0, freeze=[], report=False, seed=None)
    assert SEEN == [("n", "t", {"epochs": 2.0, "report": False})]
