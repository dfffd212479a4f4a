"""From the weights of a teacher to a student's first weights: fewer layers, or another width.

A student of the same width copies whole layers. One of another width starts from the teacher's
embeddings, projected onto their strongest directions; its layers are new.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Literal

import numpy as np

from distilbert.checkpoint.bert import fold_bert, is_bert
from distilbert.checkpoint.bert_names import bert_name, plain_name
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.matching import match_parameters
from distilbert.checkpoint.sentence_modules import transformer_folder
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.checkpoint.spec import (
    BASE_PREFIX,
    POSITION_EMBEDDINGS,
    TIED_PROJECTOR,
    WORD_EMBEDDINGS,
    parameter_spec,
    tied_parameters,
)
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError

HEAD = "masked_lm"
Init = Literal["teacher", "random"]

_LAYER = re.compile(r"(distilbert\.transformer\.layer\.)(\d+)(\..+)")
_TRANSFORM = "vocab_transform.weight"


@dataclass(frozen=True)
class TeacherWeights:
    """A teacher under DistilBERT's names with a masked-LM head; tied parameters are left out.

    Without `has_head` the parameters of the head are missing from `arrays`.
    """

    config: DistilBertConfig
    arrays: Mapping[str, np.ndarray]
    has_head: bool


@dataclass(frozen=True)
class Student:
    """A student before training.

    Attributes:
        config: its configuration.
        arrays: float32, by the names of a masked-LM model; tied parameters are left out, and those
            of a head that the teacher does not have.
        layers: the layers of the teacher that its own are copies of; empty if they are new.
        projection: float32 (teacher's D, D), from its hidden states to the teacher's, to start
            from; None for a student of the same width.
    """

    config: DistilBertConfig
    arrays: dict[str, np.ndarray]
    layers: tuple[int, ...]
    projection: np.ndarray | None = None


def read_teacher(folder: str | PathLike[str]) -> TeacherWeights:
    """The encoder of a BERT, folded, or of a DistilBERT, and its masked-LM head if it has one.

    Raises:
        CheckpointError: no such model, or its encoder is damaged or not complete.
    """
    if is_bert(folder):
        source = open_checkpoint(transformer_folder(folder), formats=tuple(WEIGHT_FILES))
        has_head = bert_name(_TRANSFORM, ()) in {plain_name(name) for name in source}
        folded = fold_bert(folder, head=HEAD if has_head else "base")
        prefix = "" if has_head else BASE_PREFIX
        arrays = {prefix + name: array for name, array in folded.arrays.items()}
        return TeacherWeights(folded.config, arrays, has_head)
    inner = transformer_folder(folder)
    config = DistilBertConfig.from_pretrained(inner)
    checkpoint = open_checkpoint(inner, formats=tuple(WEIGHT_FILES))
    arrays, report = match_parameters(checkpoint, config, HEAD)
    if faults := report.encoder_faults():
        raise CheckpointError(f"A teacher must have its encoder: {inner}. {' '.join(faults)}")
    has_head = not report.initialized_head
    return TeacherWeights(
        config,
        {n: array for n, array in arrays.items() if has_head or n.startswith(BASE_PREFIX)},
        has_head,
    )


def evenly_spaced(n_teacher: int, n_student: int) -> tuple[int, ...]:
    """The layers of a teacher that a student of `n_student` layers copies, first and last among
    them: 0, 2, 4, 7, 9, 11 of 12, as DistilBERT did, and 0, 2, 5 of 6.

    Raises:
        InputError: there are not so many layers.
    """
    if not 1 <= n_student <= n_teacher:
        raise InputError(
            f"The student must have between 1 and {n_teacher} layers, as many as its teacher: got "
            f"{n_student}."
        )
    return tuple(np.rint(np.linspace(0, n_teacher - 1, n_student)).astype(int).tolist())


def student_of(
    teacher: TeacherWeights,
    *,
    layers: Sequence[int] | None = None,
    n_layers: int | None = None,
    dim: int | None = None,
    n_heads: int | None = None,
    hidden_dim: int | None = None,
    init: Init = "teacher",
    seed: int = 0,
) -> Student:
    """The student of a teacher, with the vocabulary and the positions of the teacher.

    Args:
        layers: the teacher's layers to copy, counted from 0, in the order of the student's; by
            default `n_layers` of them, evenly spaced.
        n_layers: the number of layers; by default half of the teacher's.
        dim: the width; by default the teacher's. Another one starts from projected embeddings.
        n_heads: attention heads; by default as wide as the teacher's.
        hidden_dim: inner width of the feed-forward layers; by default as many times the width as
            in the teacher.
        init: "teacher", or "random" for weights that follow from `seed` alone.

    Raises:
        InputError: an argument is out of range, or two contradict each other.
    """
    parent = teacher.config
    width = parent.dim if dim is None else dim
    sizes = {
        "dim": width,
        "n_heads": _heads(parent, width) if n_heads is None else n_heads,
        "hidden_dim": hidden_dim or round(parent.hidden_dim / parent.dim * width),
    }
    is_alike = all(getattr(parent, name) == size for name, size in sizes.items())
    chosen = _layers(parent.n_layers, layers, n_layers)
    copied = chosen if init == "teacher" and is_alike else ()
    config = _config(parent, sizes, n_layers=len(chosen), copied=copied)
    config.check_buildable(HEAD)
    arrays = initial_weights(config, HEAD, seed)
    if not teacher.has_head:
        arrays = {name: array for name, array in arrays.items() if name.startswith(BASE_PREFIX)}
    directions = None if width == parent.dim else _directions(teacher, width)
    if copied:
        arrays |= _copies(teacher, config, copied)
    elif init == "teacher":
        arrays |= _projected(teacher, arrays, directions)
    return Student(config, arrays, copied, directions)


def _layers(n_teacher: int, layers: Sequence[int] | None, n_layers: int | None) -> tuple[int, ...]:
    """The teacher's layer for each of the student's."""
    if layers is None:
        return evenly_spaced(n_teacher, max(1, n_teacher // 2) if n_layers is None else n_layers)
    if n_layers not in (None, len(layers)):
        raise InputError(
            f"`n_layers` must be the number of `layers`: got {n_layers} and {list(layers)}."
        )
    if not layers or not all(0 <= layer < n_teacher for layer in layers):
        raise InputError(
            f"`layers` must be numbers of the teacher's layers, 0 to {n_teacher - 1}: got "
            f"{list(layers)}."
        )
    return tuple(layers)


def _heads(parent: DistilBertConfig, width: int) -> int:
    """Heads as wide as the teacher's; as many as the teacher has where that does not divide."""
    size = parent.dim // parent.n_heads
    return parent.n_heads if width % size else max(1, width // size)


def _config(
    parent: DistilBertConfig, sizes: Mapping[str, int], *, n_layers: int, copied: Sequence[int]
) -> DistilBertConfig:
    pruned = {int(layer): heads for layer, heads in parent.pruned_heads.items()}
    n_all = parent.n_layers
    kept = {
        new: heads
        for new, old in enumerate(copied)
        if (heads := [*pruned.get(old, ()), *pruned.get(old - n_all, ())])
    }
    return DistilBertConfig(
        **{**parent.to_dict(), **sizes, "n_layers": n_layers, "pruned_heads": kept}
    )


def _copies(
    teacher: TeacherWeights, config: DistilBertConfig, layers: Sequence[int]
) -> dict[str, np.ndarray]:
    """The teacher's parameters under the names that they have in the student."""

    def source(name: str) -> str:
        match = _LAYER.fullmatch(name)
        return name if match is None else f"{match[1]}{layers[int(match[2])]}{match[3]}"

    tied = tied_parameters(config, HEAD)
    names = (p.name for p in parameter_spec(config, HEAD) if p.name not in tied)
    found = {name: teacher.arrays.get(source(name)) for name in names}
    return {name: array.astype(np.float32) for name, array in found.items() if array is not None}


def _directions(teacher: TeacherWeights, width: int) -> np.ndarray:
    """The `width` strongest directions of the word embeddings, float32 (teacher's D, width).

    They are the first right singular vectors; columns beyond the teacher's width are zero.
    """
    words = teacher.arrays[BASE_PREFIX + WORD_EMBEDDINGS].astype(np.float64)
    _, vectors = np.linalg.eigh(words.T @ words)  # by increasing strength
    strongest = vectors[:, ::-1][:, :width]
    missing = width - strongest.shape[1]
    return np.pad(strongest, ((0, 0), (0, missing))).astype(np.float32)


def _projected(
    teacher: TeacherWeights, arrays: Mapping[str, np.ndarray], directions: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The teacher's tables in the student's width, and the bias of its vocabulary projection.

    Columns beyond the teacher's width keep their initial values.
    """
    found: dict[str, np.ndarray] = {}
    tables = (BASE_PREFIX + WORD_EMBEDDINGS, BASE_PREFIX + POSITION_EMBEDDINGS, TIED_PROJECTOR)
    for name in tables:
        if name in arrays and name in teacher.arrays:
            table = teacher.arrays[name].astype(np.float32)
            if directions is not None:
                known = min(directions.shape)
                table = np.hstack((table @ directions[:, :known], arrays[name][:, known:]))
            found[name] = table
    bias = "vocab_projector.bias"
    if bias in teacher.arrays:
        found[bias] = teacher.arrays[bias].astype(np.float32)
    return found
