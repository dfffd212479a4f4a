"""Names and orientation of the same tensors in the three frameworks, translated both ways.

Canonical means PyTorch's names and orientation, (out, in) for matrices. A transposed matrix is a
view, not a copy. Knows no file format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
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


def to_canonical(arrays: Mapping[str, np.ndarray], flavour: Flavour) -> dict[str, np.ndarray]:
    """The arrays under PyTorch's names and in its orientation; position indices are left out.

    TF names come without the model's name, as `distilbert/...`.

    Raises:
        CheckpointError: two names of the file mean the same parameter.
    """
    out: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        canonical = canonical_name(name, flavour)
        if canonical.rpartition(".")[2] == IGNORED_LEAF:
            continue
        if canonical in out:
            raise CheckpointError(
                f"A checkpoint must hold each parameter once: `{name}` repeats `{canonical}`."
            )
        out[canonical] = array.T if _is_transposed(name, flavour) else array
    return out


def canonical_name(name: str, flavour: Flavour) -> str:
    """PyTorch's name for a name of the given flavour."""
    if flavour != "pt":
        name = re.sub(r":\d+$", "", name).replace("_._", ".").replace("/", ".")
    stem, dot, leaf = name.rpartition(".")
    return stem + dot + _TO_TORCH[flavour].get(leaf, leaf)


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


def _is_transposed(name: str, flavour: Flavour) -> bool:
    return flavour != "pt" and re.search(r"(^|[./])kernel(:\d+)?$", name) is not None
