"""Reads the recorded reference values under tests/golden; knows no framework, nothing of `src`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tolerances import OUTPUT, Tolerance, assert_close

GOLDEN = Path(__file__).parent / "golden"
# Name of a head in the recorded files -> our name of it.
HEADS = {
    "base": "base",
    "mlm": "masked_lm",
    "seq": "sequence_classification",
    "mc": "multiple_choice",
    "tok": "token_classification",
    "qa": "question_answering",
}


@cache
def read_json(name: str) -> Any:
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@cache
def read_arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / name) as stored:
        return dict(stored)


def named_arrays(file: str, references: Mapping[str, str]) -> dict[str, np.ndarray]:
    """{"input_ids": "a3"} -> {"input_ids": array a3 of the file}."""
    arrays = read_arrays(file)
    return {name: arrays[reference] for name, reference in references.items()}


def assert_output_is(
    outputs: Any,
    expect: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    tolerance: Tolerance = OUTPUT,
) -> None:
    """`outputs` (a mapping or tuple of arrays, or of tuples of them) has the recorded values.

    The path `hidden_states.1` means the second tensor of a tuple, `hidden_states.#` its length.
    """
    if expect["kind"] == "tuple":
        assert isinstance(outputs, tuple)
        outputs = {str(position): value for position, value in enumerate(outputs)}
    assert list(outputs) == expect["keys"]
    for path, reference in expect["arrays"].items():
        key, _, inner = path.partition(".")
        value = outputs[key]
        if inner == "#":
            assert isinstance(value, tuple)
            value = len(value)
        elif inner:
            value = value[int(inner)]
        assert_close(to_numpy(value), arrays[reference], tolerance, path)


def to_numpy(value: Any) -> np.ndarray:
    return np.asarray(value.detach() if hasattr(value, "detach") else value)
