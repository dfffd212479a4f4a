"""From a model to a checkpoint: what `save_pretrained` does.

How the files are laid out and their names map is the business of `distilbert.checkpoint`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING

from torch import Tensor

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.torch.weights import to_array

if TYPE_CHECKING:
    from distilbert.torch.pretrained import PreTrainedModel


def save(
    model: PreTrainedModel,
    folder: str | PathLike[str],
    *,
    state_dict: Mapping[str, Tensor] | None,
    max_shard_size: int | str,
    safe_serialization: bool,
    variant: str | None,
) -> None:
    """Write the config and the tensors of the model, or those of a state dict.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    tensors = model.state_dict() if state_dict is None else state_dict
    config = copy.deepcopy(model.config)
    config.torch_dtype = model.dtype
    save_checkpoint(
        folder,
        {name: to_array(tensor) for name, tensor in tensors.items()},
        config,
        head=model.head,
        format="safetensors" if safe_serialization else "bin",
        max_shard_size=max_shard_size,
        variant=variant,
    )
