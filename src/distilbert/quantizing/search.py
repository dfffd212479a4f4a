"""Which layers of a job can be quantized so that the metric holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from distilbert.errors import QuantizationError
from distilbert.quantizing.agreement import sample_of
from distilbert.quantizing.metric import Metric, Scored, interval_of_loss, points_lost
from distilbert.quantizing.repair import fewest, layer_errors
from distilbert.quantizing.result import Checked
from distilbert.quantizing.targets import Job


@dataclass(frozen=True)
class Choice:
    """The quantized layers, the metric with them, and what each alone changes, if measured."""

    layers: list[str]
    checked: Checked | None
    errors: Mapping[str, float] = field(default_factory=dict)


def choose_layers(job: Job, metric: Metric | None) -> Choice:
    """All layers if the metric holds then or is None, else all but the most sensitive ones.

    Raises:
        QuantizationError: it does not hold even with one layer quantized, or `repair` is off.
    """
    every = list(job.layers)
    if metric is None:
        return Choice(every, None)
    search = _Search(job, metric)
    if search.holds(every):
        return Choice(every, search.checked(every))
    if not job.plan.repair:
        raise QuantizationError(search.failure(0))
    sample = sample_of(metric.sequences, seed=metric.seed)
    errors = layer_errors(job.model.runner, job.runner_of, every, sample, pad_id=job.pad_id)
    order = list(errors)

    def without(n_kept: int) -> list[str]:
        kept = set(order[:n_kept])
        return [name for name in every if name not in kept]

    n_kept = fewest(lambda n: search.holds(without(n)), len(every) - 1)
    if n_kept is None:
        raise QuantizationError(search.failure(len(every) - 1))
    chosen = without(n_kept)
    return Choice(chosen, search.checked(chosen), errors)


class _Search:
    """Scores models with different quantized layers against the float32 model."""

    def __init__(self, job: Job, metric: Metric) -> None:
        self.job, self.metric = job, metric
        self.before = metric.score(job.model.runner)
        self.found: dict[tuple[str, ...], Scored] = {}

    def holds(self, layers: Sequence[str]) -> bool:
        """Whether the metric holds with these layers quantized."""
        runner = self.job.runner_of(layers)
        self.found[tuple(layers)] = self.metric.score(runner)
        runner.close()
        return self._lost(layers) <= self.job.plan.max_drop

    def _lost(self, layers: Sequence[str]) -> float:
        name, head = self.metric.name, self.job.model.head
        after = self.found[tuple(layers)].scores[name]
        return points_lost(name, head, self.before.scores[name], after)

    def checked(self, layers: Sequence[str]) -> Checked:
        """The metric before and after, with these layers quantized."""
        name, head, after = self.metric.name, self.job.model.head, self.found[tuple(layers)]
        return Checked(
            metric=name,
            data=self.metric.data,
            n_examples=self.metric.n_examples,
            before=self.before.scores[name],
            after=after.scores[name],
            points_lost=self._lost(layers),
            interval=interval_of_loss(self.metric, head, self.before, after),
            max_drop=self.job.plan.max_drop,
            scores={
                "float32": dict(self.before.scores),
                self.job.plan.dtype: dict(after.scores),
            },
        )

    def failure(self, n_kept: int) -> str:
        """What was reached, the best of all attempts last, as a sentence."""
        name, n_layers = self.metric.name, len(self.job.layers)
        best = min(self.found, key=self._lost)
        attempts = dict.fromkeys([tuple(self.job.layers), best])
        reached = " and ".join(
            f"{self.found[one].scores[name]:.4f} ({self._lost(one):.2f} points lost) with "
            f"{len(one)} of {n_layers} layers in {self.job.plan.dtype}"
            for one in attempts
        )
        advice = "allow more with `max_drop`"
        advice += "" if n_kept else ", let layers stay in float32 with `repair`"
        return (
            f"A quantized model may lose {self.job.plan.max_drop:g} points of its metric: {name} "
            f"is {self.before.scores[name]:.4f} in float32, and {reached}. Nothing was written; "
            f"{advice}, or try {self._alternative()}."
        )

    def _alternative(self) -> str:
        plan = self.job.plan
        if plan.mode is None:
            return "another `dtype`"
        other = "dynamic" if plan.mode == "static" else "static"
        return f"the mode {other!r}"
