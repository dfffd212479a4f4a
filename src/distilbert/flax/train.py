"""Training in Flax: updates of one model by an objective.

Dropout is drawn from the seed and the
number of the update, so a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.core import FrozenDict
from flax.traverse_util import unflatten_dict
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from distilbert.checkpoint.layout import canonical_name
from distilbert.checkpoint.loading import LoadRequest
from distilbert.flax.heads import load_model
from distilbert.flax.objective import Batch, TaskObjective
from distilbert.flax.pretrained import PreTrainedModel
from distilbert.flax.runner import as_runner, available_device
from distilbert.flax.shapes import pad_batch
from distilbert.flax.static_config import StaticConfig
from distilbert.flax.weights import POSITIONS, flatten, to_arrays, to_tree
from distilbert.runner import Runner
from distilbert.training.feed import Update
from distilbert.training.objective import LOSS, LossSettings, TrainerSettings
from distilbert.training.parameters import Treatment, treatments
from distilbert.training.session import OneProcess, Outcome

# Fields of the config that are probabilities of dropout.
DROPOUTS = ("dropout", "attention_dropout", "seq_classif_dropout", "qa_dropout")
STEP = "step"
# Name in a checkpoint -> field of optax' state.
MOMENTS = {"exp_avg": "mu", "exp_avg_sq": "nu"}

Leaves = dict[str, jax.Array]  # by path, "a/b"
Objective = Callable[[nn.Module, Any, Batch, jax.Array], dict[str, jax.Array]]


def starting_model(
    request: LoadRequest, *, changes: Mapping[str, Any], seed: int
) -> PreTrainedModel:
    """The model that `request` describes, whose new weights are those of `seed` in any framework;
    `changes` are fields of the config that the task decides."""
    model, _ = load_model(
        request, torch_dtype="float32", ignore_mismatched_sizes=True, seed=seed, **changes
    )
    return model


def task_objective(
    model: PreTrainedModel, settings: LossSettings, teacher: None = None, *, packing: None = None
) -> TaskObjective:
    """The objective of fine-tuning; run cards refuse a teacher and packing for Flax."""
    return TaskObjective(model.head, model.config.problem_type, settings)


class Trainer:
    """A model in training; see `distilbert.training.session.Trainer`.

    Every batch is split over the devices, each of which holds all weights.
    """

    def __init__(
        self, model: PreTrainedModel, objective: Objective, settings: TrainerSettings
    ) -> None:
        """
        Args:
            model: float32; it must not be used elsewhere afterwards.
            objective: module, parameters, a batch of `pad_batch` and a key to losses by name, each
                summed over items. It must have a hash.
            settings: all but `lora` and `parallel`, which are options of PyTorch.

        Raises:
            RunCardError: `freeze` names no part of the model.
            InputError: JAX has no such device.
        """
        self.options, self.processes = settings.optimization, OneProcess()
        chosen = settings.device
        self.devices = jax.local_devices() if chosen is None else [available_device(chosen)]
        self.dtype = jnp.bfloat16 if self.options.precision == "bfloat16" else None
        self.config = copy.deepcopy(model.config)
        self.model = model
        mesh = Mesh(np.array(self.devices), ("rows",))
        self.everywhere = NamedSharding(mesh, PartitionSpec())
        self.by_rows = NamedSharding(mesh, PartitionSpec("rows"))
        leaves = jax.device_put(flatten(model.params), self.everywhere)
        trained = self._treatments(leaves)
        self.frozen = {path: leaf for path, leaf in leaves.items() if path not in trained}
        self.weights: Leaves = {path: leaf for path, leaf in leaves.items() if path in trained}
        # Copies, since a step overwrites means but not weights.
        self.means: Leaves = (
            {} if self.options.ema is None else jax.tree.map(jnp.array, self.weights)
        )
        init, self.step = _optimizer(
            FrozenDict(trained),
            self.options.beta1,
            self.options.beta2,
            self.options.epsilon,
            self.options.weight_decay,
            self.options.max_grad_norm,
            self.options.ema,
        )
        self.optimizer_state = jax.device_put(init(self.weights), self.everywhere)
        self.key = jax.random.key(settings.seed)
        self.gradients = _gradients(objective, self._training_module())
        self.add = jax.jit(optax.tree_utils.tree_add, donate_argnums=0)

    def update(self, update: Update) -> Outcome:
        """One step of the optimizer; nothing changes if loss or gradients are not finite."""
        key = jax.random.fold_in(self.key, update.number)
        n_items = update.n_items
        total: Any = None
        for number, batch in enumerate(update.batches):
            arrays = jax.device_put(self._padded(batch), self.by_rows)
            part = jax.random.fold_in(key, number)
            found = self.gradients(self.weights, self.frozen, arrays, part, float(n_items))
            total = found if total is None else self.add(total, found)
        losses, gradients = total
        state = (self.means, self.optimizer_state, self.weights)
        self.weights, self.means, self.optimizer_state, norm = self.step(
            gradients, *state, losses[LOSS], update.learning_rate
        )
        return Outcome({name: float(loss) for name, loss in losses.items()}, float(norm))

    def runner(self) -> Runner:
        """The current model, to evaluate in the precision of training."""
        return as_runner(self._current_model(), self.devices[0], self.dtype)

    def state(self) -> dict[str, np.ndarray]:
        """Trained weights, moments and running means, by name."""
        arrays = {STEP: np.array(int(optax.tree_utils.tree_get(self.optimizer_state, "count")))}
        for kind, leaves in self._changing().items():
            named = to_arrays(_tree(leaves), self.config, self.model.head)
            arrays |= {
                f"{kind}.{name}": np.array(array, order="C") for name, array in named.items()
            }
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Load what `state` returned."""
        loaded: dict[str, Any] = {}
        for kind in self._changing():
            named = {
                name.removeprefix(f"{kind}."): array
                for name, array in arrays.items()
                if name.startswith(f"{kind}.")
            }
            leaves = flatten(to_tree(named, self.config, self.model.head))
            loaded[kind] = jax.device_put(leaves, self.everywhere)
        self.weights, self.means = loaded["weights"], loaded["mean"]
        self.optimizer_state = optax.tree_utils.tree_set(
            self.optimizer_state,
            count=jax.device_put(np.int32(arrays[STEP]), self.everywhere),
            **{field: loaded[moment] for moment, field in MOMENTS.items()},
        )

    def save(self, folder: Path) -> None:
        """Write the model as a checkpoint folder."""
        self._current_model().save_pretrained(folder)

    def close(self) -> None:
        """Nothing to release: no other process takes part."""

    def _training_module(self) -> Any:
        config, probability = copy.deepcopy(self.config), self.options.dropout
        if probability is not None:
            for name in DROPOUTS:
                setattr(config, name, probability)
        return self.model.module_class(
            config=StaticConfig(config),
            dtype=self.dtype or jnp.float32,
            checkpoint_options=FrozenDict() if self.options.gradient_checkpointing else None,
        )

    def _treatments(self, leaves: Leaves) -> dict[str, Treatment]:
        """Those of the leaves that change; a stored table of sinusoids never does."""
        names = {path: canonical_name(path, "flax") for path in leaves}
        chosen = treatments(
            names.values(),
            n_layers=self.config.n_layers,
            freeze=self.options.freeze,
            layer_decay=self.options.layer_decay,
        )
        fixed = {self.model.path(POSITIONS)} if self.config.sinusoidal_pos_embds else set()
        return {
            path: chosen[name]
            for path, name in names.items()
            if chosen[name].rate and path not in fixed
        }

    def _changing(self) -> dict[str, Leaves]:
        """All arrays that training changes, by kind and path."""
        moments = {
            moment: optax.tree_utils.tree_get(self.optimizer_state, field)
            for moment, field in MOMENTS.items()
        }
        return {"weights": self.weights, **moments, "mean": self.means}

    def _padded(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        is_counted = self.options.batch_tokens is None
        return pad_batch(
            batch,
            self.model.head,
            longest=self.config.max_position_embeddings,
            n_rows=self.options.batch_size if is_counted else None,
            multiple=len(self.devices),
        )

    def _current_model(self) -> PreTrainedModel:
        """The model as it would be saved now."""
        means = jax.tree.map(jnp.array, self.means)  # copies, since the next step overwrites them
        model = copy.copy(self.model)
        model.params = _tree({**self.frozen, **self.weights, **means})
        return model


# Compiled once for all trainers that compute the same: a search tries many cards in one process.


@functools.lru_cache(maxsize=8)
def _gradients(objective: Objective, module: nn.Module) -> Any:
    """The losses of a batch by name, divided by the number of items, and gradients of `LOSS`."""

    def gradients(weights: Leaves, frozen: Leaves, batch: Any, key: jax.Array, n_items: float):
        def mean_losses(weights: Leaves) -> tuple[jax.Array, dict[str, jax.Array]]:
            losses = objective(module, _tree({**frozen, **weights}), batch, key)
            losses = {name: loss / n_items for name, loss in losses.items()}
            return losses[LOSS], losses

        (_, losses), slopes = jax.value_and_grad(mean_losses, has_aux=True)(weights)
        return losses, slopes

    return jax.jit(gradients)


@functools.lru_cache(maxsize=8)
def _optimizer(
    chosen: Mapping[str, Treatment],
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    max_grad_norm: float,
    ema: float | None,
) -> tuple[Any, Any]:
    """PyTorch's AdamW from optax' parts: what makes the first state, and a compiled step.

    The step takes gradients, means, state, weights, loss and learning rate. It returns weights,
    means and state, which do not change where loss or gradients are not finite, and the norm of the
    gradients before clipping. Weights are not overwritten: models in use may hold them.
    """
    adamw = optax.chain(
        optax.clip_by_global_norm(max_grad_norm) if max_grad_norm else optax.identity(),
        optax.scale_by_adam(beta1, beta2, epsilon),
        optax.add_decayed_weights(weight_decay, {path: t.decays for path, t in chosen.items()}),
    )

    def step(
        gradients: Leaves, means: Leaves, state: Any, weights: Leaves, loss: Any, learning_rate: Any
    ) -> Any:
        norm = jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in gradients.values()))
        changes: Any
        changes, new_state = adamw.update(gradients, state, weights)
        new_weights = {
            path: leaf - learning_rate * chosen[path].rate * changes[path]
            for path, leaf in weights.items()
        }
        new_means = means
        if ema is not None:
            new_means = optax.incremental_update(new_weights, means, 1 - ema)
        is_finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        kept = jax.tree.map(
            lambda new, old: jnp.where(is_finite, new, old),
            (new_weights, new_means, new_state),
            (weights, means, state),
        )
        return *kept, norm

    return adamw.init, jax.jit(step, donate_argnums=(0, 1, 2))


def _tree(leaves: Mapping[str, Any]) -> Any:
    return unflatten_dict(leaves, sep="/")
