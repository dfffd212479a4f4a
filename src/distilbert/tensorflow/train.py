"""Training in TensorFlow: updates of one model by an objective.

Dropout is drawn from the seed and the
number of the update, so a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from distilbert.checkpoint.layout import native_array
from distilbert.checkpoint.loading import LoadRequest
from distilbert.checkpoint.spec import Parameter
from distilbert.runner import Runner
from distilbert.tensorflow.adamw import AdamW, assign_here
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.heads import load_model
from distilbert.tensorflow.layers import deferred_init
from distilbert.tensorflow.objective import Batch, TaskObjective
from distilbert.tensorflow.pretrained import PreTrainedModel
from distilbert.tensorflow.runner import as_runner, available_device
from distilbert.tensorflow.weights import (
    assign,
    canonical_arrays,
    initial_arrays,
    to_array,
    untied_parameters,
    variable_of,
)
from distilbert.training.feed import Update
from distilbert.training.objective import LOSS, LossSettings, TrainerSettings
from distilbert.training.parameters import treatments
from distilbert.training.session import OneProcess, Outcome

# Fields of the config that are probabilities of dropout.
DROPOUTS = ("dropout", "attention_dropout", "seq_classif_dropout", "qa_dropout")
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
STEP = "step"

Objective = Callable[[PreTrainedModel, Batch], dict[str, Tensor]]


def starting_model(
    request: LoadRequest, *, changes: Mapping[str, Any], seed: int
) -> PreTrainedModel:
    """The model that `request` describes, whose new weights are those of `seed` in any framework;
    `changes` are fields of the config that the task decides."""
    model, report = load_model(request, dtype="float32", ignore_mismatched_sizes=True, **changes)
    new = {*report.missing_keys, *(name for name, *_ in report.mismatched_keys)}
    assign(model, initial_arrays(model.config, request.head, seed=seed, names=new))
    return model


def task_objective(
    model: PreTrainedModel, settings: LossSettings, teacher: None = None, *, packing: None = None
) -> TaskObjective:
    """The objective of fine-tuning; run cards refuse a teacher and packing for TensorFlow."""
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
            objective: the model in training and a batch to losses by name, each summed over items.
            settings: all but `lora` and `parallel`, which are options of PyTorch.

        Raises:
            RunCardError: `freeze` names no part of the model.
            InputError: TensorFlow has no such device.
        """
        self.objective, self.settings = objective, settings
        self.options, self.processes = settings.optimization, OneProcess()
        self.strategy = _strategy(settings.device)
        with self.strategy.scope():
            self.model = self._copied(model)
            self.mean_model = None if self.options.ema is None else self._copied(model)
            self.optimizer = self._optimizer()
        self.dropouts = [
            layer
            for layer in self.model._flatten_layers()
            if isinstance(layer, keras.layers.Dropout) and layer.rate > 0
        ]
        self.gradients: Any = None
        self.add = tf.function(self._add, autograph=False)
        self.step = tf.function(self._step, autograph=False)
        self.current_runner: Runner | None = None

    def update(self, update: Update) -> Outcome:
        """One step of the optimizer; nothing changes if loss or gradients are not finite."""
        total: Any = None
        for number, batch in enumerate(update.batches):
            shards = self._shards(batch, update, number)
            if self.gradients is None:
                signature = _open_sizes(shards)
                self.gradients = tf.function(
                    self._gradients, input_signature=signature, autograph=False
                )
            part = self.gradients(*shards)
            total = part if total is None else self.add(total, part)
        losses, norm = self.step(total, self.optimizer.coefficients(update.learning_rate))
        losses = {name: float(value) for name, value in losses.items()}
        outcome = Outcome(losses, float(norm))
        if np.isfinite(outcome.loss) and np.isfinite(outcome.grad_norm):
            self.optimizer.n_steps += 1
        return outcome

    def runner(self) -> Runner:
        """The current model, to evaluate in the precision of training."""
        if self.current_runner is None:  # traced once, it reads the variables as they are
            self.current_runner = as_runner(self._current_model(), self.settings.device)
        return self.current_runner

    def state(self) -> dict[str, np.ndarray]:
        """Trained weights, moments and running means, by name."""
        arrays = {STEP: np.array(self.optimizer.n_steps)}
        for name, row, variable in self._changing():
            arrays[name] = np.array(native_array(to_array(variable), row.kind, "tf"), order="C")
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Load what `state` returned."""
        self.optimizer.n_steps = int(arrays[STEP])
        for name, row, variable in self._changing():
            array = native_array(arrays[name], row.kind, "tf")
            variable.assign(np.ascontiguousarray(array))

    def save(self, folder: Path) -> None:
        """Write the model as a checkpoint folder."""
        self._current_model().save_pretrained(folder)

    def close(self) -> None:
        """Nothing to release: no other process takes part."""

    def _copied(self, model: PreTrainedModel) -> PreTrainedModel:
        """The model with the dropout and in the precision of the card."""
        config = copy.deepcopy(model.config)
        if self.options.dropout is not None:
            for name in DROPOUTS:
                setattr(config, name, self.options.dropout)
        policy = keras.DTypePolicy(POLICIES[self.options.precision])
        with deferred_init():
            new = type(model)(config, name=model.name, dtype=policy)
        assign(new, canonical_arrays(model))
        new.config = copy.deepcopy(model.config)
        return new

    def _optimizer(self) -> AdamW:
        """The optimizer of the variables that change; a stored table of sinusoids never does."""
        variables = _variables(self.model)
        chosen = treatments(
            variables,
            n_layers=self.model.config.n_layers,
            freeze=self.options.freeze,
            layer_decay=self.options.layer_decay,
        )
        trained = {
            name: variable
            for name, variable in variables.items()
            if chosen[name].rate and variable.trainable
        }
        means = {} if self.mean_model is None else _variables(self.mean_model)
        means = {name: variable for name, variable in means.items() if name in trained}
        return AdamW(trained, chosen, self.options, means=means)

    def _changing(self) -> Iterator[tuple[str, Parameter, Any]]:
        """All variables that training changes, with their names in a state."""
        optimizer = self.optimizer
        kinds = {"weights": optimizer.trained, **optimizer.moments, "mean": optimizer.means}
        for kind, variables in kinds.items():
            for row in untied_parameters(self.model):
                if row.name in variables:
                    yield f"{kind}.{row.name}", row, variables[row.name]

    def _shards(self, batch: Mapping[str, np.ndarray], update: Update, number: int) -> Any:
        """The part of a batch for each device: rows, seeds of dropout, and a factor of the losses.

        A device without rows gets one row with the factor 0.
        """
        n = self.strategy.num_replicas_in_sync
        arrays, seeds, weights = [], [], []
        for device in range(n):
            is_idle = device >= len(batch["input_ids"])
            rows = slice(0, 1) if is_idle else slice(device, None, n)
            arrays.append({name: _tensor(array[rows]) for name, array in batch.items()})
            seeds.append(self._seeds(update.number, number, device))
            weights.append(tf.constant(0.0 if is_idle else 1 / update.n_items))
        return arrays, seeds, weights

    def _seeds(self, *numbers: int) -> Tensor:
        """A state for each layer of dropout, int64 (layers, 2)."""
        sequence = np.random.SeedSequence((self.settings.seed, *numbers))
        return tf.constant(sequence.generate_state(2 * len(self.dropouts)).reshape(-1, 2), tf.int64)

    def _gradients(self, arrays: Any, seeds: Any, weights: Any) -> Any:
        """Losses and gradients of a batch on each device, to be compiled."""
        trained = [_raw(variable) for variable in self.optimizer.trained.values()]

        def compute() -> tuple[dict[str, Tensor], list[Tensor]]:
            device = _device_number()
            for number, layer in enumerate(self.dropouts):
                assign_here(_raw(layer.seed_generator.state), seeds[device][number])
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                for variable in trained:
                    tape.watch(variable)
                losses = self.objective(self.model, arrays[device])
                losses = {name: loss * weights[device] for name, loss in losses.items()}
            gradients: Any = tape.gradient(
                losses[LOSS], trained, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            return losses, [tf.convert_to_tensor(gradient) for gradient in gradients]

        return self.strategy.run(compute)

    def _add(self, total: Any, part: Any) -> Any:
        """The sums of losses and gradients of two batches, on each device."""
        return self.strategy.run(lambda a, b: tf.nest.map_structure(tf.add, a, b), (total, part))

    def _step(self, total: Any, coefficients: Mapping[str, Tensor]) -> Any:
        """A step of the optimizer by the sums over devices; returns losses and gradient norm."""

        def step(losses: dict[str, Tensor], gradients: list[Tensor]) -> Any:
            context: Any = tf.distribute.get_replica_context()
            losses, gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, (losses, gradients))
            return losses, self.optimizer.step(gradients, losses[LOSS], coefficients)

        results = self.strategy.run(step, total)
        return tf.nest.map_structure(
            lambda value: self.strategy.experimental_local_results(value)[0], results
        )

    def _current_model(self) -> PreTrainedModel:
        """The model as it would be saved now."""
        return self.model if self.mean_model is None else self.mean_model


def _strategy(chosen: str | None) -> Any:
    """Where a model is trained: on the named device, or on all of the best kind."""
    if chosen is not None:
        return tf.distribute.OneDeviceStrategy(available_device(chosen))
    gpus = tf.config.list_logical_devices("GPU")
    devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    if len(devices) == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def _device_number() -> int:
    """Which device the code is being traced for."""
    context: Any = tf.distribute.get_replica_context()
    return int(tf.get_static_value(tf.convert_to_tensor(context.replica_id_in_sync_group)))


def _variables(model: PreTrainedModel) -> dict[str, Any]:
    """TensorFlow's variables by canonical name."""
    return {row.name: _raw(variable_of(model, row)) for row in untied_parameters(model)}


def _raw(variable: Any) -> Any:
    """TensorFlow's variable inside one of Keras'."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def _tensor(array: np.ndarray) -> Tensor:
    """Integers as int32, others as float32."""
    return tf.constant(array, tf.int32 if array.dtype.kind in "biu" else tf.float32)


def _open_sizes(shards: Any) -> list[Any]:
    """The signature of such tensors with open sizes, so that a new size needs no new graph."""

    def spec(tensor: Tensor) -> tf.TensorSpec:
        return tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype)

    arrays, seeds, weights = shards
    return [
        tf.nest.map_structure(spec, arrays),
        tf.nest.map_structure(tf.TensorSpec.from_tensor, seeds),
        tf.nest.map_structure(tf.TensorSpec.from_tensor, weights),
    ]
