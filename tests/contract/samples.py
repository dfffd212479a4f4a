"""Small configurations, weights, inputs and labels, the same for every framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from oracle.model import Facts

from distilbert import DistilBertConfig
from distilbert.checkpoint.spec import parameter_spec, tied_parameters

N_CHOICES = 3
NO_DROPOUT = {
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "qa_dropout": 0.0,
    "seq_classif_dropout": 0.0,
}
TINY = {
    "vocab_size": 99,
    "max_position_embeddings": 24,
    "n_layers": 2,
    "n_heads": 4,
    "dim": 32,
    "hidden_dim": 48,
}


def tiny_config(head: str = "base", **changes: Any) -> DistilBertConfig:
    labels = {} if head == "question_answering" else {"num_labels": 5}
    return DistilBertConfig(**{**TINY, **NO_DROPOUT, **labels, **changes})


def facts_of(config: DistilBertConfig, head: str) -> Facts:
    """The config in the oracle's words."""
    assert isinstance(config.activation, str)
    return Facts(
        head,
        n_layers=config.n_layers,
        head_size=config.dim // config.n_heads,
        activation=config.activation,
        pad_token_id=config.pad_token_id,
        tied=config.tie_word_embeddings,
        frozen_positions=config.sinusoidal_pos_embds,
        problem_type=config.problem_type,
    )


def random_weights(config: DistilBertConfig, head: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights that make every parameter matter: no zeros, no ones, no trace of initialisation."""
    generator = np.random.default_rng(seed)
    weights = {}
    for parameter in parameter_spec(config, head):
        centre = 1.0 if parameter.kind == "scale" else 0.0
        values = centre + 0.25 * generator.standard_normal(parameter.shape)
        weights[parameter.name] = values.astype(np.float32)
    for name, source in tied_parameters(config, head).items():
        weights[name] = weights[source]
    return weights


def some_inputs(
    config: DistilBertConfig, head: str, *, batch: int = 3, length: int = 9, seed: int = 1
) -> dict[str, np.ndarray]:
    """`input_ids` and an `attention_mask` of rows of different lengths, padding at the end.

    The padding id stands inside the visible part too: there its gradient must be left out.
    """
    generator = np.random.default_rng(seed)
    shape = (batch, N_CHOICES, length) if head == "multiple_choice" else (batch, length)
    ids = generator.integers(0, config.vocab_size, shape)
    kept = generator.integers(max(1, length // 2), length + 1, shape[:-1])
    mask = (np.arange(length) < kept[..., None]).astype(np.int64)
    pad = config.pad_token_id or 0
    ids = np.where(mask == 1, ids, pad)
    ids[..., 1 % length] = pad
    return {"input_ids": ids, "attention_mask": mask}


def as_embeddings(
    inputs: dict[str, np.ndarray], config: DistilBertConfig, seed: int = 2
) -> dict[str, np.ndarray]:
    """The same inputs with random vectors in place of ids."""
    shape = (*inputs["input_ids"].shape, config.dim)
    vectors = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return {"inputs_embeds": vectors, "attention_mask": inputs["attention_mask"]}


def some_labels(
    config: DistilBertConfig, head: str, inputs: dict[str, np.ndarray], seed: int = 3
) -> dict[str, np.ndarray]:
    """Labels with ignored entries where the head knows them; none for the base model."""
    generator = np.random.default_rng(seed)
    mask = inputs["attention_mask"]
    batch, length = mask.shape[0], mask.shape[-1]
    match head:
        case "base":
            return {}
        case "masked_lm" | "token_classification":
            n_classes = config.vocab_size if head == "masked_lm" else config.num_labels
            labels = generator.integers(0, n_classes, mask.shape)
            labels[mask == 0] = -100
            labels[0, 0] = -100
            return {"labels": labels}
        case "question_answering":
            start = generator.integers(0, length, batch)
            end = generator.integers(0, length, batch)
            start[0], end[-1] = length + 4, -2  # outside: ignored; negative: counts as 0
            return {"start_positions": start, "end_positions": end}
        case "multiple_choice":
            return {"labels": generator.integers(0, N_CHOICES, batch)}
        case _:
            return {"labels": generator.integers(0, config.num_labels, batch)}
