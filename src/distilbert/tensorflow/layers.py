"""The basic layers of the models, which build their variables at once, named as in checkpoints.

Keras' layers cannot name a table `weight`, cannot keep a table frozen when `model.trainable = True`
is set, and multiply more slowly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from distilbert.heads import LAYER_NORM_EPS
from distilbert.tensorflow.backend import keras

_needs_values: ContextVar[bool] = ContextVar("_needs_values", default=True)


@contextmanager
def deferred_init() -> Iterator[None]:
    """A context in which models get shapes but no values; `materialize` brings them."""
    token = _needs_values.set(False)
    try:
        yield
    finally:
        _needs_values.reset(token)


def needs_values() -> bool:
    """Whether a layer that is built now gets values: not under `deferred_init`."""
    return _needs_values.get()


def empty_values(shape: Any, dtype: Any) -> Tensor:
    """The first content of a matrix or table: zeros, or under `deferred_init` uninitialized memory.

    Zeros that are overwritten at once would take as long as the values themselves.
    """
    if needs_values():
        return tf.zeros(shape, dtype)
    return tf.raw_ops.Empty(shape=shape, dtype=dtype)


class Linear(keras.layers.Dense):
    """A Keras `Dense` on any number of leading axes, computed as one matrix product."""

    def __init__(self, n_in: int, n_out: int, **kwargs: Any) -> None:
        # Keras refuses a width of 0, which an attention with all heads pruned has.
        values: Any = empty_values
        super().__init__(max(n_out, 1), kernel_initializer=values, **kwargs)
        self.units = n_out
        self.build((None, n_in))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """From inputs (..., n_in) to (..., n_out)."""
        return affine(inputs, self.kernel, self.bias)


class TiedLinear(keras.layers.Layer):
    """The bias of a projection whose matrix is the table (n_out, n_in) of another layer."""

    def __init__(self, n_out: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bias = self.add_weight(name="bias", shape=(n_out,), initializer="zeros")
        self.units = n_out
        self.built = True

    def call(self, inputs: Tensor, table: Tensor) -> Tensor:
        """From inputs (..., n_in) to (..., n_out)."""
        return affine(inputs, table, self.bias, transpose_b=True)


class Embedding(keras.layers.Layer):
    """A table of rows, kept in the variable `leaf`."""

    def __init__(
        self,
        n_rows: int,
        dim: int,
        *,
        leaf: str,
        padding_idx: int | None = None,
        frozen: bool = False,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            padding_idx: a row that gets no gradient from lookups.
            frozen: the table is never trained, whatever the layer's `trainable`.
        """
        super().__init__(**kwargs)
        self.n_rows = n_rows
        self.dim = dim
        self.leaf = leaf
        self.padding_idx: Any = padding_idx
        self.frozen = frozen
        table = self.add_weight(
            name=leaf,
            shape=(n_rows, dim),
            initializer=empty_values,
            trainable=not frozen,
            autocast=False,  # the rows of a call are cast, not the whole table
        )
        setattr(self, leaf, table)
        self.built = True

    @property
    def table(self) -> Any:
        """The variable that holds the rows."""
        return getattr(self, self.leaf)

    def call(self, ids: Tensor) -> Tensor:
        """The rows (..., D) of integers (...)."""
        rows = tf.cast(tf.gather(tf.convert_to_tensor(self.table), ids), self.compute_dtype)
        if self.padding_idx is None:
            return rows
        is_padding = tf.equal(ids, tf.cast(self.padding_idx, ids.dtype))
        return tf.where(tf.expand_dims(is_padding, -1), tf.stop_gradient(rows), rows)

    def first(self, n_rows: Any) -> Tensor:
        """The first rows (n_rows, D), in the dtype the layer computes in."""
        return tf.cast(tf.convert_to_tensor(self.table)[:n_rows], self.compute_dtype)


def layer_norm(dim: int, **kwargs: Any) -> keras.layers.LayerNormalization:
    """A layer normalisation over the last axis of (..., D), with its variables."""
    layer = keras.layers.LayerNormalization(epsilon=LAYER_NORM_EPS, **kwargs)
    layer.build((None, dim))
    return layer


def affine(x: Tensor, matrix: Any, bias: Any, *, transpose_b: bool = False) -> Tensor:
    """x (..., n_in) times a matrix plus a bias, (..., n_out)."""
    matrix, bias = tf.convert_to_tensor(matrix), tf.convert_to_tensor(bias)
    n_in, n_out = matrix.shape[::-1] if transpose_b else matrix.shape
    if not n_in or not n_out:  # oneDNN's kernels end the process over an empty matrix
        return tf.broadcast_to(bias, [*leading(x), n_out])
    flat = tf.matmul(tf.reshape(x, (-1, n_in)), matrix, transpose_b=transpose_b)
    return tf.reshape(tf.nn.bias_add(flat, bias), [*leading(x), n_out])


def leading(x: Tensor) -> list[Any]:
    """The sizes of all axes of x but the last; a number where it is known, else a tensor."""
    sizes = tf.shape(x)
    return [sizes[i] if size is None else size for i, size in enumerate(x.shape[:-1])]


def known_shape(x: Tensor) -> tuple[int, ...] | None:
    """The sizes of x, if all are known before anything is computed."""
    sizes = tuple(size for size in x.shape.as_list() if size is not None) if x.shape.rank else ()
    return sizes if len(sizes) == x.shape.rank else None


def path_scope(path: str) -> ExitStack:
    """A context in which variables get names below `path`, as `a/b/c`."""
    stack = ExitStack()
    for part in filter(None, path.split("/")):
        stack.enter_context(keras.name_scope(part))
    return stack


def replace_part(owner: keras.layers.Layer, name: str, part: keras.layers.Layer) -> None:
    """Replace the layer `name` of `owner`.

    Keras has no public function for it: setting the attribute alone keeps the old variables too.
    """
    owner._tracker.replace_tracked_value("layers", getattr(owner, name), part)
    setattr(owner, name, part)


def rebuilt_linear(old: Any, kernel: np.ndarray, bias: np.ndarray) -> Linear:
    """A layer of the same name, dtype and trainability as `old` with these values."""
    with path_scope(old.path.rpartition("/")[0]):
        new = Linear(*kernel.shape, name=old.name, dtype=old.dtype_policy, trainable=old.trainable)
    new.set_weights([kernel, bias])
    return new
