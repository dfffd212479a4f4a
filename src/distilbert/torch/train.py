"""Training in PyTorch: updates of one model under all options of a run card.

What happens between updates is the session's business. Dropout is drawn from the seed and the
number of the update, so a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.loading import LoadRequest
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError
from distilbert.heads import HEADS
from distilbert.runner import Runner
from distilbert.torch.adapters import add_adapters, without_adapters
from distilbert.torch.heads import MODEL_CLASSES
from distilbert.torch.loading import load_model
from distilbert.torch.objective import LossOptions, Objective
from distilbert.torch.parallel import Processes, let_go, local_gradients, put, spread_out, whole
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.torch.runner import as_runner
from distilbert.torch.weights import assign, to_array, to_tensor
from distilbert.training.feed import Update
from distilbert.training.parameters import treatments
from distilbert.training.run_card import RunCard
from distilbert.training.session import Outcome, Session

MOMENTS = ("exp_avg", "exp_avg_sq")
# Tokens of a batch that go through the model at once on a CPU: more only cost memory there.
TOKENS_AT_ONCE = 384


def starting_model(
    request: LoadRequest, *, changes: Mapping[str, Any], seed: int
) -> PreTrainedModel:
    """The model that `request` describes, whose new weights are those of `seed` in any framework;
    `changes` are fields of the config that the task decides."""
    model, report = load_model(request, ignore_mismatched_sizes=True, **changes)
    new = {*report.missing_keys, *(name for name, *_ in report.mismatched_keys)}
    arrays = initial_weights(model.config, request.head, seed, names=new)
    assign(model, arrays, dtype=torch.float32, device=model.device)
    model.tie_weights()
    return model.float()


class Trainer:
    """A model in training; see `distilbert.training.session.Trainer`."""

    def __init__(
        self, model: PreTrainedModel, card: RunCard, *, class_weights: np.ndarray | None = None
    ) -> None:
        """
        Args:
            model: float32; the trainer takes it over.
            card: `optimization`, `lora`, `distillation`, `seed`, and of `run` the device and the
                engine are used.
            class_weights: float32 (N,), how much each label counts.

        Raises:
            InputError: the teacher has another head or other labels.
            RunCardError: `freeze` names no part of the model.
        """
        self.card, self.options = card, card.optimization
        self.processes = Processes()
        self.device = self.processes.device(card.run.device)
        self.dtype = torch.bfloat16 if self.options.precision == "bfloat16" else None
        _set_dropout(model, self.options.dropout)
        self.config = copy.deepcopy(model.config)
        self.model = model.to(self.device)
        if self.options.gradient_checkpointing:
            self.model.gradient_checkpointing_enable()
        if card.lora.lora_rank:
            add_adapters(self.model, card.lora)
        self.objective = Objective(
            self.model, self._loss_options(class_weights), self._loaded_teacher()
        ).to(self.device)
        groups = self._groups()
        self.module: nn.Module = self.objective
        if self.processes.size > 1:
            blocks = list(self.model.base_model.transformer.layer)
            self.module = spread_out(self.objective, card.run.parallel or "ddp", blocks)
            groups = self._groups()
        self.optimizer = torch.optim.AdamW(
            groups,
            betas=(self.options.beta1, self.options.beta2),
            eps=self.options.epsilon,
            fused=True,
        )
        self.means = self._first_means()
        self.keeps_gradients = self.processes.size == 1 and self.device.type == "cpu"
        if self.keeps_gradients:
            self._make_room()

    @property
    def is_main_process(self) -> bool:
        """Whether this process logs, evaluates and writes."""
        return self.processes.is_main_process

    @property
    def data_shard(self) -> tuple[int, int]:
        """Which part of each batch this process computes: (number, of how many)."""
        return self.processes.rank, self.processes.size

    def broadcast(self, value: Any) -> Any:
        """The main process's value, in every process."""
        return self.processes.broadcast(value)

    def run(self, session: Session) -> None:
        """Go through the session's updates; the caller's random numbers stay as they are."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            for update in session.updates():
                if not session.done(self, update, self.update(update)):
                    break

    def update(self, update: Update) -> Outcome:
        """One step of the optimizer; none where loss or gradients are no finite numbers."""
        self.model.train()
        torch.manual_seed(_seed_of(self.card.seed, update.number, self.processes.rank))
        total = torch.zeros((), device=self.device)
        parts = [part for batch in update.batches for part in self._parts(batch)]
        for number, part in enumerate(parts, 1):
            tensors = {
                name: torch.from_numpy(array).to(self.device) for name, array in part.items()
            }
            is_last = number == len(parts)
            with local_gradients(self.module, is_last=is_last):
                with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
                    loss = self.module(tensors) / max(1, update.n_items)
                # The engines average over processes, but each holds a part of the sum.
                (loss * self.processes.size).backward()
            total += loss.detach()
        loss_value = float(self.processes.total(total))
        limit = self.options.max_grad_norm or float("inf")
        norm = float(whole(nn.utils.clip_grad_norm_(self._trained().values(), limit)))
        if np.isfinite(loss_value) and np.isfinite(norm):
            for group in self.optimizer.param_groups:
                group["lr"] = update.learning_rate * group["scale"]
            self.optimizer.step()
            self._follow()
        self.optimizer.zero_grad(set_to_none=not self.keeps_gradients)
        return Outcome({"loss": loss_value}, norm)

    def _parts(self, batch: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
        """A batch in the pieces that are computed at once; their losses add up to the whole's."""
        gathers = self.processes.size > 1 and self.card.run.parallel == "fsdp"
        if self.device.type != "cpu" or gathers:  # whose forward passes must keep step with peers
            return [dict(batch)]
        per_token = ("labels",) if HEADS[self.model.head].labels_per_token else ()
        return in_parts(batch, TOKENS_AT_ONCE, ("input_ids", "attention_mask", *per_token))

    def runner(self) -> Runner:
        """The present model, to evaluate in the precision of training."""
        model = self._current_model()
        return as_runner(model, self.device, self.dtype)

    def state(self) -> dict[str, np.ndarray]:
        """Trained weights, moments and running means, by name."""
        arrays = {}
        for name, parameter in self._trained().items():
            arrays[f"weights.{name}"] = to_array(whole(parameter))
            for moment, value in self.optimizer.state.get(parameter, {}).items():
                arrays[f"{moment}.{name}"] = to_array(whole(value))
        for name, mean in self.means.items():
            arrays[f"mean.{name}"] = to_array(whole(mean))
        return arrays

    @torch.no_grad()
    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` gave."""
        for name, parameter in self._trained().items():
            put(parameter, to_tensor(arrays[f"weights.{name}"]))
            if f"exp_avg.{name}" not in arrays:
                continue
            state = self.optimizer.state[parameter]
            state["step"] = to_tensor(arrays[f"step.{name}"]).clone()
            for moment in MOMENTS:
                state[moment] = torch.zeros_like(parameter)
                put(state[moment], to_tensor(arrays[f"{moment}.{name}"]))
        for name, mean in self.means.items():
            put(mean, to_tensor(arrays[f"mean.{name}"]))

    def save(self, folder: Path) -> None:
        """Write the model, adapters merged, as a checkpoint folder."""
        model = self._current_model()
        if self.is_main_process:
            model.save_pretrained(folder)

    def close(self) -> None:
        """Part from the other processes; those who were several have no model after it."""
        if self.processes.size > 1:
            let_go(self.module)
            del self.module, self.objective, self.optimizer, self.model
        self.processes.close()

    def _loss_options(self, class_weights: np.ndarray | None) -> LossOptions:
        weights = None if class_weights is None else torch.from_numpy(class_weights)
        return LossOptions(
            packing=self.options.packing is not False,
            label_smoothing=self.card.objective.label_smoothing,
            r_drop=self.card.objective.r_drop,
            teacher_weight=self.card.distillation.teacher_weight,
            temperature=self.card.distillation.temperature,
            class_weights=None if weights is None else weights.to(self.device),
        )

    def _loaded_teacher(self) -> PreTrainedModel | None:
        source = self.card.distillation.teacher
        if source is None:
            return None
        head = MODEL_CLASSES[self.model.head]
        teacher, report = head.from_pretrained(source, output_loading_info=True)
        if report["missing_keys"]:
            raise InputError(
                f"A teacher must be fine-tuned for the task of its student: got {source}, which "
                f"has no {', '.join(report['missing_keys'])}."
            )
        _check_teacher(teacher.config, self.config, self.model.head)
        return teacher.to(self.device)

    def _trained(self) -> dict[str, nn.Parameter]:
        """Parameters that change, by the names they have in the model."""
        named = self.model.named_parameters()
        return {name: parameter for name, parameter in named if parameter.requires_grad}

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters of the same treatment together; frozen ones need no gradient from here on."""
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

    def _make_room(self) -> None:
        """Keep the gradients from the first update on, and add those of embeddings row by row.

        Otherwise every part of every batch makes a gradient of the size of the vocabulary.
        """
        for parameter in self._trained().values():
            parameter.grad = torch.zeros_like(parameter)
        for module in self.model.modules():
            if isinstance(module, nn.Embedding):
                module.sparse = True

    def _first_means(self) -> dict[str, Tensor]:
        if self.options.ema is None:
            return {}
        return {name: p.detach().clone() for name, p in self._trained().items()}

    @torch.no_grad()
    def _follow(self) -> None:
        if self.options.ema is not None:
            for name, parameter in self._trained().items():
                self.means[name].lerp_(parameter, 1 - self.options.ema)

    def _current_model(self) -> PreTrainedModel:
        """The model as it would be saved now; where it costs nothing, the one in training."""
        is_alone = self.processes.size == 1
        if is_alone and not self.means and not self.card.lora.lora_rank and self.dtype is None:
            return self.model
        arrays = {name: whole(p.detach()) for name, p in self.model.named_parameters()}
        arrays.update({name: whole(mean) for name, mean in self.means.items()})
        model = copy.deepcopy(self.model) if is_alone else self._rebuilt()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(arrays[name])
        if self.card.lora.lora_rank:
            model = without_adapters(model)
        model.gradient_checkpointing_disable()
        return model

    def _rebuilt(self) -> PreTrainedModel:
        """A model of the same parameters in one piece."""
        model = type(self.model)(copy.deepcopy(self.config)).to(self.device)
        if self.card.lora.lora_rank:
            add_adapters(model, self.card.lora)
        return model


def in_parts(
    batch: Mapping[str, np.ndarray], n_tokens: int, per_token: Sequence[str]
) -> list[dict[str, np.ndarray]]:
    """Rows of a batch by length, in pieces of at most so many tokens, each padded no further than
    it needs; arrays named in `per_token` have an S axis. One row is never cut."""
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
        seen = np.flatnonzero(mask[rows].any(axis=tuple(range(mask.ndim - 1))))
        width = int(seen[-1]) + 1 if len(seen) else 1
        parts.append(
            {
                name: np.ascontiguousarray(a[rows, ..., :width] if name in per_token else a[rows])
                for name, a in batch.items()
            }
        )
        start = stop
    return parts


def _seed_of(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _set_dropout(model: PreTrainedModel, probability: float | None) -> None:
    if probability is not None:
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = probability


def _check_teacher(teacher: DistilBertConfig, student: DistilBertConfig, head: str) -> None:
    """Both must speak of the same tokens and the same labels."""
    rules: dict[str, tuple[Any, Any]] = {"vocab_size": (teacher.vocab_size, student.vocab_size)}
    if head in ("sequence_classification", "token_classification"):
        rules["id2label"] = (teacher.id2label, student.id2label)
    for name, (theirs, ours) in rules.items():
        if theirs != ours:
            raise InputError(
                f"A teacher must have the `{name}` of its student: got {theirs}, not {ours}."
            )
