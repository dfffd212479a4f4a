"""The one list of parameters: name, kind and shape for the base model and every head.

Everything else is checked against it: the three frameworks' modules, the four file formats, initial
weights, parity tests. Names and orientation are PyTorch's (a matrix is (out, in)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from distilbert.config import DistilBertConfig
from distilbert.config_checks import pruned_by_layer
from distilbert.errors import InputError
from distilbert.heads import HEADS

Kind = Literal["word", "position", "matrix", "bias", "scale", "shift"]

# Heads put the base model's parameters under this name.
BASE_PREFIX = "distilbert."

WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"
POSITION_EMBEDDINGS = "embeddings.position_embeddings.weight"
TIED_PROJECTOR = "vocab_projector.weight"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor of a model."""

    name: str
    kind: Kind
    shape: tuple[int, ...]


def parameter_spec(config: DistilBertConfig, head: str) -> tuple[Parameter, ...]:
    """Every parameter of the model, in the order of a PyTorch state dict.

    `vocab_projector.weight` is listed whether tied or not; `config.pruned_heads` is respected.

    Raises:
        InputError: `head` is not one of HEADS.
    """
    if head not in HEADS:
        raise InputError(f"`head` must be one of {', '.join(HEADS)}: got {head!r}.")
    prefix = "" if head == "base" else BASE_PREFIX
    return (*_base(config, prefix), *_head(config, head))


def tied_parameters(config: DistilBertConfig, head: str) -> dict[str, str]:
    """Name -> the name of the parameter it is one with."""
    if head == "masked_lm" and config.tie_word_embeddings:
        return {TIED_PROJECTOR: BASE_PREFIX + WORD_EMBEDDINGS}
    return {}


def pruned_in(config: DistilBertConfig, layer: int) -> set[int]:
    """The heads of `layer` that `config.pruned_heads` names, in the numbers of the unpruned model.

    Raises:
        ValueError: it names a layer or head that does not exist; `check_buildable` reports it.
    """
    sizes = {"n_layers": config.n_layers, "n_heads": config.n_heads}
    return pruned_by_layer(config.pruned_heads, **sizes).get(layer, set())


def attention_width(config: DistilBertConfig, layer: int) -> int:
    """Width of the heads of `layer` that are left after pruning, together."""
    kept = config.n_heads - len(pruned_in(config, layer))
    return kept * (config.dim // config.n_heads)


def _base(config: DistilBertConfig, prefix: str) -> Iterator[Parameter]:
    dim, inner = config.dim, config.hidden_dim
    yield Parameter(prefix + WORD_EMBEDDINGS, "word", (config.vocab_size, dim))
    positions = (config.max_position_embeddings, dim)
    yield Parameter(prefix + POSITION_EMBEDDINGS, "position", positions)
    yield from _norm(f"{prefix}embeddings.LayerNorm", dim)
    for layer in range(config.n_layers):
        block = f"{prefix}transformer.layer.{layer}"
        width = attention_width(config, layer)
        for name in ("q_lin", "k_lin", "v_lin"):
            yield from _linear(f"{block}.attention.{name}", width, dim)
        yield from _linear(f"{block}.attention.out_lin", dim, width)
        yield from _norm(f"{block}.sa_layer_norm", dim)
        yield from _linear(f"{block}.ffn.lin1", inner, dim)
        yield from _linear(f"{block}.ffn.lin2", dim, inner)
        yield from _norm(f"{block}.output_layer_norm", dim)


def _head(config: DistilBertConfig, head: str) -> Iterator[Parameter]:
    dim = config.dim
    match head:
        case "masked_lm":
            yield from _linear("vocab_transform", dim, dim)
            yield from _norm("vocab_layer_norm", dim)
            yield from _linear("vocab_projector", config.vocab_size, dim)
        case "sequence_classification":
            yield from _linear("pre_classifier", dim, dim)
            yield from _linear("classifier", config.num_labels, dim)
        case "multiple_choice":
            yield from _linear("pre_classifier", dim, dim)
            yield from _linear("classifier", 1, dim)
        case "token_classification":
            yield from _linear("classifier", config.num_labels, dim)
        case "question_answering":
            yield from _linear("qa_outputs", config.num_labels, dim)


def _linear(name: str, n_out: int, n_in: int) -> Iterator[Parameter]:
    yield Parameter(f"{name}.weight", "matrix", (n_out, n_in))
    yield Parameter(f"{name}.bias", "bias", (n_out,))


def _norm(name: str, dim: int) -> Iterator[Parameter]:
    yield Parameter(f"{name}.weight", "scale", (dim,))
    yield Parameter(f"{name}.bias", "shift", (dim,))
