"""Training in PyTorch: updates of one model under all options of a run card.

What happens between updates is up to the session. Dropout is drawn from the seed and the number of
the update, so a resumed run draws the same as an uninterrupted one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.loading import LoadRequest
from distilbert.heads import HEADS
from distilbert.runner import Runner
from distilbert.torch.adamw import MOMENTS, RowAdamW
from distilbert.torch.adapters import add_adapters, without_adapters
from distilbert.torch.compiling import compile_layers
from distilbert.torch.distillation import DistillationObjective
from distilbert.torch.dropout import Dropout
from distilbert.torch.heads import load_model
from distilbert.torch.objective import INPUTS, Batch, TaskObjective
from distilbert.torch.parallel import (
    Processes,
    copy_to_parameter,
    full_tensor,
    local_gradients,
    release,
    wrap_parallel,
)
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.torch.runner import as_runner
from distilbert.torch.teacher import Teacher
from distilbert.torch.weights import assign, to_array, to_tensor
from distilbert.training.feed import Update
from distilbert.training.objective import LOSS, TEACHER, LossSettings, TrainerSettings
from distilbert.training.parameters import treatments
from distilbert.training.session import Outcome

# Arrays of a batch that have an S axis besides the inputs, for heads with a label per token.
PER_TOKEN = ("labels", "compared")

# The model in training, a batch and the counts of its update to losses by name; see
# `distilbert.training.objective`.
Objective = Callable[[PreTrainedModel, Batch, Mapping[str, int]], dict[str, Tensor]]


def starting_model(
    request: LoadRequest, *, changes: Mapping[str, Any], seed: int
) -> PreTrainedModel:
    """The model that `request` describes, whose initial weights follow from `seed` alone.

    `changes` are fields of the config that the task decides.
    """
    model, report = load_model(request, ignore_mismatched_sizes=True, **changes)
    new = {*report.missing_keys, *(name for name, *_ in report.mismatched_keys)}
    arrays = initial_weights(model.config, request.head, seed, names=new)
    assign(model, arrays, dtype=torch.float32, device=model.device)
    model.tie_weights()
    return model.float()


def task_objective(
    model: PreTrainedModel,
    settings: LossSettings,
    teacher: Teacher | None = None,
    *,
    packing: bool | None = None,
) -> TaskObjective:
    """The objective of fine-tuning; `packing` is on by default."""
    return TaskObjective(
        model.head, model.config.problem_type, settings, teacher, packing=packing is not False
    )


class Trainer:
    """A model in training; see `distilbert.training.session.Trainer`."""

    def __init__(
        self, model: PreTrainedModel, objective: Objective, settings: TrainerSettings
    ) -> None:
        """
        Args:
            model: float32; it must not be used elsewhere afterwards. Where there are several
                processes, it must not be kept either, as it refers to their group.
            objective: losses by name; a module is moved to the device of the model.

        Raises:
            RunCardError: `freeze` names no part of the model.
        """
        self.settings, self.options = settings, settings.optimization
        self.processes = Processes()
        self.device = self.processes.device(settings.device)
        self.dtype = torch.bfloat16 if self.options.precision == "bfloat16" else None
        _prepare_dropout(model, self.options.dropout)
        self.config = copy.deepcopy(model.config)
        self.model = model.to(self.device)
        if self.options.gradient_checkpointing:
            self.model.gradient_checkpointing_enable()
        if settings.lora.lora_rank:
            add_adapters(self.model, settings.lora)
        if self.options.compile:
            compile_layers(self.model)
            if (teacher := getattr(objective, "teacher", None)) is not None:
                compile_layers(teacher)
        self.objective = (
            objective.to(self.device) if isinstance(objective, nn.Module) else objective
        )
        if self.dtype is not None and isinstance(self.objective, nn.Module):
            _round_frozen(self.objective, self.dtype)
        groups = self._groups()
        self.module: nn.Module = _Losses(self.model, self.objective)
        if self.processes.size > 1:
            blocks = list(self.model.base_model.transformer.layer)
            self.module = wrap_parallel(self.module, settings.parallel or "ddp", blocks)
            groups = self._groups()
        self.keeps_gradients = self.processes.size == 1 and self.device.type == "cpu"
        self.optimizer = RowAdamW(
            groups,
            tables=self._allocate_gradients() if self.keeps_gradients else [],
            betas=(self.options.beta1, self.options.beta2),
            eps=self.options.epsilon,
        )
        adds = self.keeps_gradients and self.model.dtype == torch.float32
        if adds and isinstance(self.objective, DistillationObjective):
            self.objective.gradient_of = self.optimizer.dense_gradient
        self.means: dict[str, Tensor] = {}
        if self.options.ema is not None:
            self.means = {name: p.detach().clone() for name, p in self._trained().items()}

    def update(self, update: Update) -> Outcome:
        """One step of the optimizer, which is skipped if loss or gradients are not finite.

        The caller's random numbers stay as they are.
        """
        self.model.train()
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(_seed_of(self.settings.seed, update.number, self.processes.rank))
            totals = self._gradients(update)
        values = self.processes.total(torch.stack(list(totals.values()))).tolist()
        losses = dict(zip(totals, values, strict=True))
        norm = self.optimizer.clip(self.options.max_grad_norm)
        if np.isfinite(losses[LOSS]) and np.isfinite(norm):
            for group in self.optimizer.param_groups:
                group["lr"] = update.learning_rate * group["scale"]
            self.optimizer.step()
            self._update_means()
        self.optimizer.zero_grad(set_to_none=not self.keeps_gradients)
        return Outcome(losses, norm)

    def _gradients(self, update: Update) -> dict[str, Tensor]:
        """The losses of this process's part of an update, whose gradients are added up."""
        totals: dict[str, Tensor] = {}
        parts = [part for batch in update.batches for part in self._parts(batch)]
        # Weights are cast once for all parts, unless copies of them would undo FSDP's saving.
        with self._autocast(cache_enabled=not self._is_sharded):
            for number, part in enumerate(parts, 1):
                tensors = {
                    name: torch.from_numpy(array).to(self.device) for name, array in part.items()
                }
                with local_gradients(self.module, is_last=number == len(parts)):
                    losses = self.module(tensors, update.counts)
                    # The engines average over processes, but each has a part of the sum.
                    with torch.autocast(self.device.type, enabled=False):
                        (losses[LOSS] * self.processes.size).backward()
                for name, value in losses.items():
                    loss = value.detach()
                    totals[name] = totals[name] + loss if name in totals else loss
        return totals

    def _autocast(self, *, cache_enabled: bool) -> torch.autocast:
        return torch.autocast(
            self.device.type,
            self.dtype,
            enabled=self.dtype is not None,
            cache_enabled=cache_enabled,
        )

    def _parts(self, batch: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
        """The parts of a batch that are computed in one pass; their losses add up to its loss."""
        # With FSDP every process must make the same number of passes.
        if self.device.type != "cpu" or self._is_sharded:
            return [dict(batch)]
        per_token = PER_TOKEN if HEADS[self.model.head].labels_per_token else ()
        of_teacher = (name for name in batch if name.startswith(TEACHER))
        names = (*INPUTS, *per_token, *of_teacher)
        return split_batch(batch, self.settings.tokens_at_once, names)

    @property
    def _is_sharded(self) -> bool:
        return self.processes.size > 1 and self.settings.parallel == "fsdp"

    def runner(self) -> Runner:
        """The current model, to be evaluated in the precision of training."""
        return as_runner(self._current_model(), self.device, self.dtype)

    def state(self) -> dict[str, np.ndarray]:
        """Trained weights, moments and running means, by name."""
        arrays = {}
        for name, parameter in self._trained().items():
            arrays[f"weights.{name}"] = to_array(full_tensor(parameter))
            for moment, value in self.optimizer.state.get(parameter, {}).items():
                arrays[f"{moment}.{name}"] = to_array(full_tensor(value))
        for name, mean in self.means.items():
            arrays[f"mean.{name}"] = to_array(full_tensor(mean))
        return arrays

    @torch.no_grad()
    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Load what `state` returned."""
        for name, parameter in self._trained().items():
            copy_to_parameter(parameter, to_tensor(arrays[f"weights.{name}"]))
            if f"exp_avg.{name}" not in arrays:
                continue
            state = self.optimizer.state[parameter]
            state["step"] = to_tensor(arrays[f"step.{name}"]).clone()
            for moment in MOMENTS:
                state[moment] = torch.zeros_like(parameter)
                copy_to_parameter(state[moment], to_tensor(arrays[f"{moment}.{name}"]))
        for name, mean in self.means.items():
            copy_to_parameter(mean, to_tensor(arrays[f"mean.{name}"]))

    def save(self, folder: Path) -> None:
        """Write the model, adapters merged, as a checkpoint folder."""
        model = self._current_model()
        if self.processes.is_main_process:
            model.save_pretrained(folder)

    def close(self) -> None:
        """Leave the group of processes; of several, none has a model afterwards."""
        if self.processes.size > 1:
            release(self.module)
            del self.module, self.objective, self.optimizer, self.model
        self.processes.close()

    def _trained(self) -> dict[str, nn.Parameter]:
        """Parameters that change, by their names in the model, or in the objective."""
        named = dict(self.model.named_parameters())
        if isinstance(self.objective, nn.Module):
            named.update(self.objective.named_parameters(prefix="objective"))
        return {name: parameter for name, parameter in named.items() if parameter.requires_grad}

    def _groups(self) -> list[dict[str, Any]]:
        """Groups of parameters with the same treatment; frozen ones get no gradient from now on."""
        chosen = treatments(
            self._trained(),
            n_layers=self.config.n_layers,
            freeze=self.options.freeze,
            layer_decay=self.options.layer_decay,
        )
        groups: dict[Any, list[nn.Parameter]] = {}
        for name, parameter in self._trained().items():
            treatment = chosen[name]
            if treatment.rate == 0:
                parameter.requires_grad_(False)
            else:
                groups.setdefault(treatment, []).append(parameter)
        return [
            {
                "params": parameters,
                "scale": treatment.rate,
                "lr": 0.0,
                "weight_decay": self.options.weight_decay if treatment.decays else 0.0,
            }
            for treatment, parameters in groups.items()
        ]

    def _allocate_gradients(self) -> list[nn.Parameter]:
        """Allocate all gradients once, and let embeddings, which are returned, add theirs by row.

        Otherwise every part of every batch allocates a gradient of the size of the vocabulary.
        """
        for parameter in self._trained().values():
            parameter.grad = torch.zeros_like(parameter)
        tables = {}
        for module in self.model.modules():
            if isinstance(module, nn.Embedding):
                module.sparse = True
                tables[id(module.weight)] = module.weight
        return [table for table in tables.values() if table.requires_grad]

    @torch.no_grad()
    def _update_means(self) -> None:
        if self.options.ema is not None:
            for name, parameter in self._trained().items():
                self.means[name].lerp_(parameter, 1 - self.options.ema)

    def _current_model(self) -> PreTrainedModel:
        """The model as it would be saved now: the one in training, unless a copy is needed."""
        is_alone = self.processes.size == 1
        if is_alone and not self.means and not self.settings.lora.lora_rank and self.dtype is None:
            return self.model
        arrays = {name: full_tensor(p.detach()) for name, p in self.model.named_parameters()}
        arrays.update({name: full_tensor(mean) for name, mean in self.means.items()})
        model = copy.deepcopy(self.model) if is_alone else self._rebuilt()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(arrays[name])
        if self.settings.lora.lora_rank:
            model = without_adapters(model)
        model.gradient_checkpointing_disable()
        return model

    def _rebuilt(self) -> PreTrainedModel:
        """A model of the same parameters that is not wrapped for several processes."""
        model = type(self.model)(copy.deepcopy(self.config)).to(self.device)
        if self.settings.lora.lora_rank:
            add_adapters(model, self.settings.lora)
        return model


class _Losses(nn.Module):
    """The losses of the model in training, as one module for the engines of `parallel.py`."""

    def __init__(self, model: PreTrainedModel, objective: Objective) -> None:
        super().__init__()
        self.model = model
        # In a tuple, so that a teacher's parameters do not become parameters of this module.
        self._objective = (objective,)
        parts = objective.children() if isinstance(objective, nn.Module) else ()
        trained = [part for part in parts if any(p.requires_grad for p in part.parameters())]
        self.add_module("trained_parts", nn.ModuleList(trained))

    def forward(self, batch: Batch, counts: Mapping[str, int]) -> dict[str, Tensor]:
        (objective,) = self._objective
        return objective(self.model, batch, counts)


def split_batch(
    batch: Mapping[str, np.ndarray], n_tokens: int, per_token: Sequence[str]
) -> list[dict[str, np.ndarray]]:
    """Split a batch into parts of at most `n_tokens` tokens, with rows of similar length.

    Each part is padded to its longest row. Arrays named in `per_token` have an S axis. A longer row
    forms a part of its own.
    """
    mask = batch["attention_mask"] != 0
    lengths = mask.sum(axis=tuple(range(1, mask.ndim)))
    if lengths.sum() <= n_tokens:
        return [dict(batch)]
    order = np.argsort(lengths, kind="stable")
    parts, start = [], 0
    while start < len(order):
        totals = np.cumsum(lengths[order[start:]])
        stop = start + max(1, int(np.searchsorted(totals, n_tokens, side="right")))
        rows = order[start:stop]
        between = (slice(None),) * (mask.ndim - 2)
        columns = np.flatnonzero(mask[rows].any(axis=tuple(range(mask.ndim - 1))))
        width = int(columns[-1]) + 1 if len(columns) else 1
        parts.append(
            {
                name: np.ascontiguousarray(
                    a[(rows, *between, slice(width))] if name in per_token else a[rows]
                )
                for name, a in batch.items()
            }
        )
        start = stop
    return parts


def _seed_of(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


@torch.no_grad()
def _round_frozen(objective: nn.Module, dtype: torch.dtype) -> None:
    """Cast the weights of a teacher's layers and masked-LM head once, not in each pass.

    Autocast would cast them to the same numbers. Biases, which are small, are left to it: the loss
    over the vocabulary adds one in float32. Other heads are computed in float32.
    """
    for name, module in objective.named_modules():
        is_cast = ".transformer." in name or ".vocab_" in name
        if is_cast and isinstance(module, nn.Linear) and not module.weight.requires_grad:
            module.weight = nn.Parameter(module.weight.to(dtype), requires_grad=False)


def _prepare_dropout(model: PreTrainedModel, probability: float | None) -> None:
    for module in model.modules():
        if isinstance(module, Dropout):
            module.is_fast = True
        if probability is not None and isinstance(module, nn.Dropout):
            module.p = probability
