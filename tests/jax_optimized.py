"""JAX's own optimizations, which most tests go without (see `conftest.py`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def fully_optimized() -> Iterator[None]:
    """Compile as users do, for tests of the numbers that they get; nothing without JAX.

    JAX would go on with what is compiled already, so that is forgotten.
    """
    try:
        import jax
    except ImportError:
        yield
        return
    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, False)
    jax.clear_caches()
    yield
    jax.config.update(name, before)
    jax.clear_caches()
