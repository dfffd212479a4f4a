"""The one table of numeric tolerances; loosening a row needs a decision note."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Tolerance:
    """|error| <= absolute + of_largest * max|expected| + relative * |expected|."""

    absolute: float
    relative: float = 0.0
    of_largest: float = 0.0


# float32 outputs and gradients: section "Status" of the specification.
OUTPUT = Tolerance(2e-5, relative=1e-5)
GRADIENT = Tolerance(2e-5, relative=2e-4, of_largest=2e-5)
# The same arithmetic in another order: batch composition, padding, another attention kernel.
REORDERED = Tolerance(5e-6, relative=5e-6)
# Half precision against float32, outputs of order 1: a few times the type's rounding step.
HALF = {"float16": Tolerance(1e-2, relative=1e-2), "bfloat16": Tolerance(6e-2, relative=6e-2)}
# The page's torch examples were recorded while the reference computed in float16 by accident
# (tests/golden/README.md).
RECORDED_IN_HALF = Tolerance(2e-2, relative=1e-2)
# float64 against float64: a central difference with step 1e-5.
FINITE_DIFFERENCE = Tolerance(1e-7, relative=1e-6)


def assert_close(actual: Any, expected: Any, tolerance: Tolerance, what: str = "value") -> None:
    """Compare two arrays, shape included; nan equals nan."""
    actual = np.asarray(actual, np.float64)
    expected = np.asarray(expected, np.float64)
    assert actual.shape == expected.shape, f"{what}: {actual.shape} is not {expected.shape}"
    largest = np.abs(expected).max(initial=0.0)
    margin = tolerance.absolute + tolerance.of_largest * largest
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance.relative, atol=margin, equal_nan=True, err_msg=what
    )


def assert_all_close(
    actual: dict[str, Any], expected: dict[str, Any], tolerance: Tolerance, names: Iterable[str]
) -> None:
    """`assert_close` for each of `names`."""
    for name in names:
        assert_close(actual[name], expected[name], tolerance, name)
