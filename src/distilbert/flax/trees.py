"""Registers the models' outputs with JAX's tree utilities.

A function under `jit`, `grad`, `vmap` or `pmap` can only return what these know.
"""

from __future__ import annotations

import functools
from typing import Any

from jax import tree_util as trees

from distilbert.outputs import output_classes, rebuild_output


@functools.cache
def register_outputs() -> None:
    """Register every output class, once per process."""
    for output_class in output_classes("Flax"):
        rebuild = functools.partial(rebuild_output, output_class)
        trees.register_pytree_with_keys(output_class, _flatten_with_keys, rebuild, _flatten)


def _flatten(output: Any) -> tuple[list[Any], tuple[str, ...]]:
    return list(output.values()), tuple(output)


def _flatten_with_keys(output: Any) -> tuple[list[tuple[Any, Any]], tuple[str, ...]]:
    return [(trees.DictKey(name), value) for name, value in output.items()], tuple(output)
