"""JAX's own optimizations, for tests of the numbers that users get."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(scope="module")
def fully_optimized() -> Iterator[None]:
    """With the optimizations that the other tests go without, see `tests/conftest.py`.

    JAX would go on with what is compiled already, so that is forgotten.
    """
    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, False)
    jax.clear_caches()
    yield
    jax.config.update(name, before)
    jax.clear_caches()
