"""Registers the models' outputs with PyTorch's tree utilities.

`torch.export`, `torch.func` and tools built on them need this; computing does not.
"""

from __future__ import annotations

import functools
from typing import Any

from torch.utils import _pytree as pytree  # the public way to register is in this module

from distilbert.outputs import output_classes, rebuild_output


@functools.cache
def register_outputs() -> None:
    """Register every output class, once per process."""
    for output_class in output_classes(""):
        pytree.register_pytree_node(
            output_class,
            _flatten,
            lambda values, names, kind=output_class: rebuild_output(kind, names, values),
            serialized_type_name=f"{output_class.__module__}.{output_class.__name__}",
            flatten_with_keys_fn=_flatten_with_keys,
        )


def _flatten(output: Any) -> tuple[list[Any], list[str]]:
    return list(output.values()), list(output)


def _flatten_with_keys(output: Any) -> tuple[list[tuple[Any, Any]], list[str]]:
    return [(pytree.MappingKey(name), value) for name, value in output.items()], list(output)
