"""JAX's own optimizations, for tests of the numbers that users get."""

from __future__ import annotations

from collections.abc import Iterator

import jax_optimized
import pytest


@pytest.fixture(scope="module")
def fully_optimized() -> Iterator[None]:
    """With the optimizations that the other tests go without."""
    with jax_optimized.fully_optimized():
        yield
