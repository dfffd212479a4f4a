"""Which layers go back to float32 so that the metric holds: the most sensitive first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from distilbert.quantizing.agreement import batches_of, error_of, visible_outputs
from distilbert.runner import Runner

# A runner in which only the named layers are quantized.
Build = Callable[[Sequence[str]], Runner]


def layer_errors(
    reference: Runner,
    build: Build,
    layers: Sequence[str],
    sample: Sequence[np.ndarray],
    *,
    pad_id: int,
) -> dict[str, float]:
    """What each layer alone, in int8, does to the outputs; the largest effect first.

    Returns:
        The root mean square difference from `reference` as a fraction of its outputs.
    """
    tokens = reference.preferred_batch_tokens
    batches = [*batches_of(sample, reference.head, pad_id=pad_id, batch_tokens=tokens)]
    expected = [visible_outputs(reference, batch) for batch in batches]
    found = {}
    for name in layers:
        runner = build([name])
        errors = sum(
            (
                error_of(of_float, visible_outputs(runner, batch))
                for of_float, batch in zip(expected, batches, strict=True)
            ),
            np.zeros(2),
        )
        runner.close()
        found[name] = float(np.sqrt(errors[0] / errors[1])) if errors[1] else 0.0
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def fewest(holds: Callable[[int], bool], most: int) -> int | None:
    """The smallest number from 1 to `most` that `holds`, if more always help; None for none.

    The number returned was tried. Doubles it until it holds, then halves the gap below.
    """
    if most < 1:
        return None
    low, high = 0, 1
    while not holds(min(high, most)):
        if high >= most:
            return None
        low, high = high, 2 * high
    high = min(high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
