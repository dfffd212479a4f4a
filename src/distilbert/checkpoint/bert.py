"""BERT -> DistilBERT: fold a BERT checkpoint, so that no BERT class is needed.

BERT adds a row of its token-type table to every token. Adding that row to every row of the position
table instead gives a DistilBERT that computes the same numbers for text of that segment.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.bert_names import (
    CONFIG_FIELDS,
    HEAD_OF_CLASS,
    SHARED_FIELDS,
    TOKEN_TYPES,
    bert_name,
    plain_name,
)
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.sentence_modules import transformer_folder
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.checkpoint.spec import (
    BASE_PREFIX,
    POSITION_EMBEDDINGS,
    parameter_spec,
    tied_parameters,
)
from distilbert.config import DistilBertConfig
from distilbert.config_checks import ACTIVATIONS, parse_pruned_heads
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS, LAYER_NORM_EPS
from distilbert.json_files import read_json

_POOLED = ("sequence_classification", "multiple_choice")
# Heads whose inputs are often pairs of texts.
READS_PAIRS = (*_POOLED, "question_answering")


@dataclass(frozen=True)
class FoldedBert:
    """A DistilBERT made from a BERT, and how they differ."""

    config: DistilBertConfig
    head: str
    arrays: dict[str, np.ndarray]
    """Canonical names; a tied projector is left out."""
    segments: np.ndarray
    """(G, D): what tokens of each segment still need added to their embeddings to be BERT's."""
    dropped: list[str] = field(default_factory=list)
    """Tensors of the source that a DistilBERT does not have, by their names in the file."""
    inexact: list[str] = field(default_factory=list)
    """A sentence for each output that differs from BERT's; all other outputs are equal."""


def is_bert(folder: str | PathLike[str]) -> bool:
    """Whether the folder holds a BERT, also inside a sentence-transformers folder."""
    path = transformer_folder(folder) / CONFIG_NAME
    return path.is_file() and _model_type(read_json(path)) == "bert"


def fold_bert(
    folder: str | PathLike[str],
    *,
    head: str | None = None,
    layers: Sequence[int] | None = None,
    segment: int = 0,
) -> FoldedBert:
    """As `read_bert`, of which a DistilBERT cannot hold all: `segments` and the pooler's tanh.

    Warns where the outputs of a head that often reads pairs differ.
    """
    folded = read_bert(folder, head=head, layers=layers, segment=segment)
    if folded.head in READS_PAIRS:
        for sentence in folded.inexact:
            warnings.warn(sentence, stacklevel=3)
    return folded


def read_bert(
    folder: str | PathLike[str],
    *,
    head: str | None = None,
    layers: Sequence[int] | None = None,
    segment: int = 0,
) -> FoldedBert:
    """The DistilBERT that computes what this BERT computes for text of one segment.

    The encoder is exact, and so are masked LM, token classification and question answering. The
    pooler (tanh) of sequence classification and multiple choice differs from DistilBERT's
    `pre_classifier` (ReLU): its weights are copied as a start for fine-tuning, see `inexact`.
    A pair of texts loses BERT's second segment: all tokens get the row of `segment`, unless what
    `segments` holds is added.

    Args:
        head: one of HEADS; None takes the head of the class the checkpoint was saved from.
        layers: the layers to keep, counted from 0, in ascending order; None keeps all.
        segment: the row of the token-type table that every token gets.

    Raises:
        CheckpointError: not a BERT, damaged, or one that DistilBERT cannot represent (relative
            positions, another layer-norm epsilon, a decoder); all reasons are listed.
        InputError: `head`, `layers` or `segment` is out of range.
    """
    inner = transformer_folder(folder)
    settings = read_json(inner / CONFIG_NAME)
    _check_settings(settings, inner)
    source = open_checkpoint(inner, formats=tuple(WEIGHT_FILES))
    tensors = {plain_name(name): array for name, array in source.items()}
    head = _choose_head(head, settings, tensors)
    kept = _check_layers(layers, _setting(settings, "n_layers"))
    config = _config(settings, head, kept)
    used = _used_names(config, head, kept)
    _check_tensors(tensors, used, config, head, inner)
    arrays = {name: tensors[theirs] for name, theirs in used.items()}
    prefix = "" if head == "base" else BASE_PREFIX
    types = tensors[TOKEN_TYPES]
    position = prefix + POSITION_EMBEDDINGS
    arrays[position] = _with_segment(arrays[position], types, segment)
    ties = (bert_name(name, kept) for name in tied_parameters(config, head))
    carried = {TOKEN_TYPES, *used.values(), *ties}
    dropped = sorted(name for name in source if plain_name(name) not in carried)
    segments = types.astype(np.float32) - types[segment].astype(np.float32)
    return FoldedBert(config, head, arrays, segments, dropped, _inexact(head, types, segment))


def saved_class(folder: str | PathLike[str]) -> str | None:
    """The class of BERT that a folder was saved from, by its config; None if that names none."""
    settings = read_json(transformer_folder(folder) / CONFIG_NAME)
    return _saved_class(_classes(settings))


def _classes(settings: Mapping[str, Any]) -> list[Any]:
    classes = settings.get("architectures")
    return classes if isinstance(classes, list) else []


def _saved_class(classes: Sequence[str]) -> str | None:
    return next((c for c in classes if isinstance(c, str) and c in HEAD_OF_CLASS), None)


def _model_type(settings: Mapping[str, Any]) -> str | None:
    """The declared type; the first BERT configs have none, but a size of the token-type table."""
    if "model_type" in settings:
        return settings["model_type"]
    return "bert" if "type_vocab_size" in settings else None


def _setting(settings: Mapping[str, Any], name: str) -> Any:
    theirs, default = CONFIG_FIELDS[name]
    return settings.get(theirs, default)


def _check_settings(settings: Mapping[str, Any], folder: Path) -> None:
    """Report at once every setting that DistilBERT cannot represent."""
    kind = _model_type(settings)
    if kind != "bert":
        raise CheckpointError(f"Only a BERT can be folded: {folder} holds model_type={kind!r}.")
    wanted = {
        "layer_norm_eps": LAYER_NORM_EPS,
        "position_embedding_type": "absolute",
        "is_decoder": False,
        "add_cross_attention": False,
        "embedding_size": _setting(settings, "dim"),
    }
    faults = [
        f"{name}={settings[name]!r} instead of {value!r}"
        for name, value in wanted.items()
        if settings.get(name, value) not in (value, None)
    ]
    fields = {name: _setting(settings, name) for name in CONFIG_FIELDS if name != "activation"}
    DistilBertConfig(**fields).check_buildable()
    activation = _setting(settings, "activation")
    if activation not in ACTIVATIONS:
        faults.append(f"hidden_act={activation!r} instead of one of {', '.join(ACTIVATIONS)}")
    if faults:
        raise CheckpointError(
            f"A BERT can be folded if only its token types differ from DistilBERT: {folder} has "
            f"{'; '.join(faults)}. Distil it instead."
        )


def _choose_head(
    head: str | None, settings: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> str:
    if head is not None:
        if head not in HEADS:
            raise InputError(f"`head` must be one of {', '.join(HEADS)}: got {head!r}.")
        return head
    classes = _classes(settings)
    if (name := _saved_class(classes)) is not None:
        return HEAD_OF_CLASS[name]
    if "classifier.weight" in tensors:
        raise InputError(
            f"`head` must be given for a checkpoint with a `classifier` whose config names no "
            f"class of BERT: got architectures={classes}. Pass 'sequence_classification', "
            f"'token_classification' or 'multiple_choice'."
        )
    if "qa_outputs.weight" in tensors:
        return "question_answering"
    return "masked_lm" if "cls.predictions.bias" in tensors else "base"


def _check_layers(layers: Sequence[int] | None, n_layers: int) -> tuple[int, ...]:
    kept = tuple(range(n_layers)) if layers is None else tuple(layers)
    ascending = all(a < b for a, b in pairwise(kept))
    if not kept or not ascending or kept[0] < 0 or kept[-1] >= n_layers:
        raise InputError(
            f"`layers` must be ascending layer numbers from 0 to {n_layers - 1}: got {list(kept)}."
        )
    return kept


def _config(settings: Mapping[str, Any], head: str, kept: Sequence[int]) -> DistilBertConfig:
    fields = {name: _setting(settings, name) for name in CONFIG_FIELDS}
    fields |= {name: settings[name] for name in SHARED_FIELDS if settings.get(name) is not None}
    pruned = parse_pruned_heads(settings.get("pruned_heads"))
    n_all = _setting(settings, "n_layers")
    fields["n_layers"] = len(kept)
    fields["pruned_heads"] = {
        new: heads
        for new, old in enumerate(kept)
        if (heads := [*pruned.get(old, ()), *pruned.get(old - n_all, ())])
    }
    classifier_dropout = settings.get("classifier_dropout")
    fields["seq_classif_dropout"] = (
        fields["dropout"] if classifier_dropout is None else classifier_dropout
    )
    if head == "question_answering":
        fields["qa_dropout"] = 0.0  # BERT has none there
    return DistilBertConfig(**fields)


def _used_names(config: DistilBertConfig, head: str, kept: Sequence[int]) -> dict[str, str]:
    """DistilBERT's parameter -> BERT's, without tied parameters."""
    tied = tied_parameters(config, head)
    names = [p.name for p in parameter_spec(config, head) if p.name not in tied]
    return {name: bert_name(name.removeprefix(BASE_PREFIX), kept) for name in names}


def _check_tensors(
    tensors: Mapping[str, np.ndarray],
    used: Mapping[str, str],
    config: DistilBertConfig,
    head: str,
    folder: Path,
) -> None:
    missing = [name for name in (TOKEN_TYPES, *used.values()) if name not in tensors]
    if missing:
        raise CheckpointError(
            f"A BERT checkpoint folded with head={head!r} must hold all its parameters: {folder} "
            f"lacks {', '.join(missing)}. head='base' only needs the encoder."
        )
    shapes = {p.name: p.shape for p in parameter_spec(config, head)}
    wrong = [
        f"{theirs} {tensors[theirs].shape} instead of {shapes[name]}"
        for name, theirs in used.items()
        if tensors[theirs].shape != shapes[name]
    ]
    if wrong:
        raise CheckpointError(
            f"The weights must have the shapes given by config.json: {folder} has "
            f"{'; '.join(wrong)}."
        )


def _with_segment(position: np.ndarray, types: np.ndarray, segment: int) -> np.ndarray:
    """The position table with a token-type row added to each row, (P, D).

    Half precision sources get a float32 table: rounded sums would differ from BERT's.
    """
    if not 0 <= segment < len(types):
        raise InputError(f"`segment` must be from 0 to {len(types) - 1}: got {segment}.")
    dtype = np.float64 if position.dtype == np.float64 else np.float32
    return position.astype(dtype) + types[segment].astype(dtype)


def _inexact(head: str, types: np.ndarray, segment: int) -> list[str]:
    sentences = []
    if head in _POOLED:
        sentences.append(
            "The classifier is only a start for fine-tuning: BERT's pooler uses tanh, DistilBERT's "
            "`pre_classifier` ReLU, so the logits differ from BERT's (the hidden states do not)."
        )
    if (types != types[segment]).any():
        sentences.append(
            f"Pairs of texts are read as one segment: every token gets row {segment} of the "
            f"token-type table, so outputs for pairs differ from BERT's (those for single texts do "
            f"not)."
        )
    return sentences
