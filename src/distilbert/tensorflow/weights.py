"""NumPy arrays to variables and back, by canonical name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.layout import LEAVES, canonical_name, is_transposed, native_array
from distilbert.checkpoint.matching import LoadingReport, match_additions
from distilbert.checkpoint.spec import Parameter, parameter_spec, tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, ConfigError
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.inputs import argument_names

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel

KERAS_LEAF = 1  # the index of Keras' names in a row of LEAVES


def variable_of(model: PreTrainedModel, parameter: Parameter) -> Any:
    """The variable of a parameter: `a.0.b.weight` is the attribute `kernel` of `model.a[0].b`."""
    return getattr(_layer_of(model, parameter), LEAVES[parameter.kind][KERAS_LEAF])


def _layer_of(model: PreTrainedModel, parameter: Parameter) -> Any:
    # For a user's head around an encoder, only the parameters of the encoder.
    place: Any = model.base_model if model.head == "base" else model
    for part in parameter.name.split(".")[:-1]:
        place = place[int(part)] if part.isdigit() else getattr(place, part)
    return place


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


def added_variables(model: PreTrainedModel) -> dict[str, Any]:
    """The variables of a child class beyond the parameters of its head, by their names in a file.

    A name is made of attributes, as in PyTorch: the names that Keras makes up for layers are
    others in every instance.

    Raises:
        CheckpointError: Keras' LoRA is in a layer of the child's.
    """
    seen = {id(_layer_of(model, row)) for row in untied_parameters(model)}
    found: dict[str, Any] = {}
    for name, layer in _layers_below(model, "", seen):
        own = layer._trainable_variables + layer._non_trainable_variables
        if own and getattr(layer, "lora_enabled", False):
            raise CheckpointError(
                f"A checkpoint has no names for the matrices of LoRA in `{name}`. Save all of the "
                f"model with `model.save('x.keras')`."
            )
        found |= {f"{name}/{variable.name}:0".lstrip("/"): variable for variable in own}
    return found


def _layers_below(owner: Any, name: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """A layer and those inside it that were not seen yet, with the attributes that hold them."""
    if id(owner) in seen:
        return
    seen.add(id(owner))
    yield name, owner
    if isinstance(owner, keras.Sequential):
        held: dict[str, Any] = {str(number): layer for number, layer in enumerate(owner.layers)}
    else:  # `_layers` lists all that Keras knows, so that nothing is left out
        last = ("_layers",)
        held = dict(
            sorted(vars(owner).items(), key=lambda item: (item[0] in last, item[0][0] == "_"))
        )
    for attribute, value in held.items():
        parts: Any = {"": value}
        if isinstance(value, Mapping):
            parts = value
        elif isinstance(value, (list, tuple)):
            parts = dict(enumerate(value))
        for key, part in parts.items():
            if isinstance(part, keras.layers.Layer):
                path = "/".join(text for text in (name, attribute, str(key)) if text)
                yield from _layers_below(part, path, seen)


def build_added_layers(model: PreTrainedModel) -> None:
    """Let the layers of a child class make their variables; Keras waits for the first call."""
    if all(layer.built for layer in model._flatten_layers()):
        return
    ids = model.dummy_inputs["input_ids"]
    inputs = {"input_ids": ids, "attention_mask": tf.ones_like(ids)}
    model_class: Any = type(model)  # the cache of `argument_names` wants it hashable
    taken = argument_names(model_class)
    model(**{name: value for name, value in inputs.items() if name in taken})


def load_additions(
    model: PreTrainedModel, checkpoint: Mapping[str, np.ndarray], report: LoadingReport
) -> None:
    """Set the variables that a child class adds to those of its head, by their names."""
    build_added_layers(model)
    added = {
        canonical_name(name, "tf"): (name, each) for name, each in added_variables(model).items()
    }
    shapes = {
        canonical: tuple(each.shape[::-1] if is_transposed(name, "tf") else each.shape)
        for canonical, (name, each) in added.items()
    }
    for canonical, array in match_additions(checkpoint, shapes, report).items():
        name, variable = added[canonical]
        variable.assign(_turned(name, array).astype(variable.dtype, copy=False))


def added_arrays(model: PreTrainedModel) -> dict[str, np.ndarray]:
    """The values of the variables that a child class adds, by their names in a file."""
    build_added_layers(model)
    return {name: to_array(variable) for name, variable in added_variables(model).items()}


def is_own_head(model: PreTrainedModel) -> bool:
    """Whether a user's class puts a head of its own around an encoder."""
    return model.head == "base" and model.base_model is not model


def own_class_name(model: PreTrainedModel) -> str | None:
    """The name of a user's head around an encoder in a config; None for other models."""
    return type(model).__name__.removeprefix("TF") if is_own_head(model) else None


def _turned(name: str, array: np.ndarray) -> np.ndarray:
    return array.T if is_transposed(name, "tf") else array


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
