"""The most sensitive layers, and how many of them have to go back."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.quantizing.repair import fewest, layer_errors


class Scaled(ArithmeticRunner):
    def __init__(self, *given, factor: float) -> None:
        super().__init__(*given)
        self.factor, self.closed = factor, False

    def run_batch(self, batch, *, wanted=None):
        found = super().run_batch(batch, wanted=wanted)
        return {name: array * self.factor for name, array in found.items()}

    def close(self) -> None:
        self.closed = True


def test_layers_are_ordered_by_what_each_alone_does_to_the_outputs() -> None:
    factors, config, made = {"a": 1.01, "b": 1.2, "c": 1.0}, small_config(), []

    def build(names):
        assert len(names) == 1
        made.append(Scaled("base", config, factor=factors[names[0]]))
        return made[-1]

    sample = [np.array([2, 7, 3]), np.array([2, 8, 9, 3])]
    reference = ArithmeticRunner("base", config)
    found = layer_errors(reference, build, list(factors), sample, pad_id=0)
    assert list(found) == ["b", "a", "c"]
    assert [found[name] for name in "bac"] == pytest.approx([0.2, 0.01, 0], rel=1e-4)
    assert all(runner.closed for runner in made)


@pytest.mark.parametrize("most", [1, 2, 3, 7, 25])
def test_the_fewest_layers_are_found_with_few_attempts(most: int) -> None:
    for needed in range(1, most + 2):
        tried: list[int] = []

        def holds(n: int, needed: int = needed, tried: list[int] = tried) -> bool:
            tried.append(n)
            return n >= needed

        found = fewest(holds, most)
        assert found == (needed if needed <= most else None)
        assert len(tried) == len(set(tried)) <= 10
        assert found is None or found in tried


def test_with_one_layer_none_can_be_put_back() -> None:
    assert fewest(lambda n: True, 0) is None
