"""Facts about a model: sizes, a minimal input, and masks in the form it computes with.

The functions are methods of `PreTrainedModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from distilbert.errors import InputError
from distilbert.input_checks import check_head_mask, check_vocab_size

if TYPE_CHECKING:
    from distilbert.torch.pretrained import PreTrainedModel


def dummy_inputs(model: PreTrainedModel) -> dict[str, Tensor]:
    """A minimal input."""
    ids = torch.tensor([[1, 2, 3], [3, 2, 1]], device=model.device) % model.config.vocab_size
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
    """Number of values in the parameters; tied parameters count once."""
    embeddings = {
        id(module.weight)
        for module in model.modules()
        if exclude_embeddings and isinstance(module, nn.Embedding)
    }
    return sum(
        parameter.numel()
        for parameter in model.parameters()
        if id(parameter) not in embeddings and (parameter.requires_grad or not only_trainable)
    )


def get_memory_footprint(model: PreTrainedModel, return_buffers: bool = True) -> int:
    """Bytes of the parameters, and of buffers if asked; tied parameters count once."""
    tensors = [*model.parameters(), *(model.buffers() if return_buffers else ())]
    return sum(tensor.nelement() * tensor.element_size() for tensor in tensors)


def get_head_mask(
    model: PreTrainedModel, head_mask: Tensor | None, num_hidden_layers: int
) -> Tensor | list[None]:
    """Factors per layer: (L, 1, H, 1, 1) in the model's dtype, or a None for every layer.

    Raises:
        InputError: `head_mask` is neither (H,) nor (L, H).
    """
    if head_mask is None:
        return [None] * num_hidden_layers
    check_head_mask(head_mask.shape, num_hidden_layers)
    if head_mask.dim() == 1:
        head_mask = head_mask.expand(num_hidden_layers, -1)
    return head_mask[:, None, :, None, None].to(model.dtype)


def get_extended_attention_mask(
    model: PreTrainedModel,
    attention_mask: Tensor,
    input_shape: tuple[int, ...],
    device: torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """What is added to attention scores: 0, or the lowest number where `attention_mask` is 0.

    Args:
        attention_mask: (B, S) or (B, S, S).
        input_shape, device: not needed; the reference has them.
        dtype: of the result; by default that of the model.

    Returns:
        (B, 1, 1, S) or (B, 1, S, S).

    Raises:
        InputError: a mask of another number of axes.
    """
    if attention_mask.dim() not in (2, 3):
        raise InputError(
            f"`attention_mask` must be (B, S) or (B, S, S): got {tuple(attention_mask.shape)}."
        )
    dtype = dtype or model.dtype
    visible = (
        attention_mask[:, None] if attention_mask.dim() == 3 else attention_mask[:, None, None]
    )
    return (1.0 - visible.to(dtype)) * torch.finfo(dtype).min
