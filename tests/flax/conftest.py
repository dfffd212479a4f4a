"""JAX's own optimizations, for tests of the numbers that users get."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def fully_optimized() -> Iterator[None]:
    """With the optimizations that the other tests go without, see `tests/conftest.py`."""
    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, False)
    yield
    jax.config.update(name, before)
