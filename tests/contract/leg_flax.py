"""The Flax leg of the contract suite."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from contract.legs import Arrays

import distilbert
from distilbert import DistilBertConfig
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, parameter_spec
from distilbert.flax.losses import choice_loss, sequence_loss, span_loss, token_loss
from distilbert.flax.weights import to_arrays, to_tree
from distilbert.heads import HEADS

LABELS = ("labels", "start_positions", "end_positions")


class FlaxLeg:
    """Models are pure functions of their trees; losses are called beside them."""

    keeps_stored_dtype = True  # as the reference's Flax classes do; PyTorch's cast to float32

    def class_of(self, head: str) -> Any:
        return getattr(distilbert, f"Flax{HEADS[head].class_name}")

    def build(self, config: DistilBertConfig, head: str, weights: Arrays | None = None) -> Any:
        model = self.class_of(head)(copy.deepcopy(config))
        if weights is not None:
            model.params = to_tree(weights, model.config, head)
        return model

    def seeded(self, config: DistilBertConfig, head: str, seed: int) -> Any:
        return self.class_of(head)(copy.deepcopy(config), seed=seed)

    def outputs(
        self, model: Any, inputs: Arrays, *, train: bool = False, seed: int = 0, **flags: Any
    ) -> Any:
        given = {name: value for name, value in inputs.items() if name not in LABELS}
        answer = model(**given, train=train, dropout_rng=jax.random.key(seed), **flags)
        loss = _loss(model, answer, inputs)
        if isinstance(answer, tuple):
            return jax.tree.map(_array, answer if loss is None else (loss, *answer))
        named = {} if loss is None else {"loss": loss}
        return {name: jax.tree.map(_array, value) for name, value in (named | answer).items()}

    def gradients(self, model: Any, inputs: Arrays) -> dict[str, np.ndarray]:
        arrays = to_arrays(self._gradient(model, inputs), model.config, model.head)
        if model.config.sinusoidal_pos_embds:  # frozen
            arrays = {k: v for k, v in arrays.items() if not k.endswith(POSITION_EMBEDDINGS)}
        return arrays

    def weights(self, model: Any) -> dict[str, np.ndarray]:
        held = to_arrays(model.params, model.config, model.head)
        elsewhere = {
            "vocab_projector.weight": model.get_output_embeddings,
            POSITION_EMBEDDINGS: model.get_position_embeddings,
            f"distilbert.{POSITION_EMBEDDINGS}": model.get_position_embeddings,
        }
        names = [row.name for row in parameter_spec(model.config, model.head)]
        return {n: held[n] if n in held else np.asarray(elsewhere[n]()) for n in names}

    def descend(self, model: Any, inputs: Arrays) -> None:
        gradient = self._gradient(model, inputs)
        model.params = jax.tree.map(lambda p, slope: p - 0.1 * slope, model.params, gradient)

    def save(self, model: Any, folder: Path, form: str) -> None:
        if form in ("safetensors", "msgpack"):
            model.save_pretrained(folder, safe_serialization=form == "safetensors")
            return
        flavour = {"h5": "tf", "bin": "pt"}[form]
        arrays, config = self.weights(model), model.config
        save_checkpoint(folder, arrays, config, head=model.head, format=form, flavour=flavour)

    def load(self, head: str, folder: Path, form: str, **options: Any) -> Any:
        origin = {"h5": {"from_tf": True}, "bin": {"from_pt": True}}.get(form, {})
        return self.class_of(head).from_pretrained(folder, **origin, **options)

    def in_half(self, model: Any, dtype: str) -> Any:
        half = type(model)(copy.deepcopy(model.config), dtype=dtype)
        half.params = jax.tree.map(lambda p: p.astype(dtype), model.params)
        return half

    def _gradient(self, model: Any, inputs: Arrays) -> Any:
        given = {name: value for name, value in inputs.items() if name not in LABELS}

        def objective(params: Any) -> jax.Array:
            answer = model(**given, params=params, train=True)
            loss = _loss(model, answer, inputs)
            return (answer[0] ** 2).sum() / 10 if loss is None else loss

        return jax.grad(objective)(model.params)


def _loss(model: Any, answer: Any, inputs: Arrays) -> jax.Array | None:
    labels = [inputs[name] for name in LABELS if name in inputs]
    if len(labels) != (2 if model.head == "question_answering" else 1):
        return None
    if model.head == "question_answering":
        return span_loss(answer[0], answer[1], *labels)
    if model.head == "sequence_classification":
        return sequence_loss(answer[0], *labels, problem_type=model.config.problem_type)
    return (choice_loss if model.head == "multiple_choice" else token_loss)(answer[0], *labels)


def _array(value: jax.Array) -> np.ndarray:
    return np.asarray(value.astype(jnp.float32) if value.dtype == jnp.bfloat16 else value)


LEG = FlaxLeg()
