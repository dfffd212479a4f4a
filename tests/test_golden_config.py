"""`DistilBertConfig` gives the attributes and JSON recorded from the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from recorded import read_json

from distilbert import DistilBertConfig

RECORDED = read_json("config.json")
CASES = [pytest.param(case, id=str(sorted(case["kwargs"]))) for case in RECORDED["cases"]]
VERSION = "transformers_version"  # free: any version string


def plain(value: Any) -> Any:
    """The recorded form of a value: mappings are tagged, their keys are strings."""
    if isinstance(value, dict):
        return {"__map__": {str(key): plain(inner) for key, inner in value.items()}}
    return value


@pytest.mark.parametrize("case", CASES)
def test_attributes_are_the_recorded_ones(case: dict) -> None:
    config = DistilBertConfig(**case["kwargs"])
    assert {name: plain(getattr(config, name)) for name in RECORDED["keys"]} == case["attrs"]


@pytest.mark.parametrize("case", CASES)
def test_json_is_the_recorded_one_and_reads_back_equal(case: dict, tmp_path: Path) -> None:
    config = DistilBertConfig(**case["kwargs"])
    saved = json.loads(config.to_json_string())
    assert isinstance(saved.pop(VERSION), str)
    assert saved == case["diff"]
    config.save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"
    again = DistilBertConfig.from_pretrained(tmp_path)
    again.name_or_path = config.name_or_path
    assert again == config
