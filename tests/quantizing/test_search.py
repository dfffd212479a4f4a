"""Layers chosen so that a metric holds; the metric here says which layers it cannot do without."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from distilbert.errors import QuantizationError
from distilbert.quantizing import search
from distilbert.quantizing.metric import Scored
from distilbert.quantizing.search import choose_layers
from distilbert.tasks.task import scorer_of

LAYERS = [f"layer{i}" for i in range(8)]


@dataclass
class StandIn:
    """A metric that a runner states, with one example per layer."""

    name: str = "accuracy"
    data: str = "rows"
    n_examples: int = 100
    resamples: int = 50
    seed: int = 0
    sequences: list[Any] = field(default_factory=lambda: [np.array([2, 3])])

    def score(self, runner: Any) -> Scored:
        right = np.arange(100) < runner.right
        scorer = scorer_of(lambda found: {"accuracy": float(found.mean())}, right)
        return Scored(scorer(), scorer)


def job_with(sensitive: dict[str, int], **options: Any) -> Any:
    """A job whose layers, in int8, cost so many of 100 examples."""

    def build(names):
        lost = sum(sensitive.get(name, 0) for name in names)
        return SimpleNamespace(right=90 - lost, close=lambda: None, names=names)

    plan = SimpleNamespace(
        **{"max_drop": 0.5, "repair": True, "dtype": "int8", "mode": "dynamic", **options}
    )
    model = SimpleNamespace(head="sequence_classification", runner=SimpleNamespace(right=90))
    return SimpleNamespace(
        layers=dict.fromkeys(LAYERS), plan=plan, model=model, runner_of=build, pad_id=0
    )


@pytest.fixture(autouse=True)
def known_errors(monkeypatch):
    """The effect of a layer on the outputs is what it costs."""

    def errors(reference, build, layers, sample, *, pad_id):
        found = {name: float(90 - build([name]).right) for name in layers}
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    monkeypatch.setattr(search, "layer_errors", errors)


def test_without_a_metric_all_layers_are_taken() -> None:
    chosen = choose_layers(job_with({"layer3": 9}), None)
    assert (chosen.layers, chosen.checked, chosen.errors) == (LAYERS, None, {})


def test_if_the_metric_holds_no_layer_is_measured() -> None:
    chosen = choose_layers(job_with({"layer3": 2}, max_drop=2.5), StandIn())
    assert (chosen.layers, chosen.errors) == (LAYERS, {})
    assert chosen.checked.points_lost == pytest.approx(2)
    low, high = chosen.checked.interval
    assert low <= 2 <= high
    assert chosen.checked.scores["int8"] == {"accuracy": 0.88}


@pytest.mark.parametrize(
    ("sensitive", "kept"),
    [
        ({"layer3": 5}, {"layer3"}),
        ({"layer3": 5, "layer6": 1}, {"layer3", "layer6"}),
        ({f"layer{i}": i for i in range(1, 8)}, {f"layer{i}" for i in range(1, 8)}),
    ],
)
def test_the_most_sensitive_layers_go_back_and_no_more(sensitive, kept) -> None:
    chosen = choose_layers(job_with(sensitive), StandIn())
    assert set(LAYERS) - set(chosen.layers) == kept
    assert chosen.layers == [name for name in LAYERS if name not in kept]
    assert chosen.checked.points_lost == 0
    assert next(iter(chosen.errors)) == max(sensitive, key=sensitive.__getitem__)


def test_what_was_reached_is_said_if_the_metric_never_holds() -> None:
    every = dict.fromkeys(LAYERS, 1)
    with pytest.raises(QuantizationError) as caught:
        choose_layers(job_with(every), StandIn())
    text = str(caught.value)
    assert "may lose 0.5 points of its metric: accuracy is 0.9000 in float32" in text
    assert "0.8200 (8.00 points lost) with 8 of 8 layers in int8" in text
    assert "0.8900 (1.00 points lost) with 1 of 8 layers in int8" in text
    assert "Nothing was written; allow more with `max_drop`" in text


def test_without_repair_no_layer_goes_back() -> None:
    with pytest.raises(QuantizationError, match="let layers stay in float32 with `repair`"):
        choose_layers(job_with({"layer3": 5}, repair=False), StandIn())
