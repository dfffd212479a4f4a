"""Match the tensors of a checkpoint to the parameters of a model, and report the differences.

Either side may use the base prefix `distilbert.`; the report uses the checkpoint's style.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from distilbert.checkpoint.spec import (
    BASE_PREFIX,
    POSITION_EMBEDDINGS,
    parameter_spec,
    tied_parameters,
)
from distilbert.config import DistilBertConfig

Mismatch = tuple[str, tuple[int, ...], tuple[int, ...]]

# The most names that a sentence lists.
MAX_LISTED = 6


@dataclass
class LoadingReport:
    """Which parameters did not match, by their names in the checkpoint's style.

    `mismatched_keys` holds (name, shape in the file, shape in the model). The last three fields
    serve the verdict; `initialized_...` lists the parameters that get initial values.
    """

    missing_keys: list[str] = field(default_factory=list)
    unexpected_keys: list[str] = field(default_factory=list)
    mismatched_keys: list[Mismatch] = field(default_factory=list)
    n_encoder_loaded: int = 0
    initialized_encoder: list[str] = field(default_factory=list)
    initialized_head: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, list[Any]]:
        """The four lists, as `output_loading_info=True` returns them."""
        names = ("missing_keys", "unexpected_keys", "mismatched_keys")
        return {name: list(getattr(self, name)) for name in names} | {"error_msgs": []}

    def verdict(self) -> str:
        """One sentence: complete, a newly initialized head, or the wrong file."""
        if not self.n_encoder_loaded:
            return (
                "Wrong file: no parameter of DistilBERT's encoder was found in it, so every weight "
                "of the model is random."
            )
        if self.initialized_encoder:
            return (
                f"Incomplete file: {len(self.initialized_encoder)} parameters of the encoder are "
                f"not in it and are random ({_listed(self.initialized_encoder)})."
            )
        if self.initialized_head:
            return (
                f"The head is newly initialized: {_listed(self.initialized_head)} did not come "
                f"from the checkpoint. Train the model before you use it."
            )
        if self.unexpected_keys:
            return f"Complete; the checkpoint's {_listed(self.unexpected_keys)} was not needed."
        return "Complete: every parameter came from the checkpoint."


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def match_parameters(
    checkpoint: Mapping[str, np.ndarray], config: DistilBertConfig, head: str
) -> tuple[dict[str, np.ndarray], LoadingReport]:
    """The checkpoint's arrays under the model's names, and a report of what did not match.

    Tensors of the wrong shape are left out and reported. A tied parameter is left out too: its
    partner carries the values, read from the tied name if the file only has that one.
    """
    ties = tied_parameters(config, head)
    file_has_prefix = any(name.startswith(BASE_PREFIX) for name in checkpoint)
    report = LoadingReport()
    arrays: dict[str, np.ndarray] = {}
    known: set[str] = set()
    for parameter in parameter_spec(config, head):
        is_base = head == "base" or parameter.name.startswith(BASE_PREFIX)
        name = _in_file(parameter.name, is_base=is_base, has_prefix=file_has_prefix)
        known.add(name)
        if parameter.name in ties:
            continue
        source = name
        for tied, partner in ties.items():
            if partner == parameter.name and name not in checkpoint and tied in checkpoint:
                source = tied
        array = checkpoint.get(source)
        if array is not None and tuple(array.shape) == parameter.shape:
            arrays[parameter.name] = array
            report.n_encoder_loaded += is_base
            continue
        if array is None:
            report.missing_keys.append(name)
        else:
            report.mismatched_keys.append((source, tuple(array.shape), parameter.shape))
        if not is_base:
            report.initialized_head.append(name)
        elif not (config.sinusoidal_pos_embds and name.endswith(POSITION_EMBEDDINGS)):
            report.initialized_encoder.append(name)  # a sinusoid table is computed, never random
    report.missing_keys.sort()
    report.mismatched_keys.sort()
    report.unexpected_keys = sorted(name for name in checkpoint if name not in known)
    return arrays, report


def _in_file(name: str, *, is_base: bool, has_prefix: bool) -> str:
    """The model's name in the style of the checkpoint."""
    if not is_base:
        return name
    bare = name.removeprefix(BASE_PREFIX)
    return BASE_PREFIX + bare if has_prefix else bare
