"""Training in Flax: updates of one model under all options of a run card.

What happens between updates is the session's business. Dropout is drawn from the seed and the
number of the update, so a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.core import FrozenDict
from flax.traverse_util import unflatten_dict
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from distilbert.checkpoint.layout import canonical_name
from distilbert.checkpoint.loading import LoadRequest
from distilbert.flax.adamw import AdamW, Leaves, added
from distilbert.flax.loading import load_model
from distilbert.flax.objective import LossOptions, Objective
from distilbert.flax.pretrained import PreTrainedModel
from distilbert.flax.runner import as_runner, available_device
from distilbert.flax.shapes import in_few_shapes
from distilbert.flax.static_config import StaticConfig
from distilbert.flax.weights import POSITIONS, flatten, to_arrays, to_tree
from distilbert.runner import Runner
from distilbert.training.feed import Update
from distilbert.training.parameters import treatments
from distilbert.training.run_card import RunCard
from distilbert.training.session import Outcome, Session

# Fields of the config that are probabilities of dropout.
DROPOUTS = ("dropout", "attention_dropout", "seq_classif_dropout", "qa_dropout")
MOVING = ("weights", "exp_avg", "exp_avg_sq", "mean")
STEP = "step"


def starting_model(
    request: LoadRequest, *, changes: Mapping[str, Any], seed: int
) -> PreTrainedModel:
    """The model that `request` describes, whose new weights are those of `seed` in any framework;
    `changes` are fields of the config that the task decides."""
    model, _ = load_model(
        request, torch_dtype="float32", ignore_mismatched_sizes=True, seed=seed, **changes
    )
    return model


class Trainer:
    """A model in training; see `distilbert.training.session.Trainer`.

    Every batch is shared among the devices, each of which holds all weights.
    """

    def __init__(
        self, model: PreTrainedModel, card: RunCard, *, class_weights: np.ndarray | None = None
    ) -> None:
        """
        Args:
            model: float32; the trainer takes it over.
            card: `optimization`, `seed`, and of `run` the device are used.
            class_weights: float32 (N,), how much each label counts.

        Raises:
            RunCardError: `freeze` names no part of the model.
            InputError: JAX has no such device.
        """
        self.card, self.options = card, card.optimization
        chosen = card.run.device
        self.devices = jax.local_devices() if chosen is None else [available_device(chosen)]
        self.dtype = jnp.bfloat16 if self.options.precision == "bfloat16" else None
        self.config = copy.deepcopy(model.config)
        self.model = model
        mesh = Mesh(np.array(self.devices), ("rows",))
        self.everywhere = NamedSharding(mesh, PartitionSpec())
        self.by_rows = NamedSharding(mesh, PartitionSpec("rows"))
        self.objective = Objective(
            self._training_module(),
            model.head,
            self.config.problem_type,
            self._loss_options(class_weights),
        )
        leaves = jax.device_put(flatten(model.params), self.everywhere)
        self.optimizer = self._optimizer(leaves)
        self.frozen = {
            path: leaf for path, leaf in leaves.items() if path not in self.optimizer.chosen
        }
        trained = {path: leaf for path, leaf in leaves.items() if path in self.optimizer.chosen}
        self.moving = self.optimizer.start(trained)
        self.n_steps = 0
        self.key = jax.random.key(card.seed)
        self.gradients = _gradients(self.objective)
        self.added = jax.jit(added, donate_argnums=0)
        self.stepped = _stepped(self.optimizer)

    @property
    def is_main_process(self) -> bool:
        """Whether this process logs, evaluates and writes."""
        return True

    @property
    def data_shard(self) -> tuple[int, int]:
        """Which part of each batch this process computes: (number, of how many)."""
        return 0, 1

    def broadcast(self, value: Any) -> Any:
        """The main process's value, in every process."""
        return value

    def run(self, session: Session) -> None:
        """Go through the session's updates."""
        for update in session.updates():
            if not session.done(self, update, self.update(update)):
                break

    def update(self, update: Update) -> Outcome:
        """One step of the optimizer; none where loss or gradients are no finite numbers."""
        key = jax.random.fold_in(self.key, update.number)
        weights, n_items = self.moving["weights"], max(1, update.n_items)
        total: Any = None
        sums: Leaves = {}
        for number, batch in enumerate(update.batches):
            arrays = jax.device_put(self._in_few_shapes(batch), self.by_rows)
            part = jax.random.fold_in(key, number)
            loss, gradients = self.gradients(weights, self.frozen, arrays, part, float(n_items))
            total = loss if total is None else total + loss
            sums = self.added(sums, gradients) if sums else gradients
        moments = {name: leaves for name, leaves in self.moving.items() if name != "weights"}
        self.moving, norm = self.stepped(
            moments, sums, weights, total, update.learning_rate, self.n_steps
        )
        outcome = Outcome({"loss": float(total)}, float(norm))
        if np.isfinite(outcome.loss) and np.isfinite(outcome.grad_norm):
            self.n_steps += 1
        return outcome

    def runner(self) -> Runner:
        """The present model, to evaluate in the precision of training."""
        return as_runner(self._current_model(), self.devices[0], self.dtype)

    def state(self) -> dict[str, np.ndarray]:
        """Trained weights, moments and running means, by name."""
        arrays = {STEP: np.array(self.n_steps)}
        for kind, leaves in self.moving.items():
            named = to_arrays(_tree(leaves), self.config, self.model.head)
            arrays |= {
                f"{kind}.{name}": np.array(array, order="C") for name, array in named.items()
            }
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave."""
        self.n_steps = int(arrays[STEP])
        for kind in MOVING:
            named = {
                name.removeprefix(f"{kind}."): array
                for name, array in arrays.items()
                if name.startswith(f"{kind}.")
            }
            leaves = flatten(to_tree(named, self.config, self.model.head))
            self.moving[kind] = jax.device_put(leaves, self.everywhere)

    def save(self, folder: Path) -> None:
        """Write the model as a checkpoint folder."""
        self._current_model().save_pretrained(folder)

    def close(self) -> None:
        """Nothing is held that outlives the trainer."""

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

    def _loss_options(self, class_weights: np.ndarray | None) -> LossOptions:
        return LossOptions(
            label_smoothing=self.card.objective.label_smoothing,
            r_drop=self.card.objective.r_drop,
            class_weights=None if class_weights is None else tuple(class_weights.tolist()),
        )

    def _optimizer(self, leaves: Leaves) -> AdamW:
        """Knows the leaves that change; a table in the place of sinusoids never does."""
        names = {path: canonical_name(path, "flax") for path in leaves}
        chosen = treatments(
            names.values(),
            n_layers=self.config.n_layers,
            freeze=self.options.freeze,
            layer_decay=self.options.layer_decay,
        )
        fixed = {self.model.path(POSITIONS)} if self.config.sinusoidal_pos_embds else set()
        return AdamW(
            FrozenDict(
                {
                    path: chosen[name]
                    for path, name in names.items()
                    if chosen[name].rate and path not in fixed
                }
            ),
            beta1=self.options.beta1,
            beta2=self.options.beta2,
            epsilon=self.options.epsilon,
            weight_decay=self.options.weight_decay,
            max_grad_norm=self.options.max_grad_norm,
            ema=self.options.ema,
        )

    def _in_few_shapes(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        is_counted = self.options.batch_tokens is None
        return in_few_shapes(
            batch,
            self.model.head,
            longest=self.config.max_position_embeddings,
            n_rows=self.options.batch_size if is_counted else None,
            multiple=len(self.devices),
        )

    def _current_model(self) -> PreTrainedModel:
        """The model as it would be saved now."""
        means = {path: jnp.array(mean) for path, mean in self.moving["mean"].items()}
        model = copy.copy(self.model)
        model.params = _tree({**self.frozen, **self.moving["weights"], **means})
        return model


# Compiled once for all trainers that compute the same: a search tries many cards in one process.


@functools.lru_cache(maxsize=8)
def _gradients(objective: Objective) -> Any:
    """The mean loss of a batch's items, and its gradients."""

    def gradients(weights: Leaves, frozen: Leaves, batch: Any, key: jax.Array, n_items: float):
        def mean_loss(weights: Leaves) -> jax.Array:
            return objective(_tree({**frozen, **weights}), batch, key) / n_items

        return jax.value_and_grad(mean_loss)(weights)

    return jax.jit(gradients)


@functools.lru_cache(maxsize=8)
def _stepped(optimizer: AdamW) -> Any:
    """A step. New weights take the place of the gradients, and moments that of the old ones; old
    weights are not given away, since models that were handed out may hold them."""
    return jax.jit(optimizer.stepped, donate_argnums=(0, 1))


def _tree(leaves: Mapping[str, Any]) -> Any:
    return unflatten_dict(leaves, sep="/")
