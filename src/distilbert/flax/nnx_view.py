"""A model as a `flax.nnx` module: the same weights and outputs, trained in the style of nnx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
from flax import nnx

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


class NnxModel(nnx.Module):
    """Holds the tree as `nnx.Param`s under the names of the tree.

    `nnx.grad`, `nnx.jit` and `nnx.Optimizer` see and change these parameters; `tree` returns
    them, for `model.params = view.tree()` or `model.save_pretrained(folder, params=view.tree())`.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.module = nnx.static(model.module)
        self.params = nnx.data(jax.tree.map(nnx.Param, model.params))

    def __call__(
        self, *inputs: Any, rngs: nnx.Rngs | None = None, train: bool = False, **named: Any
    ) -> Any:
        """As the linen module: `input_ids`, `attention_mask`, `head_mask`, `inputs_embeds` and the
        output flags. `train=True` draws dropout from the stream `rngs.dropout`."""
        streams = None if rngs is None else {"dropout": rngs.dropout()}
        variables = {"params": self.tree()}
        return self.module.apply(variables, *inputs, deterministic=not train, rngs=streams, **named)

    def tree(self) -> Any:
        """The parameters as plain arrays in nested dicts."""
        return jax.tree.map(
            lambda parameter: parameter[...],
            self.params,
            is_leaf=lambda leaf: isinstance(leaf, nnx.Param),
        )
