"""A JAX setting for tests that compile much and compute little."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def quick_compiling() -> Iterator[None]:
    """Without most optimizations: tests of training compile much and compute little."""
    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, True)
    yield
    jax.config.update(name, before)
