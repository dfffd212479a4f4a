"""What a framework must offer the contract suite: a dozen lines per method, NumPy in and out.

One leg per framework. Its module imports the framework, so a missing one fails its own rows and no
others; it never skips them.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from distilbert import DistilBertConfig

Arrays = Mapping[str, np.ndarray]

# Framework -> the module that holds its leg.
LEGS = {
    "torch": "contract.leg_torch",
    "tensorflow": "contract.leg_tensorflow",
    "flax": "contract.leg_flax",
}


class Leg(Protocol):
    """One framework under test. `model` is whatever the framework calls a model."""

    def class_of(self, head: str) -> Any:
        """The public class of a head."""
        ...

    def build(self, config: DistilBertConfig, head: str, weights: Arrays | None = None) -> Any:
        """A model in evaluation mode, fresh or with `weights` under their canonical names."""
        ...

    def seeded(self, config: DistilBertConfig, head: str, seed: int) -> Any:
        """A fresh model whose weights follow `seed`, by the framework's own way to say so."""
        ...

    def outputs(
        self, model: Any, inputs: Arrays, *, train: bool = False, seed: int = 0, **flags: Any
    ) -> Any:
        """One call, as the model returns it with every tensor turned into NumPy."""
        ...

    def gradients(self, model: Any, inputs: Arrays) -> dict[str, np.ndarray]:
        """Gradients of the loss by canonical name; of sum(output**2)/10 without labels."""
        ...

    def weights(self, model: Any) -> dict[str, np.ndarray]:
        """Every parameter by canonical name and orientation, tied ones included."""
        ...

    def descend(self, model: Any, inputs: Arrays) -> None:
        """One step of plain gradient descent on the loss."""
        ...

    def save(self, model: Any, folder: Path, form: str) -> None:
        """Write a checkpoint as "safetensors", "bin", "h5" or "msgpack"."""
        ...

    def load(self, head: str, folder: Path, form: str, **options: Any) -> Any:
        """`from_pretrained`, with the keyword that this framework needs for the format."""
        ...

    def in_half(self, model: Any, dtype: str) -> Any:
        """The same model computing in "float16" or "bfloat16"."""
        ...


def leg(name: str) -> Leg:
    return importlib.import_module(LEGS[name]).LEG
