"""Registers the models' outputs with Keras' tree utilities.

Without this `predict` could not join batches. TensorFlow's `tf.nest` takes any mapping.
"""

from __future__ import annotations

import functools
from typing import Any

import optree

from distilbert.outputs import output_classes, rebuild_output

NAMESPACE = "keras"  # what Keras registers its containers under


@functools.cache
def register_outputs() -> None:
    """Register every output class, once per process."""
    flatten: Any = _flatten
    for output_class in output_classes("TF"):
        rebuild: Any = functools.partial(rebuild_output, output_class)
        optree.register_pytree_node(output_class, flatten, rebuild, namespace=NAMESPACE)


def _flatten(output: Any) -> tuple[list[Any], list[str], list[str]]:
    return list(output.values()), list(output), list(output)
