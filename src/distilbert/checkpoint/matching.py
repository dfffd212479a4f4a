"""Match the tensors of a checkpoint to the parameters of a model, and report the differences.

Either side may use the base prefix `distilbert.`; the report uses the checkpoint's style.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
from distilbert.heads import HEADS, head_of_class

Mismatch = tuple[str, tuple[int, ...], tuple[int, ...]]

# The most names that a sentence lists.
MAX_LISTED = 6

# The heads that have a parameter `classifier.weight`.
CLASSIFIERS = ("sequence_classification", "multiple_choice", "token_classification")

_BLOCK = re.compile(rf"(?:{re.escape(BASE_PREFIX)})?transformer\.layer\.(\d+)\.")


@dataclass
class LoadingReport:
    """Which parameters did not match, by their names in the checkpoint's style.

    `mismatched_keys` holds (name, shape in the file, shape in the model). The other fields serve
    the verdict: `n_encoder_loaded` counts parameters of the encoder's blocks, `initialized_...`
    lists the parameters that get initial values, and `other_head` is the head that the parameters
    of the file belong to, if it has the names and shapes of the model's head.
    """

    missing_keys: list[str] = field(default_factory=list)
    unexpected_keys: list[str] = field(default_factory=list)
    mismatched_keys: list[Mismatch] = field(default_factory=list)
    n_encoder_loaded: int = 0
    initialized_encoder: list[str] = field(default_factory=list)
    initialized_head: list[str] = field(default_factory=list)
    other_head: str | None = None

    @property
    def surplus_layers(self) -> list[int]:
        """The numbers of blocks in the file that the model does not have."""
        found = (_BLOCK.match(name) for name in self.unexpected_keys)
        return sorted({int(match[1]) for match in found if match})

    def as_dict(self) -> dict[str, list[Any]]:
        """The four lists, as `output_loading_info=True` returns them."""
        names = ("missing_keys", "unexpected_keys", "mismatched_keys")
        return {name: list(getattr(self, name)) for name in names} | {"error_msgs": []}

    def verdict(self) -> str:
        """Complete, or what is wrong: the file, some parameters, the number of layers, the head."""
        found = [*self.encoder_faults(), *self.head_faults()]
        if self.initialized_head or self.other_head:
            found.append("Train the model before you use it.")
        if found:
            return " ".join(found)
        if self.unexpected_keys:
            return f"Complete; the checkpoint's {_listed(self.unexpected_keys)} was not needed."
        return "Complete: every parameter came from the checkpoint."

    def encoder_faults(self) -> list[str]:
        """A sentence if any parameter of the encoder did not come from the file."""
        if not self.n_encoder_loaded and not self.mismatched_keys:
            text = (
                "Wrong file: no parameter of DistilBERT's encoder was found in it, so every weight "
                "of the model is random."
            )
            names = _listed(self.unexpected_keys)
            return [f"{text} It contains {names}." if names else text]
        if self.initialized_encoder:
            n = len(self.initialized_encoder)
            parameters = "1 parameter" if n == 1 else f"{n} parameters"
            return [
                f"Incomplete file: {parameters} of the encoder did not come from it and "
                f"{'is' if n == 1 else 'are'} random ({self._described(self.initialized_encoder)})."
            ]
        return []

    def head_faults(self) -> list[str]:
        """Sentences about layers that were not loaded and a head that the file does not have."""
        found = []
        if self.surplus_layers:
            found.append(
                f"The checkpoint has more layers than `n_layers` of the config: those numbered "
                f"{_listed(list(map(str, self.surplus_layers)))} were not loaded."
            )
        if self.initialized_head:
            found.append(
                f"The head is newly initialized: {self._described(self.initialized_head)} did not "
                f"come from the checkpoint."
            )
        if self.other_head is not None:
            found.append(f"The head was trained for {HEADS[self.other_head].task}.")
        return found

    def _described(self, names: list[str]) -> str:
        """The names, with both shapes of those that have another shape in the file."""
        shapes = {
            name: f"{name} (shape {tuple(in_file)} in the file, {tuple(in_model)} in the model)"
            for name, in_file, in_model in self.mismatched_keys
        }
        return _listed([shapes.get(name, name) for name in names])


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
            report.n_encoder_loaded += bool(_BLOCK.match(name)) or not config.n_layers
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
    if head in CLASSIFIERS and not report.initialized_head:
        report.other_head = _other_classifier(checkpoint, config, head)
    return arrays, report


def match_additions(
    checkpoint: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    report: LoadingReport,
) -> dict[str, np.ndarray]:
    """The arrays of layers that a user's class adds to those of its head, by canonical name.

    `shapes` are those of all its additions; what does not match is added to the report.
    """
    found = {}
    for name, shape in shapes.items():
        array = checkpoint.get(name)
        if array is None:
            report.missing_keys.append(name)
            continue
        report.unexpected_keys.remove(name)
        if tuple(array.shape) == shape:
            found[name] = array
        else:
            report.mismatched_keys.append((name, tuple(array.shape), shape))
    return found


def _other_classifier(
    checkpoint: Mapping[str, np.ndarray], config: DistilBertConfig, head: str
) -> str | None:
    """The head that a `classifier` of the right shape was trained for, if it is another one."""
    found = infer_head(checkpoint, config)
    is_unknown = found not in CLASSIFIERS or (
        head == "multiple_choice"
        and found == "sequence_classification"
        and not config.architectures
    )
    return None if found == head or is_unknown else found


def infer_head(names: Iterable[str], config: DistilBertConfig) -> str:
    """The head whose parameters `names` hold.

    Sequence classification and multiple choice have the same names: `config.architectures` decides
    between them, and the former is the default.
    """
    names = set(names)
    if "vocab_projector.bias" in names:
        return "masked_lm"
    if "qa_outputs.weight" in names:
        return "question_answering"
    if "pre_classifier.weight" in names:
        heads = [head_of_class(name) for name in config.architectures or ()]
        choice = HEADS["multiple_choice"] in heads
        return "multiple_choice" if choice else "sequence_classification"
    return "token_classification" if "classifier.weight" in names else "base"


def _in_file(name: str, *, is_base: bool, has_prefix: bool) -> str:
    """The model's name in the style of the checkpoint."""
    if not is_base:
        return name
    bare = name.removeprefix(BASE_PREFIX)
    return BASE_PREFIX + bare if has_prefix else bare
