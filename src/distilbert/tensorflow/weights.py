"""NumPy arrays to variables and back, by canonical name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.layout import LEAVES, native_array
from distilbert.checkpoint.spec import Parameter, parameter_spec, tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, ConfigError
from distilbert.tensorflow.backend import keras

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel

KERAS_LEAF = 1  # the index of Keras' names in a row of LEAVES


def variable_of(model: PreTrainedModel, parameter: Parameter) -> Any:
    """The variable of a parameter: `a.0.b.weight` is the attribute `kernel` of `model.a[0].b`."""
    # For a user's head around an encoder, only the parameters of the encoder.
    place: Any = model.base_model if model.head == "base" else model
    for part in parameter.name.split(".")[:-1]:
        place = place[int(part)] if part.isdigit() else getattr(place, part)
    return getattr(place, LEAVES[parameter.kind][KERAS_LEAF])


def untied_parameters(model: PreTrainedModel) -> list[Parameter]:
    """The parameters that have a variable: all but the tied ones."""
    tied = tied_parameters(model.config, model.head)
    return [row for row in parameter_spec(model.config, model.head) if row.name not in tied]


def to_array(variable: Any) -> np.ndarray:
    """An array with the values of `variable`."""
    return np.asarray(variable.numpy())


def canonical_arrays(model: PreTrainedModel) -> dict[str, np.ndarray]:
    """Every parameter under its canonical name and in its orientation, tied ones left out.

    What Keras' LoRA adds to a matrix is in the array of the matrix.
    """
    return {
        row.name: native_array(to_array(variable_of(model, row)), row.kind, "tf")
        for row in untied_parameters(model)
    }


def added_variables(model: PreTrainedModel) -> list[Any]:
    """The variables of a child class beyond the parameters of its head and Keras' LoRA."""
    known = {id(variable_of(model, row)) for row in untied_parameters(model)}
    return [
        variable
        for layer in model._flatten_layers()
        for variable in layer._trainable_variables + layer._non_trainable_variables
        if id(variable) not in known and not getattr(layer, "lora_enabled", False)
    ]


def check_nothing_added(model: PreTrainedModel) -> None:
    """Raise CheckpointError if a child class has variables that no checkpoint has a name for."""
    added = added_variables(model)
    if added:
        raise CheckpointError(
            f"A checkpoint holds the parameters of `{type(model).__name__}`'s head only: the model "
            f"also has {', '.join(variable.path for variable in added)}. Save all of it with "
            f"`model.save('x.keras')`."
        )


def assign(model: PreTrainedModel, arrays: Mapping[str, np.ndarray]) -> None:
    """Set the variables to the arrays, which have canonical names."""
    for row in untied_parameters(model):
        if row.name in arrays:
            variable = variable_of(model, row)
            array = native_array(arrays[row.name], row.kind, "tf")
            variable.assign(np.ascontiguousarray(array.astype(variable.dtype, copy=False)))


def initial_arrays(
    config: DistilBertConfig, head: str, *, seed: int | None, names: Iterable[str] | None = None
) -> dict[str, np.ndarray]:
    """Initial weights; without a seed, one is drawn from TensorFlow's default generator."""
    seed = draw_seed() if seed is None else seed
    return initial_weights(config, head, seed, names=None if names is None else set(names))


def draw_seed() -> int:
    """A seed from TensorFlow's default generator, so that `tf.random.set_seed` decides."""
    with tf.init_scope():
        return int(tf.random.uniform((), maxval=2**31 - 1, dtype=tf.int32))


def floating_dtype(
    dtype: Any, *, config: DistilBertConfig, arrays: Mapping[str, np.ndarray]
) -> keras.DTypePolicy:
    """The dtype policy a model is loaded with.

    Args:
        dtype: a Keras policy, a dtype of any framework, or a name of either; None for Keras'
            default; "auto" for the config's, or else that of the first floating array.

    Raises:
        ConfigError: anything else, or a dtype that is not floating.
    """
    if dtype is None:
        return keras.config.dtype_policy()
    if isinstance(dtype, keras.DTypePolicy):
        return dtype
    if isinstance(dtype, str) and dtype == "auto":
        names = (array.dtype.name for array in arrays.values())
        found = next((name for name in names if "float" in name), "float32")
        return keras.DTypePolicy(config.dtype_name or found)
    name = dtype if isinstance(dtype, str) else _name(dtype)
    try:
        if name is None or not name.removeprefix("mixed_").startswith(("float", "bfloat")):
            raise ValueError(name)
        return keras.DTypePolicy(name)
    except (ValueError, TypeError):
        raise ConfigError(
            f"`torch_dtype` must be a floating dtype, a Keras policy or 'auto': got {dtype!r}."
        ) from None


def _name(dtype: Any) -> str | None:
    try:
        return tf.as_dtype(dtype).name
    except TypeError:
        text = str(dtype)  # `torch.float16` is recognized by its name
        return text.removeprefix("torch.") if text.startswith("torch.") else None
