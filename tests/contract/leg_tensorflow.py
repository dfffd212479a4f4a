"""The TensorFlow leg of the contract suite."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from contract.legs import Arrays

import distilbert
from distilbert import DistilBertConfig
from distilbert.checkpoint.layout import native_array
from distilbert.checkpoint.spec import parameter_spec, tied_parameters
from distilbert.heads import HEADS
from distilbert.tensorflow.weights import (
    assign,
    canonical_arrays,
    untied_parameters,
    variable_of,
)

LABELS = ("labels", "start_positions", "end_positions")


class TensorFlowLeg:
    """Variables are renamed and turned; losses of samples become their mean, as PyTorch's are."""

    def class_of(self, head: str) -> Any:
        return getattr(distilbert, "TF" + HEADS[head].class_name)

    def build(self, config: DistilBertConfig, head: str, weights: Arrays | None = None) -> Any:
        model = self.class_of(head)(copy.deepcopy(config))
        if weights is not None:
            assign(model, {name: np.asarray(value) for name, value in weights.items()})
        return model

    def seeded(self, config: DistilBertConfig, head: str, seed: int) -> Any:
        model = self.build(config, head)
        model.init_weights(seed=seed)
        return model

    def outputs(
        self, model: Any, inputs: Arrays, *, train: bool = False, seed: int = 0, **flags: Any
    ) -> Any:
        for number, layer in enumerate(model._flatten_layers()):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                generator.state.assign([seed, number])
        answer = model(**_tensors(inputs), **flags, training=train)
        if isinstance(answer, tuple):
            return _arrays(answer)
        named = {name: _arrays(value) for name, value in answer.items()}
        return named | ({"loss": named["loss"].mean()} if "loss" in named else {})

    def gradients(self, model: Any, inputs: Arrays) -> dict[str, np.ndarray]:
        rows = untied_parameters(model)
        variables = [variable_of(model, row) for row in rows]
        with tf.GradientTape() as tape:
            loss = self._loss(model, inputs)
        found = tape.gradient(loss, [variable.value for variable in variables])
        return {
            row.name: native_array(tf.convert_to_tensor(value).numpy(), row.kind, "tf")
            for row, variable, value in zip(rows, variables, found, strict=True)
            if value is not None and variable.trainable
        }

    def weights(self, model: Any) -> dict[str, np.ndarray]:
        held = canonical_arrays(model)
        tied = tied_parameters(model.config, model.head)
        names = [row.name for row in parameter_spec(model.config, model.head)]
        return {name: held[tied.get(name, name)] for name in names}

    def descend(self, model: Any, inputs: Arrays) -> None:
        gradients = self.gradients(model, inputs)
        for row in untied_parameters(model):
            if row.name in gradients:
                step = native_array(gradients[row.name], row.kind, "tf")
                variable_of(model, row).assign_sub(0.1 * step)

    def save(self, model: Any, folder: Path, form: str) -> None:
        if form in ("safetensors", "h5"):
            model.save_pretrained(folder, safe_serialization=form == "safetensors")
            return
        from distilbert.checkpoint.folder import save_checkpoint

        flavour = {"bin": "pt", "msgpack": "flax"}[form]
        save_checkpoint(
            folder,
            self.weights(model),
            model.config,
            head=model.head,
            format=form,
            flavour=flavour,
        )

    def load(self, head: str, folder: Path, form: str, **options: Any) -> Any:
        origin = {"bin": {"from_pt": True}, "msgpack": {"from_flax": True}}.get(form, {})
        return self.class_of(head).from_pretrained(folder, **origin, **options)

    def in_half(self, model: Any, dtype: str) -> Any:
        half = type(model)(copy.deepcopy(model.config), dtype=dtype)
        assign(half, canonical_arrays(model))
        return half

    def _loss(self, model: Any, inputs: Arrays) -> tf.Tensor:
        answer = model(**_tensors(inputs))
        if any(name in inputs for name in LABELS):
            return tf.reduce_mean(answer["loss"])
        return tf.reduce_sum(answer[0] ** 2) / 10


def _tensors(arrays: Arrays) -> dict[str, tf.Tensor]:
    return {name: tf.constant(np.asarray(value)) for name, value in arrays.items()}


def _arrays(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_arrays(inner) for inner in value)
    return (tf.cast(value, tf.float32) if value.dtype == tf.bfloat16 else value).numpy()


LEG = TensorFlowLeg()
