"""Methods that the reference's TensorFlow models have in addition to those on its page.

The functions are methods of `PreTrainedModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tensorflow import Tensor

from distilbert.tensorflow.losses import span_loss

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel


def get_lm_head(model: PreTrainedModel) -> Any:
    """The projection onto the vocabulary, which only the masked language model has."""
    return model.get_output_embeddings()


def get_bias(model: PreTrainedModel) -> dict[str, Any] | None:
    """The bias of the projection onto the vocabulary by name; None for other heads."""
    head = model.get_output_embeddings()
    return None if head is None else {"bias": head.bias}


def hf_compute_loss(model: PreTrainedModel, labels: Any, logits: Any) -> Tensor:
    """The loss of a call, from its labels and logits.

    Args:
        labels: for question answering a mapping with `start_position` and `end_position`.
        logits: for question answering (start, end).
    """
    if model.head != "question_answering":
        return model.label_loss(logits, labels)
    names = ("start_position", "end_position")
    sides = [labels[name] for name in names] if isinstance(labels, Mapping) else labels
    return span_loss(*logits, *sides)


def build_in_name_scope(model: PreTrainedModel) -> None:
    """Do nothing: the constructor has made all variables under their names."""
