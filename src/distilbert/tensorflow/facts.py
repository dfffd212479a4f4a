"""Facts about a model: sizes, a minimal input, and masks in the form it computes with.

The functions are methods of `PreTrainedModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from distilbert.input_checks import check_vocab_size
from distilbert.tensorflow.attention import layer_head_masks
from distilbert.tensorflow.weights import untied_parameters, variable_of

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel


def dummy_inputs(model: PreTrainedModel) -> dict[str, Tensor]:
    """A minimal input."""
    ids = np.array([[1, 2, 3], [3, 2, 1]], np.int32) % model.config.vocab_size
    return {"input_ids": tf.constant(ids[None] if model.head == "multiple_choice" else ids)}


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
    return sum(
        int(np.prod(row.shape))
        for row in untied_parameters(model)
        if not (exclude_embeddings and row.kind in ("word", "position"))
        if not only_trainable or variable_of(model, row).trainable
    )


def get_memory_footprint(model: PreTrainedModel) -> int:
    """Bytes of the variables; tied ones count once."""
    return sum(
        int(np.prod(variable.shape)) * tf.as_dtype(variable.dtype).size
        for variable in model.variables
    )


def get_head_mask(
    model: PreTrainedModel, head_mask: Tensor | None, num_hidden_layers: int
) -> Tensor | list[None]:
    """Factors per layer: (L, 1, H, 1, 1) in the model's dtype, or a None for every layer.

    Raises:
        InputError: `head_mask` is neither (H,) nor (L, H).
    """
    return layer_head_masks(head_mask, num_hidden_layers, model.compute_dtype)
