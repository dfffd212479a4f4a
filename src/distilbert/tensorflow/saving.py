"""From a model to a checkpoint: what `save_pretrained` does.

How the files are laid out and their names map is the business of `distilbert.checkpoint`.
"""

from __future__ import annotations

import copy
from os import PathLike
from typing import TYPE_CHECKING

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.tensorflow.weights import canonical_arrays, check_nothing_added

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel


def save(
    model: PreTrainedModel,
    folder: str | PathLike[str],
    *,
    max_shard_size: int | str,
    safe_serialization: bool,
    variant: str | None,
) -> None:
    """Write the config and the variables of the model.

    Raises:
        CheckpointError: the folder cannot be written, or a child class has more variables.
    """
    check_nothing_added(model)
    config = copy.deepcopy(model.config)
    if model.variable_dtype != "float32" or config.dtype_name is not None:
        config.torch_dtype = model.variable_dtype
    save_checkpoint(
        folder,
        canonical_arrays(model),
        config,
        head=model.head,
        format="safetensors" if safe_serialization else "h5",
        flavour="tf",
        max_shard_size=max_shard_size,
        variant=variant,
    )
