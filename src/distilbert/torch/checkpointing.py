"""Gradient checkpointing: blocks are computed again in the backward pass to save memory.

The functions are methods of `PreTrainedModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from distilbert.input_checks import check_size

if TYPE_CHECKING:
    from distilbert.torch.pretrained import PreTrainedModel


def gradient_checkpointing_enable(
    model: PreTrainedModel,
    gradient_checkpointing_kwargs: Mapping[str, Any] | None = None,
    every_n_layers: int = 1,
    offload: bool = False,
) -> None:
    """Trade time for memory in training; keywords go to `torch.utils.checkpoint`.

    Args:
        every_n_layers: compute only each n-th block again, from the first one on.
        offload: keep the inputs of these blocks in the memory of the CPU.

    Raises:
        InputError: `every_n_layers` is not a positive integer.
    """
    check_size("every_n_layers", every_n_layers)
    transformer = model.base_model.transformer
    transformer.checkpoint_options = {
        "use_reentrant": False,
        **(gradient_checkpointing_kwargs or {}),
    }
    transformer.checkpoint_every = every_n_layers
    transformer.offloads = offload
    transformer.gradient_checkpointing = True


def activation_checkpointing_enable(
    model: PreTrainedModel,
    activation_checkpointing_kwargs: Mapping[str, Any] | None = None,
    every_n_layers: int = 1,
    offload: bool = False,
) -> None:
    """`gradient_checkpointing_enable` by the name that transformers 5.24 calls."""
    gradient_checkpointing_enable(model, activation_checkpointing_kwargs, every_n_layers, offload)


def gradient_checkpointing_disable(model: PreTrainedModel) -> None:
    """Keep the activations of the blocks until the backward pass, which is the default."""
    model.base_model.transformer.gradient_checkpointing = False


def enable_input_require_grads(model: PreTrainedModel) -> None:
    """Give the word embeddings of each call a gradient.

    Adapters of a frozen model need it to train with `use_reentrant=True`.
    """

    def require(module: nn.Module, inputs: Any, output: Tensor) -> None:
        output.requires_grad_(True)

    disable_input_require_grads(model)
    model.input_hook = model.get_input_embeddings().register_forward_hook(require)


def disable_input_require_grads(model: PreTrainedModel) -> None:
    """Undo `enable_input_require_grads`."""
    if model.input_hook is not None:
        model.input_hook.remove()
    model.input_hook = None
