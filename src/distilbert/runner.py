"""The door between NumPy and a framework: a dict of arrays in, a dict of arrays out.

Tasks, pipelines, the server and the command line know only this protocol. Each framework's room has
a `runner.py` that implements it; this file must not import one until asked for it by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from distilbert._lazy import FRAMEWORKS, is_available, require_framework
from distilbert.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from distilbert.config import DistilBertConfig

# Framework -> room. Later runtimes (ONNX Runtime, OpenVINO) are further rows.
ROOMS = {
    "torch": "distilbert.torch.runner",
    "tensorflow": "distilbert.tensorflow.runner",
    "flax": "distilbert.flax.runner",
}


@runtime_checkable
class Runner(Protocol):
    """A model that can be asked for numbers.

    `head` is one of `distilbert.checkpoint.spec.HEADS`; `config` the model's configuration.
    """

    head: str
    config: DistilBertConfig

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Evaluate one padded batch, without dropout or gradients.

        Args:
            batch: `input_ids` and `attention_mask`, integer arrays (B, S), or (B, C, S) for
                multiple choice.

        Returns:
            float32 arrays: `last_hidden_state` (B, S, D) for the base model; `start_logits` and
            `end_logits` (B, S) for question answering; `logits` for the other heads.

        Raises:
            TokenIdError: an id or the length lies outside the model's tables.
        """
        ...


def load_runner(
    source: str | PathLike[str], head: str, *, framework: str | None = None, **options: Any
) -> Runner:
    """Load the checkpoint `source` with `head` into `framework` and return its runner.

    `options` go to the room's own `load_runner`: `device`, `dtype`, and the keywords of
    `from_pretrained` (`revision`, `token`, `cache_dir`, ...).

    Raises:
        InputError: unknown framework.
        MissingDependencyError: the framework is not installed.
    """
    return room_of(framework).load_runner(source, head, **options)


def room_of(framework: str | None) -> Any:
    """The module that holds a framework's runner; None chooses as `chosen_framework` does.

    Raises:
        InputError: unknown framework.
        MissingDependencyError: the framework is not installed.
    """
    framework = chosen_framework(framework)
    require_framework(framework, f"run a model with `framework={framework!r}`")
    return importlib.import_module(ROOMS[framework])


def chosen_framework(framework: str | None) -> str:
    """`framework`; for None the first installed one of torch, tensorflow and flax.

    All give the same answers, so the choice is one of speed and taste.

    Raises:
        InputError: unknown framework.
    """
    if framework is None:
        for name in ROOMS:
            if all(is_available(package) for package in FRAMEWORKS[name]):
                return name
        return next(iter(ROOMS))  # none is there: the error names how to get the first
    if framework not in ROOMS:
        known = ", ".join(ROOMS)
        raise InputError(f"`framework` must be one of {known}: got {framework!r}.")
    return framework
