"""From a user's examples to a `tf.data.Dataset` of batches that `fit` takes.

Examples may be a list of dicts, a dict of columns, or any object with `len` and `[i]` that returns
dicts, as `datasets.Dataset`. Only the reference's TensorFlow models have such a method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from distilbert.errors import InputError
from distilbert.heads import IGNORED_LABEL
from distilbert.tensorflow.inputs import LABELS, argument_names

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel

Row = Mapping[str, Any]
Batch = dict[str, np.ndarray]

# Names that data sets have for `labels`.
OTHER_LABELS = ("label", "label_ids")


def prepare_tf_dataset(
    model: PreTrainedModel,
    dataset: Any,
    batch_size: int = 8,
    shuffle: bool = True,
    tokenizer: Any = None,
    collate_fn: Callable[..., Mapping[str, Any]] | None = None,
    collate_fn_args: Mapping[str, Any] | None = None,
    drop_remainder: bool | None = None,
    prefetch: bool = True,
) -> tf.data.Dataset:
    """Batches of inputs and labels, or of inputs alone if there are no labels.

    Columns that the model does not take are left out; `label` becomes `labels`. Rows of different
    lengths are padded to the longest of their batch: labels with -100, the mask with 0.

    Args:
        shuffle: a new order in every epoch; `tf.random.set_seed` decides.
        tokenizer: whose padding id and side to use; None takes the config's id and the right side.
        collate_fn: makes a batch of a list of rows instead; called with `collate_fn_args` too.
        drop_remainder: leave out a last batch that is not full; None does so when shuffling.

    Raises:
        InputError: no rows, or none of the model's inputs in them.
    """
    rows = _as_rows(dataset)
    if not len(rows):
        raise InputError("`dataset` must have at least one row: got none.")
    model_class: Any = type(model)
    names = argument_names(model_class)
    if collate_fn is None:
        pad = model.config.pad_token_id if tokenizer is None else tokenizer.pad_token_id
        left = getattr(tokenizer, "padding_side", "right") == "left"
        collate = partial(_padded, pad=pad or 0, left=left)
    else:
        collate = partial(collate_fn, **(collate_fn_args or {}))
    fetch = partial(_fetched, rows, names, collate)
    first = fetch(np.arange(1))
    if not any(name in first for name in ("input_ids", "inputs_embeds")):
        raise InputError(f"`dataset` must have `input_ids`: got {', '.join(rows[0])}.")
    numbers = tf.data.Dataset.range(len(rows))
    if shuffle:
        numbers = numbers.shuffle(len(rows))
    drops = shuffle if drop_remainder is None else drop_remainder
    batches = numbers.batch(batch_size, drop_remainder=drops).map(
        partial(_as_tensors, fetch, first)
    )
    return batches.prefetch(tf.data.AUTOTUNE) if prefetch else batches


def _as_rows(dataset: Any) -> Any:
    """Any of the accepted forms as a sequence of dicts."""
    if not isinstance(dataset, Mapping):
        return dataset
    lengths = {len(column) for column in dataset.values()}
    if len(lengths) > 1:
        raise InputError(f"Columns of `dataset` must be equally long: got {sorted(lengths)}.")
    return [dict(zip(dataset, row, strict=True)) for row in zip(*dataset.values(), strict=True)]


def _fetched(
    rows: Sequence[Row],
    names: Sequence[str],
    collate: Callable[..., Mapping[str, Any]],
    numbers: Any,
) -> Batch:
    """The batch of the rows with these numbers, reduced to the inputs of the model."""
    chosen = []
    for number in numbers:
        row = {("labels" if k in OTHER_LABELS else k): v for k, v in rows[int(number)].items()}
        chosen.append({name: row[name] for name in names if name in row})
    batch = {name: np.asarray(value) for name, value in collate(chosen).items()}
    return {name: batch[name] for name in names if name in batch}


def _padded(rows: Sequence[Row], *, pad: int, left: bool) -> Batch:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    ids = columns.get("input_ids")
    if ids is not None and "attention_mask" not in columns:
        columns["attention_mask"] = _ones(ids)
    fillers = {"input_ids": pad, "labels": IGNORED_LABEL}
    return {
        name: _rectangular(values, filler=fillers.get(name, 0), left=left)
        for name, values in columns.items()
    }


def _is_nested(value: Any) -> bool:
    """Whether `value` is a list of lists or arrays, which may differ in length."""
    first = value[0] if isinstance(value, (list, tuple)) and value else None
    return isinstance(first, (list, tuple)) or getattr(first, "ndim", 0) > 0


def _ones(value: Any) -> Any:
    return [_ones(part) for part in value] if _is_nested(value) else np.ones(len(value), np.int64)


def _rectangular(value: Any, *, filler: int, left: bool) -> np.ndarray:
    """Lists of lists of any lengths as one array, filled up to the longest on every axis."""
    if not _is_nested(value):
        return np.asarray(value)
    parts = [_rectangular(part, filler=filler, left=left) for part in value]
    sizes = np.max([part.shape for part in parts], axis=0)
    out = np.full((len(parts), *sizes), filler, np.result_type(*parts))
    for row, part in enumerate(parts):
        ends = zip(sizes, part.shape, strict=True)
        sides = [slice(size - n, size) if left else slice(n) for size, n in ends]
        out[(row, *sides)] = part
    return out


def _as_tensors(fetch: Callable[[Any], Batch], first: Batch, numbers: tf.Tensor) -> Any:
    """One batch as TensorFlow's graph fetches it: inputs, and labels if there are any."""
    names = list(first)

    def values(numbers: np.ndarray) -> list[np.ndarray]:
        batch = fetch(numbers)
        return [batch[name].astype(first[name].dtype, copy=False) for name in names]

    types = [tf.as_dtype(first[name].dtype) for name in names]
    tensors = dict(zip(names, tf.numpy_function(values, [numbers], types), strict=True))
    for name, tensor in tensors.items():
        tensor.set_shape([numbers.shape[0], *[None] * (first[name].ndim - 1)])
    labels = {name: tensors.pop(name) for name in LABELS if name in tensors}
    if not labels:
        return tensors
    return tensors, labels["labels"] if list(labels) == ["labels"] else labels
