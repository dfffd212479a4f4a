"""`tf_model.h5` without Keras: the layout that Keras 2 gives to saved weights, both ways.

Names are TF's without the model's name: `distilbert/embeddings/LayerNorm/gamma:0`. h5py is
imported when a file is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.checkpoint.mapped import explain_errors, map_file, view
from distilbert.errors import CheckpointError

# The version whose layout this is; Keras reads it to choose how to load.
KERAS_VERSION = "2.15.0"

# Keras lists weights outside of layers in this group; DistilBERT has none.
TOP_LEVEL = "top_level_model_weights"

# The group of the weights in a file where Keras saved a model with its configuration.
MODEL = "model_weights"

# DistilBERT's tree is nine groups deep, 20 members a layer; a damaged one may be endless.
MAX_DEPTH = 16
MAX_MEMBERS = 20_000

# Kinds of dtypes that HDF5 can hold: float, signed, unsigned, bool.
NUMBERS = "fiub"

# The reference's MLM projector contains the embeddings, so Keras saves them with it again.
PROJECTOR = "vocab_projector"
EMBEDDINGS = "distilbert/embeddings/"


def model_name(head: str) -> str:
    """The name Keras gives to the reference's model, first part of every weight's name."""
    return "tf_distil_bert_model" if head == "base" else f"tf_distil_bert_for_{head}"


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of a complete file or a shard, and no metadata; mapped where contiguous.

    A name that occurs in several groups is taken from the first.

    Raises:
        CheckpointError: the file is missing, damaged, or not in this layout.
        MissingDependencyError: h5py is not installed.
    """
    h5py = require("h5py", "read .h5 files")
    buffer = map_file(path)
    arrays: dict[str, np.ndarray] = {}
    damaged = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError)
    with explain_errors(path, "Keras weights (HDF5)", damaged), h5py.File(path, "r") as file:
        known: dict[int, np.ndarray] = {}  # a dataset may have many names
        n_copied = 0
        for name, dataset in _datasets(h5py, file):
            if name in arrays:
                continue
            place = h5py.h5o.get_info(dataset.id).addr
            if place not in known:
                known[place] = array = _array(name, dataset, buffer)
                n_copied += 0 if np.may_share_memory(array, buffer) else array.nbytes
            if n_copied > buffer.size:
                raise CheckpointError("its datasets overlap.")
            arrays[name] = known[place]
    return arrays, {}


def write(path: Path, arrays: Mapping[str, np.ndarray], *, head: str) -> None:
    """Write a complete model: one group for each of its top-level layers."""
    h5py = require("h5py", "write .h5 files")
    model = model_name(head)
    groups: dict[str, list[str]] = {}
    for name in arrays:
        groups.setdefault(name.partition("/")[0], []).append(name)
    if PROJECTOR in groups:
        groups[PROJECTOR] += [name for name in arrays if name.startswith(EMBEDDINGS)]
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = "tensorflow"
        file.attrs["keras_version"] = KERAS_VERSION
        file.attrs["layer_names"] = _texts(h5py, groups)
        for layer, names in {**groups, TOP_LEVEL: []}.items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = _texts(h5py, [f"{model}/{name}" for name in names])
            for name in names:
                _put(group, f"{model}/{name}", arrays[name])


def write_shard(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write one shard: the tensors by name, without groups for layers."""
    h5py = require("h5py", "write .h5 files")
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = _texts(h5py, sorted(arrays))
        for name, array in arrays.items():
            _put(file, name, array)


def _texts(h5py: Any, values: Any) -> np.ndarray:
    return np.array(list(values), dtype=h5py.string_dtype())


def _put(group: Any, name: str, array: np.ndarray) -> None:
    if array.dtype.kind not in NUMBERS:  # ml_dtypes' would be stored as nameless bytes
        raise CheckpointError(
            f"HDF5 has no dtype {array.dtype}: got it in `{name}`. Save as safetensors."
        )
    group.create_dataset(name, data=np.ascontiguousarray(array))


def _datasets(h5py: Any, file: Any) -> Iterator[tuple[str, Any]]:
    """Every (name without the model's name, dataset).

    The names come from the tree. The attributes `layer_names` and `weight_names` say the same, but
    the HDF5 library never returns from reading a damaged one.
    """
    is_complete = "keras_version" in file.attrs or "backend" in file.attrs or MODEL in file
    root = _member(h5py, file, MODEL) if MODEL in file else file
    n_dropped = 2 if is_complete else 0  # the layer's group, and in it the model's
    for path, dataset in _walk(h5py, root, (), budget=[MAX_MEMBERS]):
        name = "/".join(path[n_dropped:])
        if name:
            yield name, dataset


def _walk(
    h5py: Any, group: Any, path: tuple[str, ...], *, budget: list[int]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if len(path) > MAX_DEPTH:
        raise CheckpointError(f"its tree is deeper than {MAX_DEPTH} groups.")
    for part in group:
        budget[0] -= 1
        if budget[0] < 0:
            raise CheckpointError(f"its tree has more than {MAX_MEMBERS} members.")
        member = _member(h5py, group, part)
        if isinstance(member, h5py.Dataset):
            yield (*path, part), member
        elif isinstance(member, h5py.Group):
            yield from _walk(h5py, member, (*path, part), budget=budget)


def _member(h5py: Any, group: Any, name: str) -> Any:
    """A member of the group; only hard links, since others can point to other files."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise CheckpointError(f"`{name}` must be in the file itself: it is a link.")
    return group[name]


def _array(name: str, dataset: Any, buffer: np.ndarray) -> np.ndarray:
    if dataset.dtype.hasobject or dataset.dtype.kind not in NUMBERS:
        raise CheckpointError(f"`{name}` must hold numbers: got {dataset.dtype}.")
    if dataset.external or dataset.is_virtual:
        raise CheckpointError(f"`{name}` must be inside the file: its data is in another one.")
    dtype = np.dtype(dataset.dtype.str)  # without h5py's notes on it
    shape, offset = tuple(dataset.shape), dataset.id.get_offset()
    if offset is not None and dtype.isnative and dataset.chunks is None:
        return view(buffer, dtype, shape, offset=offset)
    if dataset.id.get_create_plist().get_nfilters():
        raise CheckpointError(
            f"`{name}` must not be compressed. Run `h5repack -f NONE` on the file, or save the "
            f"model as safetensors."
        )
    stored = dataset.id.get_storage_size()
    if stored > buffer.size or dataset.nbytes > stored:
        raise CheckpointError(f"`{name}` claims {dataset.nbytes} bytes but stores {stored}.")
    return np.asarray(dataset[()], dtype=dtype.newbyteorder("="))
