"""From a model to a checkpoint: what `save_pretrained` does.

How the files are laid out and their names map is the business of `distilbert.checkpoint`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.flax.weights import to_arrays

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def save(
    model: PreTrainedModel,
    folder: str | PathLike[str],
    *,
    params: Mapping[str, Any] | None,
    max_shard_size: int | str,
    safe_serialization: bool,
    variant: str | None,
) -> None:
    """Write the config and the parameters of the model, or those of another tree.

    Raises:
        CheckpointError: the folder cannot be written.
    """
    arrays = to_arrays(model.params if params is None else params, model.config, model.head)
    config = copy.deepcopy(model.config)
    stored = next((array.dtype.name for array in arrays.values()), "float32")
    # Without a word readers assume float32, but the config may name what was cast since.
    if stored != "float32" or config.dtype_name is not None:
        config.torch_dtype = stored
    save_checkpoint(
        folder,
        arrays,
        config,
        head=model.head,
        format="safetensors" if safe_serialization else "msgpack",
        flavour="flax",
        max_shard_size=max_shard_size,
        variant=variant,
    )
