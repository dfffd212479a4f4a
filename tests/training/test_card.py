"""Cards of several kinds share their machinery: fields, values, conflicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import Field

from distilbert.errors import RunCardError
from distilbert.training.card import Card, Names, Section, kind_of, plain_value
from distilbert.training.card_file import as_card, card_text, read_card


class Part(Section):
    """A part."""

    size: int = 1
    names: Names = ()


class OtherCard(Card):
    """Another kind of card."""

    tables = ("extra",)

    output: str = ""
    part: Part = Part()
    extra: dict[str, int] = Field(default_factory=dict)

    def conflicts(self) -> list[str]:
        return ["`size` must not be 13."] if self.part.size == 13 else []


def test_fields_are_known_with_their_section() -> None:
    found = {name: section for name, (section, _) in OtherCard.fields().items()}
    assert found == {"output": "", "size": "part", "names": "part"}
    assert kind_of(OtherCard.fields()["size"][1]) is int


def test_a_card_of_any_kind_is_changed_written_and_read(tmp_path: Path) -> None:
    card = as_card(None, {"size": np.int64(4), "names": "a", "output": tmp_path}, OtherCard)
    assert (card.part.size, card.part.names, card.output) == (4, ("a",), str(tmp_path))
    (tmp_path / "card.toml").write_text(card_text(card))
    assert read_card(tmp_path / "card.toml", OtherCard) == card


def test_what_is_wrong_is_said_of_its_own_fields() -> None:
    with pytest.raises(RunCardError, match="Nearest: `size`"):
        as_card(None, {"sizes": 1}, OtherCard)
    with pytest.raises(RunCardError, match="`size` must not be 13"):
        as_card(None, {"size": 13}, OtherCard)
    with pytest.raises(RunCardError, match=r"`size` belongs to \[part\]"):
        as_card({"size": 1}, {}, OtherCard)


def test_values_become_plain(tmp_path: Path) -> None:
    assert plain_value([np.float32(0.5), tmp_path, True, None]) == (0.5, str(tmp_path), True, None)
