"""Names and orientation of the same tensors in the three frameworks, translated both ways.

Canonical means PyTorch's names and orientation, (out, in) for matrices. A transposed matrix is a
view, not a copy. Knows no file format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from distilbert.checkpoint.spec import BASE_PREFIX, Kind
from distilbert.errors import CheckpointError

# The framework of the names in a file; the values are those of safetensors' `format` metadata.
Flavour = Literal["pt", "tf", "flax"]

# Kind -> last part of the name in PyTorch, Keras and Flax.
LEAVES: dict[Kind, tuple[str, str, str]] = {
    "word": ("weight", "weight", "embedding"),
    "position": ("weight", "embeddings", "embedding"),
    "matrix": ("weight", "kernel", "kernel"),
    "bias": ("bias", "bias", "bias"),
    "scale": ("weight", "gamma", "scale"),
    "shift": ("bias", "beta", "bias"),
}

# Foreign last parts -> PyTorch's. The first checkpoints of PyTorch itself used gamma and beta.
FROM_PT = {"gamma": "weight", "beta": "bias"}
FROM_TF = {keras: torch for torch, keras, _ in LEAVES.values()}
FROM_FLAX = {flax: torch for torch, _, flax in LEAVES.values()}
_TO_TORCH = {"pt": FROM_PT, "tf": FROM_TF, "flax": FROM_FLAX}

# The indices of positions, 0, 1, 2, ..., which old files contain although they are no parameter.
IGNORED_LEAF = "position_ids"

# What wrappers put between parts of a name: torch.compile, FSDP, checkpointed activations.
_WRAPPERS = re.compile(r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# What wrappers put before a name: DistributedDataParallel, Lightning, PEFT, Flax's variables.
_PREFIX = r"(?:(?:module|model|base_model|params)\.)+"
# The beginning of the name of an encoder's tensor, of DistilBERT or BERT.
_ENCODER = r"(?:(?:distil)?bert\.)?(?:embeddings|transformer|encoder)\."


def to_canonical(arrays: Mapping[str, np.ndarray], flavour: Flavour) -> dict[str, np.ndarray]:
    """The arrays under PyTorch's names and in its orientation; position indices are left out.

    TF names come without the model's name, as `distilbert/...`. Names that a model had inside a
    wrapper (`module.`, `model.`, `_orig_mod.`, ...) become those of the model itself.

    Raises:
        CheckpointError: two names of the file mean the same parameter.
    """
    out: dict[str, np.ndarray] = {}
    plain = {name: _WRAPPERS.sub("", canonical_name(name, flavour)) for name in arrays}
    prefix = _wrapper_prefix(plain.values())
    for name, array in arrays.items():
        canonical = plain[name].removeprefix(prefix)
        if canonical.rpartition(".")[2] == IGNORED_LEAF:
            continue
        if canonical in out:
            raise CheckpointError(
                f"A checkpoint must hold each parameter once: `{name}` repeats `{canonical}`."
            )
        out[canonical] = array.T if is_transposed(name, flavour) else array
    return out


def _wrapper_prefix(names: Iterable[str]) -> str:
    """The prefix of a wrapper before the names of the encoder; "" if they have none."""
    found = (re.match(f"({_PREFIX})?{_ENCODER}", name) for name in names)
    prefixes = [match[1] or "" for match in found if match]
    return "" if not prefixes or "" in prefixes else prefixes[0]


def canonical_name(name: str, flavour: Flavour) -> str:
    """PyTorch's name for a name of the given flavour."""
    if flavour != "pt":
        name = re.sub(r":\d+$", "", name).replace("_._", ".").replace("/", ".")
    stem, dot, leaf = name.rpartition(".")
    return stem + dot + _TO_TORCH[flavour].get(leaf, leaf)


def flavour_of_names(names: Iterable[str]) -> Flavour:
    """The framework whose names these are; PyTorch's if they belong to no other."""
    names = list(names)
    if any("/" in name for name in names):
        return "tf"
    leaves = {name.rpartition(".")[2] for name in names}
    return "flax" if leaves & {"kernel", "embedding", "scale"} else "pt"


def native_name(name: str, kind: Kind, flavour: Flavour) -> str:
    """The name that a canonical one has in TensorFlow (`a/b:0`) or Flax (`a/b`)."""
    if flavour == "pt":
        return name
    stem = name.rpartition(".")[0]
    if flavour == "flax":
        return f"{stem}.{LEAVES[kind][2]}".replace(".", "/")
    if stem.startswith(("embeddings.", "transformer.")):  # TF's base model has the prefix too
        stem = BASE_PREFIX + stem
    stem = re.sub(r"\.layer\.(\d+)\.", r".layer_._\1.", stem)
    # The separator between `layer` and its number is a part of the name.
    parts = re.split(r"(?<!_)\.(?!_)", f"{stem}.{LEAVES[kind][1]}:0")
    return "/".join(parts)


def native_array(array: np.ndarray, kind: Kind, flavour: Flavour) -> np.ndarray:
    """The array in the orientation of the flavour."""
    return array.T if kind == "matrix" and flavour != "pt" else array


def is_transposed(name: str, flavour: Flavour) -> bool:
    """Whether the array of a name of TensorFlow or Flax is a matrix (in, out)."""
    return flavour != "pt" and re.search(r"(^|[./])kernel(:\d+)?$", name) is not None
