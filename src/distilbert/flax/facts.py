"""Facts about a model: sizes, a minimal input, and masks in the form it computes with.

The functions are methods of `PreTrainedModel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
from jax import Array

from distilbert.flax.attention import layer_head_masks
from distilbert.flax.weights import POSITIONS, WORDS, flatten
from distilbert.input_checks import check_vocab_size

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def dummy_inputs(model: PreTrainedModel) -> dict[str, Array]:
    """A minimal input."""
    ids = jnp.array([[1, 2, 3], [3, 2, 1]], jnp.int32) % model.config.vocab_size
    return {"input_ids": ids[None] if model.head == "multiple_choice" else ids}


def vocab_size(model: PreTrainedModel) -> int:
    """Rows of the word embedding, also after it was resized."""
    return model.config.vocab_size


def set_vocab_size(model: PreTrainedModel, value: int) -> None:
    """Do nothing for the present size, which constructors of child classes often store.

    Raises:
        InputError: another size.
    """
    check_vocab_size(value, model.config.vocab_size)


def can_generate(model_class: type[PreTrainedModel]) -> bool:
    """Whether models of a class write text token by token: a DistilBERT never does."""
    return False


def num_parameters(
    model: PreTrainedModel, only_trainable: bool = False, exclude_embeddings: bool = False
) -> int:
    """Number of values in the parameters; tied ones count once."""
    left_out = {model.path(WORDS), model.path(POSITIONS)} if exclude_embeddings else set()
    if only_trainable and model.config.sinusoidal_pos_embds:
        left_out.add(model.path(POSITIONS))
    leaves = flatten(model.params)
    return sum(leaf.size for path, leaf in leaves.items() if path not in left_out)


def get_memory_footprint(model: PreTrainedModel) -> int:
    """Bytes of the parameters; tied ones count once."""
    return sum(leaf.nbytes for leaf in flatten(model.params).values())


def get_head_mask(
    model: PreTrainedModel, head_mask: Any | None, num_hidden_layers: int
) -> Array | Sequence[None]:
    """Factors per layer: (L, 1, H, 1, 1) in the model's dtype, or a None for every layer.

    Raises:
        InputError: `head_mask` is neither (H,) nor (L, H).
    """
    return layer_head_masks(head_mask, num_hidden_layers, model.dtype)
