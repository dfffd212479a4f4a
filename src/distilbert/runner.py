"""`Runner`: the interface between NumPy and whatever computes a model.

Tasks, pipelines, evaluation and the server know only this protocol. Each framework package has a
`runner.py` that implements it, and each runtime for exported files a module of `runtimes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from distilbert.heads import HEADS

if TYPE_CHECKING:
    import numpy as np

    from distilbert.config import DistilBertConfig


# Padded tokens per batch. A CPU's caches then hold the activations of a model of the base size, and
# larger batches are slower; an accelerator needs many more tokens to be busy.
CPU_BATCH_TOKENS = 512
ACCELERATOR_BATCH_TOKENS = 16_384


@runtime_checkable
class Runner(Protocol):
    """A loaded model that computes outputs for batches of token ids.

    Attributes:
        head: a key of `distilbert.heads.HEADS`.
        config: the model's configuration.
        preferred_batch_tokens: padded tokens per batch that keep the device busy.
    """

    head: str
    config: DistilBertConfig
    preferred_batch_tokens: int

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch, without dropout or gradients.

        Args:
            batch: `input_ids`, and `attention_mask` unless every token is visible: integers (B, S),
                or (B, C, S) for multiple choice.
            wanted: bool (B, S), the tokens whose outputs are needed. Outputs with an S axis then
                hold only these tokens, (P, ...), in the order of `output[wanted]`.

        Returns:
            float32 arrays, by the names and with the axes of the head in `distilbert.heads`. Values
            at padding are unspecified: a runner may not compute them.

        Raises:
            TokenIdError: an id or the length lies outside the model's tables.
            InputError: other arrays, or arrays of other types and shapes.
        """
        ...

    def close(self) -> None:
        """Release the memory of the model; the runner cannot be used afterwards."""
        ...


def name_outputs(head: str, values: Any) -> dict[str, Any]:
    """The outputs of a head by name; where there are several, they share the last axis."""
    names = HEADS[head].outputs
    if len(names) == 1:
        return dict.fromkeys(names, values)
    return {name: values[..., i] for i, name in enumerate(names)}


def only_wanted(
    head: str, outputs: Mapping[str, np.ndarray], wanted: np.ndarray | None
) -> dict[str, np.ndarray]:
    """Outputs with an S axis at the `wanted` tokens; for runners that compute all of them."""
    axes = HEADS[head].outputs
    return {
        name: array if wanted is None or "S" not in axes[name] else array[wanted]
        for name, array in outputs.items()
    }
