"""Checks of a model's inputs, so that every framework raises the same errors.

The checks take shapes and plain numbers. The framework packages decide when to check: values inside
a compiled graph are not available.
"""

from __future__ import annotations

import functools
import inspect
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from distilbert.config_checks import pruned_by_layer
from distilbert.errors import InputError, TokenIdError
from distilbert.heads import IGNORED_LABEL

if TYPE_CHECKING:
    import numpy as np

    from distilbert.config import DistilBertConfig

logger = logging.getLogger(__name__)

RUNNER_INPUTS = ("input_ids", "attention_mask")
# An input that exported masked LMs do not need: bool (B, S), which tokens to compute logits of.
WANTED_INPUT = "wanted"


def check_ids_or_embeddings(*, has_ids: bool, has_embeddings: bool) -> None:
    """Raise InputError unless exactly one is given."""
    if has_ids == has_embeddings:
        got = "both" if has_ids else "neither"
        raise InputError(f"Pass exactly one of `input_ids` and `inputs_embeds`: got {got}.")


def check_tensors(arguments: Mapping[str, Any], advice: str) -> None:
    """Raise InputError for a mapping, a list or an array in place of a tensor.

    Args:
        arguments: those that are not tensors of the framework.
        advice: how to make a tensor.
    """
    for name, value in arguments.items():
        kind = type(value)
        if isinstance(value, Mapping):
            advice = "Pass its entries as keywords: `model(**encoding)`."
        elif not isinstance(value, (list, tuple, str, int, float)) and kind.__module__ != "numpy":
            continue  # what a tool traces a model with
        raise InputError(f"`{name}` must be a tensor: got {kind.__name__}. {advice}")


def check_axes(shape: Sequence[int | None], n_axes: int, *, is_ids: bool) -> None:
    """Raise InputError unless ids, or embeddings with one axis more, have this many axes."""
    name, needed = ("input_ids", n_axes) if is_ids else ("inputs_embeds", n_axes + 1)
    if len(shape) != needed:
        raise InputError(
            f"`{name}` must have {needed} axes: got shape {tuple(shape)}. A single sequence is a "
            f"batch of one."
        )


def check_length(length: int, longest: int) -> None:
    """Raise TokenIdError for a sequence of more tokens than the model has positions."""
    if length > longest:
        raise TokenIdError(
            f"A sequence must not be longer than `max_position_embeddings`: got {length} tokens, "
            f"at most {longest}. Truncate or split the text, or call `resize_position_embeddings`."
        )


def check_ids(lowest: int, highest: int, n_words: int) -> None:
    """Raise TokenIdError unless the smallest and the largest id lie within the vocabulary."""
    if lowest < 0 or highest >= n_words:
        raise TokenIdError(
            f"Token ids must lie between 0 and {n_words - 1}: got {lowest} to {highest}. Use the "
            f"tokenizer that belongs to this model, or call `resize_token_embeddings`."
        )


def check_vocab_size(value: object, size: int) -> None:
    """Raise InputError unless `value` is the present size of the vocabulary."""
    if value != size:
        raise InputError(
            f"`vocab_size` of a model is that of its word embedding, {size}: got {value!r}. Change "
            f"it with `resize_token_embeddings`."
        )


def check_positions(shape: Sequence[int | None], rows: int | None, length: int | None) -> None:
    """Raise InputError unless positions of this shape are (S,), (1, S) or (B, S); None is any."""
    *before, last = shape or (0,)
    fits = None in (last, length) or last == length
    # No set: a size that `torch.export` records has no hash.
    if not fits or any(size not in (1, rows, None) for size in before) or len(before) > 1:
        raise InputError(
            f"`position_ids` must have one position per token, for each row or for all rows: got "
            f"{tuple(shape)} for {rows} sequences of {length} tokens."
        )


def check_position_range(lowest: int, highest: int, n_positions: int) -> None:
    """Raise TokenIdError unless the smallest and the largest position lie within the table."""
    if lowest < 0 or highest >= n_positions:
        raise TokenIdError(
            f"`position_ids` must lie between 0 and {n_positions - 1}: got {lowest} to {highest}. "
            f"The table of positions has `max_position_embeddings` rows; see "
            f"`resize_position_embeddings`."
        )


def check_mask(shape: Sequence[int], n_rows: int, length: int) -> None:
    """Raise InputError unless a mask of this shape has one value per token."""
    if math.prod(shape) != n_rows * length:
        raise InputError(
            f"`attention_mask` must have one value per token: got {tuple(shape)} for {n_rows} "
            f"sequences of {length} tokens."
        )


def check_head_mask(shape: Sequence[int], n_layers: int) -> None:
    """Raise InputError unless the shape is (H,) or (L, H)."""
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[0] != n_layers):
        raise InputError(
            f"`head_mask` must be (heads,) or (layers, heads): got {tuple(shape)} for {n_layers} "
            f"layers."
        )


def page_signature(call: Callable[..., Any], *hidden: str, required: str = "") -> Signature:
    """The signature of the reference page: without parameters that it does not have.

    Args:
        required: a parameter that has no default there.
    """
    shown = [
        each.replace(default=Parameter.empty) if each.name == required else each
        for each in inspect.signature(call).parameters.values()
        if each.name not in hidden
    ]
    return Signature(shown)


@functools.cache
def warn_of_unmasked_padding() -> None:
    """Warn once per process that padding takes part in attention."""
    logger.warning(
        "`input_ids` contain `pad_token_id`, but there is no `attention_mask`: padding takes part "
        "in attention. Pass the mask the tokenizer returns."
    )


def has_warned_of_padding() -> bool:
    """Whether the warning was given, so that padding need not be searched for again."""
    return warn_of_unmasked_padding.cache_info().currsize > 0


def check_size(name: str, value: int) -> None:
    """Raise InputError unless a new size of a table is a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"`{name}` must be an integer >= 1: got {value!r}.")


def new_vocab_size(
    old_size: int, *, new_num_tokens: int | None, pad_to_multiple_of: int | None
) -> int:
    """The new vocabulary size for `resize_token_embeddings`, rounded up; None keeps the old one.

    Raises:
        InputError: a size that is not a positive integer.
    """
    size = old_size
    if new_num_tokens is not None:
        check_size("new_num_tokens", new_num_tokens)
        size = new_num_tokens
    if pad_to_multiple_of is not None:
        check_size("pad_to_multiple_of", pad_to_multiple_of)
        size = -(-size // pad_to_multiple_of) * pad_to_multiple_of
    return size


def parse_heads_to_prune(
    heads_to_prune: Mapping[int, Iterable[int]], *, n_layers: int, n_heads: int
) -> dict[int, set[int]]:
    """The heads for `prune_heads` to remove, by layer.

    Raises:
        InputError: a layer or head that does not exist.
    """
    try:
        return pruned_by_layer(heads_to_prune, n_layers=n_layers, n_heads=n_heads)
    except ValueError as error:
        raise InputError(f"`heads_to_prune` must name {error}.") from None


def infer_problem_type(problem_type: str | None, *, n_labels: int, are_classes: bool) -> str:
    """The problem type of sequence classification: the given one, or the one that labels imply.

    One label means regression, integers are classes, anything else is multi-label.
    """
    if problem_type is not None:
        return problem_type
    if n_labels == 1:
        return "regression"
    return "single_label_classification" if are_classes else "multi_label_classification"


def check_class_labels(logits: Sequence[int], labels: Sequence[int], dtype: Any) -> None:
    """Raise InputError unless labels of this shape hold one class number per row of the logits."""
    if math.prod(labels) != logits[0]:
        raise _label_error(logits, labels, dtype, "one class number per row; for several, floats")


def check_value_labels(logits: Sequence[int], labels: Sequence[int], dtype: Any) -> None:
    """Raise InputError unless the shapes are equal; broadcasting would give a wrong loss."""
    if tuple(labels) != tuple(logits):
        raise _label_error(logits, labels, dtype, "one value per logit")


def check_token_labels(logits: Sequence[int], labels: Sequence[int], dtype: Any) -> None:
    """Raise InputError unless labels of this shape hold one number per token of the logits."""
    if math.prod(labels) != math.prod(logits[:-1]):
        raise _label_error(logits, labels, dtype, "one class number per token")


def check_classes(lowest: int, highest: int, n_classes: int) -> None:
    """Raise InputError unless the smallest and the largest class number, without those that are
    ignored, lie within the classes."""
    if lowest < 0 or highest >= n_classes:
        raise InputError(
            f"`labels` must be class numbers between 0 and {n_classes - 1}, or {IGNORED_LABEL} for "
            f"none: got {lowest} to {highest}. Change the labels, or load the model with another "
            f"`num_labels`."
        )


def _label_error(logits: Sequence[int], labels: Sequence[int], dtype: Any, need: str) -> InputError:
    return InputError(
        f"`labels` must hold {need}: got labels {tuple(labels)} of {dtype} for logits "
        f"{tuple(logits)}."
    )


def check_batch(
    batch: Mapping[str, np.ndarray],
    config: DistilBertConfig,
    head: str,
    wanted: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Check the names, types, shapes, ids and length of a runner's batch, and its wanted tokens.

    Returns:
        The ids, and a bool mask that is True for visible tokens: for all, if the batch has none.

    Raises:
        TokenIdError: an id or the length lies outside the model's tables.
        InputError: other arrays, or arrays of other types and shapes.
    """
    unknown = [name for name in batch if name not in RUNNER_INPUTS]
    if unknown or "input_ids" not in batch:
        raise InputError(
            f"A batch must hold `input_ids` and may hold `attention_mask`: got "
            f"{', '.join(batch) or 'nothing'}."
        )
    ids = batch["input_ids"]
    axes = 3 if head == "multiple_choice" else 2
    for name, array in batch.items():
        if array.dtype.kind not in "iu" or array.ndim != axes or array.shape != ids.shape:
            raise InputError(
                f"`{name}` must hold integers, with {axes} axes and one entry per token: got "
                f"{array.dtype} {array.shape}; `input_ids` is {ids.shape}."
            )
    if wanted is not None and (wanted.dtype.kind != "b" or wanted.shape != ids.shape):
        raise InputError(
            f"`wanted` must hold one bool per token: got {wanted.dtype} {wanted.shape}; "
            f"`input_ids` is {ids.shape}."
        )
    check_length(ids.shape[-1], config.max_position_embeddings)
    if ids.size:
        check_ids(int(ids.min()), int(ids.max()), config.vocab_size)
    mask = batch.get("attention_mask")
    return ids, ids == ids if mask is None else mask != 0
