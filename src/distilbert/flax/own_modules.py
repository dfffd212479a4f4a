"""Modules that users write for a child class with a head of its own, as in the reference.

They have the fields and arguments that their writer chose, and parameters that no spec lists.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import unflatten_dict
from jax import Array
from jax.core import Tracer

from distilbert.checkpoint.layout import canonical_name, is_transposed
from distilbert.checkpoint.matching import LoadingReport, match_additions
from distilbert.errors import InputError, UnknownArgumentError
from distilbert.flax.weights import (
    Tree,
    flatten,
    initial_tree,
    merged,
    seed_of,
    shape_tree,
    to_arrays,
)

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def is_own(module_class: type[nn.Module]) -> bool:
    """Whether a user wrote the class."""
    return not module_class.__module__.startswith(f"{__package__}.")


def field_names(module_class: type[nn.Module]) -> set[str]:
    """The fields that the constructor of a module takes; `parent` and `name` are linen's."""
    names = {field.name for field in dataclasses.fields(module_class) if field.init}
    return names - {"parent", "name"}


def own_fields(module_class: type[nn.Module]) -> set[str]:
    """The fields of a user's module that the constructor of its model takes as keywords."""
    settings = {"config", "dtype", "checkpoint_options"}
    return field_names(module_class) - settings if is_own(module_class) else set()


def own_class_name(model_class: type[PreTrainedModel]) -> str | None:
    """The name of a class with a module of its own in a config; None for others."""
    is_others = is_own(model_class.module_class)
    return model_class.__name__.removeprefix("Flax") if is_others else None


def new_module(module_class: type[nn.Module], fields: Mapping[str, Any]) -> nn.Module:
    """A module with those of `fields` that it has.

    Raises:
        InputError: gradient checkpointing for a module that cannot pass it on.
    """
    names = field_names(module_class)
    if fields.get("checkpoint_options") is not None and "checkpoint_options" not in names:
        raise InputError(
            f"Gradient checkpointing needs a field `checkpoint_options` of "
            f"`{module_class.__name__}`, passed on to its `DistilBertModule`: it has "
            f"{', '.join(sorted(names))}."
        )
    return module_class(**{name: value for name, value in fields.items() if name in names})


def call_arguments(module: nn.Module, given: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords for a call of `module`. A user's module always gets a mask, as in the
    reference, and only what its `__call__` takes.

    Raises:
        UnknownArgumentError: an argument with a value that it does not take.
    """
    if not is_own(type(module)):
        return {**given}
    parameters = inspect.signature(type(module).__call__).parameters
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    known = {*given, "return_dict"} if takes_all else {*parameters}
    arguments = {**given, "return_dict": True}
    if arguments["attention_mask"] is None and arguments["input_ids"] is not None:
        arguments["attention_mask"] = jnp.ones_like(arguments["input_ids"])
    default = {"deterministic": True, "return_dict": True}
    for name in given.keys() - known:
        value = given[name]
        if value is not None and value is not default.get(name, False):
            raise UnknownArgumentError(
                f"`{type(module).__name__}.__call__` must take `{name}` for this call: it takes "
                f"{', '.join(list(parameters)[1:])}."
            )
    return {name: value for name, value in arguments.items() if name in known}


def encoder_prefix(model: PreTrainedModel) -> str:
    """What the paths of the encoder's parameters begin with, if the spec does not say so."""
    extends_encoder = not all(is_own(parent) for parent in model.module_class.__mro__)
    is_inside = model.head == "base" and not extends_encoder
    return f"{model.base_model_prefix}/" if is_inside else ""


def path(model: PreTrainedModel, name: str) -> str:
    """The path of one of the encoder's leaves, such as `embeddings/LayerNorm/bias`."""
    is_inside = model.head != "base" or encoder_prefix(model)
    return f"{model.base_model_prefix}/{name}" if is_inside else name


def initial_params(model: PreTrainedModel, rng: Array | None = None) -> Tree:
    """Initial parameters: those of the spec are drawn with NumPy, a user's own and those inside a
    trace with linen's initializers."""
    if isinstance(rng, Tracer):
        return unflatten_dict(_init(model, rng), sep="/")
    seed = model.seed if rng is None else seed_of(rng)
    prefix = encoder_prefix(model)
    tree = initial_tree(model.config, model.head, seed=seed, prefix=prefix)
    if not is_own(model.module_class):
        return tree
    leaves = _init(model, jax.random.PRNGKey(seed) if rng is None else rng)
    return merged(tree, {path: leaves[path] for path in added_shapes(model)})


def added_shapes(model: PreTrainedModel) -> dict[str, jax.ShapeDtypeStruct]:
    """The shapes of the parameters that a user's module has beyond those of the spec, by path."""
    if not is_own(model.module_class):
        return {}
    shapes = jax.eval_shape(lambda rng: _init(model, rng), jax.random.PRNGKey(0))
    known = flatten(shape_tree(model.config, model.head, prefix=encoder_prefix(model)))
    missing = sorted(known.keys() - shapes.keys())
    if missing:
        raise InputError(
            f"`{model.module_class.__name__}` must hold a `DistilBertModule` of "
            f"`distilbert.flax.model` as its attribute `{model.base_model_prefix}`: it has no "
            f"parameters {', '.join(missing[:3])}, ..."
        )
    return {path: shape for path, shape in shapes.items() if path not in known}


def load_additions(
    model: PreTrainedModel, checkpoint: Mapping[str, np.ndarray], report: LoadingReport, dtype: Any
) -> dict[str, Any]:
    """The parameters of a user's own layers by path, initial values for those not in the file."""
    shapes = added_shapes(model)
    if not shapes:
        return {}
    names = {canonical_name(path, "flax"): path for path in shapes}
    wanted = {name: _turned(path, shapes[path]).shape for name, path in names.items()}
    found = match_additions(checkpoint, wanted, report)
    leaves = _init(model, jax.random.PRNGKey(model.seed))
    leaves = {path: leaves[path] for path in shapes}
    leaves |= {names[name]: _turned(names[name], array) for name, array in found.items()}
    return {path: jnp.array(leaf, dtype) for path, leaf in leaves.items()}


def split_additions(
    model: PreTrainedModel, params: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The canonical arrays of the spec, and those of a user's own layers by path."""
    leaves = flatten(params)
    added = {path: np.asarray(leaves.pop(path)) for path in added_shapes(model) if path in leaves}
    prefix = encoder_prefix(model)
    return to_arrays(leaves, model.config, model.head, prefix=prefix), added


def _turned(path: str, array: Any) -> Any:
    """An array in the canonical orientation, or one in that back in the tree's."""
    shape = array.shape[::-1] if is_transposed(path, "flax") else array.shape
    if isinstance(array, jax.ShapeDtypeStruct):
        return jax.ShapeDtypeStruct(shape, array.dtype)
    return array.T if is_transposed(path, "flax") else array


def _init(model: PreTrainedModel, rng: Array) -> dict[str, Any]:
    ids = jnp.ones(model.dummy_inputs["input_ids"].shape, jnp.int32)
    names = ("attention_mask", "head_mask", "inputs_embeds", "position_ids")
    given = {"input_ids": ids, **dict.fromkeys(names), "deterministic": True}
    given |= {"output_attentions": False, "output_hidden_states": False}
    return flatten(model.module.init(rng, **call_arguments(model.module, given))["params"])
