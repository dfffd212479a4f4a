"""How the optimizer treats each parameter, by canonical name, the same in every framework."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from distilbert.errors import RunCardError

PREFIX = "distilbert."
EMBEDDINGS = "embeddings."
LAYER = re.compile(r"transformer\.layer\.(\d+)\.")
# Parts a card may name in `freeze` besides `layer.N` -> beginnings of names without the prefix.
PARTS = {
    "word_embeddings": ("embeddings.word_embeddings.",),
    "embeddings": ("embeddings.",),
    "encoder": ("embeddings.", "transformer."),
}


@dataclass(frozen=True, slots=True)
class Treatment:
    """`rate` multiplies the learning rate, 0 freezes; `decays` is whether weight decay applies."""

    rate: float
    decays: bool


def treatments(
    names: Iterable[str], *, n_layers: int, freeze: Iterable[str] = (), layer_decay: float = 1.0
) -> dict[str, Treatment]:
    """The treatment of each parameter of a model with a head.

    Args:
        freeze: keys of `PARTS`, or layer.0, layer.1, ...
        layer_decay: factor of the learning rate from each layer to the one below; embeddings are
            below the first layer, the head is above the last.

    Raises:
        RunCardError: `freeze` names no part of the model.
    """
    frozen = tuple(beginning for part in freeze for beginning in _beginnings(part, n_layers))
    chosen = {}
    for name in names:
        inside = name.removeprefix(PREFIX)
        rate = 0.0 if inside.startswith(frozen) else layer_decay ** _distance(inside, n_layers)
        is_vector = inside.endswith("bias") or "norm" in inside.lower()
        chosen[name] = Treatment(rate, not is_vector)
    return chosen


def _beginnings(part: str, n_layers: int) -> tuple[str, ...]:
    number = re.fullmatch(r"layer\.(\d+)", part)
    if number and int(number[1]) < n_layers:
        return (f"transformer.{part}.",)
    if part not in PARTS:
        known = ", ".join(PARTS)
        raise RunCardError(
            f"`freeze` must name parts of the model: got {part!r}, not {known} or layer.0 to "
            f"layer.{n_layers - 1}."
        )
    return PARTS[part]


def _distance(inside: str, n_layers: int) -> int:
    """Layers between a parameter and the head, 0 for the head itself."""
    layer = LAYER.match(inside)
    if layer:
        return n_layers - int(layer[1])
    return n_layers + 1 if inside.startswith(EMBEDDINGS) else 0
