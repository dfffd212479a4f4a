"""Tells PyTorch's tree utilities how to take a model's output apart and put it together again.

`torch.export`, `torch.func` and tools built on them need this; computing does not.
"""

from __future__ import annotations

from typing import Any

from torch.utils import _pytree as pytree  # the public way to register is in this module

from distilbert import outputs
from distilbert.outputs import ModelOutput

CLASSES: tuple[type[ModelOutput], ...] = (
    outputs.BaseModelOutput,
    outputs.MaskedLMOutput,
    outputs.SequenceClassifierOutput,
    outputs.MultipleChoiceModelOutput,
    outputs.TokenClassifierOutput,
    outputs.QuestionAnsweringModelOutput,
)


def register_outputs() -> None:
    """Register every output class, once per process."""
    for output_class in CLASSES:
        if output_class not in pytree.SUPPORTED_NODES:
            _register(output_class)


def _register(output_class: type[ModelOutput]) -> None:
    def unflatten(values: Any, names: Any) -> ModelOutput:
        return output_class(**dict(zip(names, values, strict=True)))

    pytree.register_pytree_node(
        output_class,
        _flatten,
        unflatten,
        serialized_type_name=f"{output_class.__module__}.{output_class.__name__}",
        flatten_with_keys_fn=_flatten_with_keys,
    )


def _flatten(output: Any) -> tuple[list[Any], list[str]]:
    return list(output.values()), list(output)


def _flatten_with_keys(output: Any) -> tuple[list[tuple[Any, Any]], list[str]]:
    return [(pytree.MappingKey(name), value) for name, value in output.items()], list(output)
