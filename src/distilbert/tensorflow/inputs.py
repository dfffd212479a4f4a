"""The arguments of a call by name, in whatever form they are passed, and their checks.

Keras takes keywords and tensors in order. The reference's TensorFlow models also take one mapping,
list or tuple as the first argument.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from distilbert.config import DistilBertConfig
from distilbert.errors import InputError, UnknownArgumentError
from distilbert.input_checks import (
    check_axes,
    check_head_mask,
    check_ids,
    check_ids_or_embeddings,
    check_length,
    check_mask,
    check_position_range,
    check_positions,
    has_warned_of_padding,
    warn_of_unmasked_padding,
)

LABELS = ("labels", "start_positions", "end_positions")
HIDDEN = "position_ids"  # an argument that the reference's signatures do not have
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def named_arguments(
    model_class: type, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments of a call by name, without those that are None.

    Args:
        model_class: the class with the method `call`.
        args: tensors in the order of the signature; or first a mapping, list or tuple of them.

    Raises:
        UnknownArgumentError: a name that `call` does not take, or too many arguments.
        InputError: an argument given twice.
    """
    names = argument_names(model_class)
    named = {}
    in_order = [name for name in names if name != HIDDEN]
    for form in _spread(in_order, args, kwargs):
        for name, value in form.items():
            if name not in names:
                raise UnknownArgumentError(
                    f"A call takes {', '.join(names)}: got an unknown argument `{name}`."
                )
            if value is None:
                continue
            if name in named:
                raise InputError(f"Pass `{name}` once: got it twice.")
            # Keras would treat a plain list, a tokenizer's default, as many numbers.
            named[name] = np.asarray(value) if isinstance(value, (list, tuple)) else value
    return named


@functools.cache
def argument_names(model_class: Any) -> tuple[str, ...]:
    """The parameters of `call`, in order. A child's `**kwargs` are those of its parent."""
    names: dict[str, None] = {}
    for parent in model_class.__mro__:
        if "call" not in vars(parent):
            continue
        parameters = list(call_signature(parent.call).parameters.values())[1:]
        named = [each.name for each in parameters if each.kind not in VARIADIC]
        names.update(dict.fromkeys(named))
        if len(named) == len(parameters):
            break
    return tuple(names)


def call_signature(call: Callable[..., Any]) -> inspect.Signature:
    """The signature of a `call` with the argument that tools do not see."""
    shown = inspect.signature(call)
    if not hasattr(call, "__signature__"):
        return shown
    hidden = inspect.Parameter(HIDDEN, inspect.Parameter.KEYWORD_ONLY, default=None)
    return shown.replace(parameters=[*shown.parameters.values(), hidden])


def _spread(
    names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    first, *rest = args or (None,)
    given = kwargs
    if not args and isinstance(kwargs.get(names[0]), Mapping):
        first = kwargs[names[0]]
        given = {name: value for name, value in kwargs.items() if name != names[0]}
    if isinstance(first, Mapping):
        return [first, _in_order(names[1:], rest), given]
    if isinstance(first, (list, tuple)) and _are_arguments(first):
        return [_in_order(names, first), _in_order(names[1:], rest), given]
    return [_in_order(names, args), given]


def _are_arguments(values: Sequence[Any]) -> bool:
    """Whether a list holds arguments in order, or none at all, rather than the ids themselves."""
    return any(hasattr(value, "shape") for value in values) or all(v is None for v in values)


def _in_order(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    if len(values) > len(names):
        raise UnknownArgumentError(
            f"A call takes {len(names)} arguments ({', '.join(names)}): got {len(values)}."
        )
    return dict(zip(names, values, strict=False))


def check_arguments(named: Mapping[str, Any], config: DistilBertConfig, head: str) -> None:
    """Check what is known before computing: shapes, and ids with values on a CPU.

    Raises:
        InputError: ids and embeddings together, or neither, or not in a batch; a mask of another
            size.
        TokenIdError: the sequence is too long, or an id or a position is outside its table.
    """
    ids, vectors = named.get("input_ids"), named.get("inputs_embeds")
    check_ids_or_embeddings(has_ids=ids is not None, has_embeddings=vectors is not None)
    given = _shape(ids if vectors is None else vectors)
    if given:
        check_axes(given, 3 if head == "multiple_choice" else 2, is_ids=vectors is None)
    shape = given if vectors is None else given[:-1]
    positions = named.get("position_ids")
    if positions is not None:
        _check_positions(positions, shape, config)
    elif shape and shape[-1] is not None:
        check_length(shape[-1], config.max_position_embeddings)
    mask = _shape(named.get("attention_mask"))
    if mask and shape and None not in (*mask, *shape):
        check_mask(mask, int(np.prod(shape[:-1])), int(shape[-1] or 0))
    head_mask = named.get("head_mask")
    if head_mask is not None:
        check_head_mask(_shape(head_mask), config.n_layers)
    values = values_of(ids)
    if values is not None and values.size:
        check_ids(int(values.min()), int(values.max()), config.vocab_size)
        if "attention_mask" in named or config.pad_token_id is None or has_warned_of_padding():
            return
        if (values == config.pad_token_id).any():
            warn_of_unmasked_padding()


def _check_positions(positions: Any, shape: Sequence[Any], config: DistilBertConfig) -> None:
    given = _shape(positions)
    if given and shape:
        *rows, length = shape
        n_rows = None if None in rows else int(np.prod(rows))
        if len(given) == len(shape) and None not in given:
            given = (int(np.prod(given[:-1])), given[-1])
        check_positions(given, n_rows, length)
    values = values_of(positions)
    if values is not None and values.size:
        lowest, highest = int(values.min()), int(values.max())
        check_position_range(lowest, highest, config.max_position_embeddings)


def _shape(value: Any) -> tuple[Any, ...]:
    shape = getattr(value, "shape", None)
    return () if shape is None or getattr(shape, "rank", 0) is None else tuple(shape)


def values_of(numbers: Any) -> np.ndarray | None:
    """Ids or labels as an array, if they have values on the CPU."""
    if isinstance(numbers, np.ndarray):
        return numbers
    has_values = tf.is_tensor(numbers) and hasattr(numbers, "numpy")
    return np.asarray(numbers) if has_values and "CPU" in (numbers.device or "CPU") else None
