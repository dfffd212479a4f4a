"""The base model and the five heads in float64 NumPy, with losses and gradients of every weight.

The contract suite compares each framework with this file. It knows no framework and nothing of
`src`: weights are arrays under their PyTorch names, facts are in `Facts`. There is no dropout.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from oracle import layers, losses
from oracle.layers import Array, Grads, Pull, Weights

WORDS = "embeddings.word_embeddings.weight"


@dataclass(frozen=True)
class Facts:
    """What the weights do not say."""

    head: str
    n_layers: int
    head_size: int
    activation: str = "gelu"
    pad_token_id: int | None = 0
    tied: bool = True
    frozen_positions: bool = False
    problem_type: str | None = None


@dataclass(frozen=True)
class Result:
    """`outputs` as named on the reference page; `grads` of every trainable weight, if asked for."""

    outputs: dict[str, Any]
    grads: Grads


def run(
    weights: Mapping[str, Array],
    facts: Facts,
    inputs: Mapping[str, Array],
    labels: Mapping[str, Array] | None = None,
) -> Result:
    """Evaluate, and differentiate the loss.

    `inputs`: `input_ids` or `inputs_embeds`, optionally `attention_mask` and `head_mask`. Without
    `labels` only the base model has gradients: those of sum(last_hidden_state**2) / 10.
    """
    exact = {name: np.asarray(value, np.float64) for name, value in weights.items()}
    if facts.head == "masked_lm" and facts.tied:
        exact["vocab_projector.weight"] = exact[f"distilbert.{WORDS}"]
    inputs = {name: np.asarray(value) for name, value in inputs.items()}
    n_choices = None
    if facts.head == "multiple_choice":
        n_choices = inputs["input_ids" if "input_ids" in inputs else "inputs_embeds"].shape[1]
        inputs = {k: v if k == "head_mask" else _flatten(v) for k, v in inputs.items()}
    states, attentions, pull_base = _base(exact, facts, inputs)
    if facts.head == "base":
        outputs: dict[str, Any] = {"last_hidden_state": states[-1]}
        pull_head: Pull = lambda dy, grads: dy  # noqa: E731
        d_top: Array | None = states[-1] / 5
    else:
        logits, pull_head = _head(exact, facts, states[-1], n_choices)
        outputs, d_top = losses.of_head(facts, logits, labels)
    outputs |= {"hidden_states": states, "attentions": attentions}
    grads: Grads = {}
    if d_top is not None:
        pull_base(pull_head(d_top, grads), grads)
        _merge_shared(facts, grads)
    return Result(outputs, grads)


def _flatten(choices: Array) -> Array:
    return choices.reshape(-1, *choices.shape[2:])  # (B*C, S, ...)


def _merge_shared(facts: Facts, grads: Grads) -> None:
    prefix = "" if facts.head == "base" else "distilbert."
    if facts.head == "masked_lm" and facts.tied:
        layers.add(grads, prefix + WORDS, grads.pop("vocab_projector.weight"))
    if facts.frozen_positions:
        grads.pop(f"{prefix}embeddings.position_embeddings.weight")


def _base(
    weights: Weights, facts: Facts, inputs: Mapping[str, Array]
) -> tuple[list[Array], list[Array], Pull]:
    prefix = "" if facts.head == "base" else "distilbert."
    x, pull_embed = _embed(weights, prefix, facts, inputs)
    mask = inputs.get("attention_mask", np.ones(x.shape[:2]))
    head_mask = inputs.get("head_mask")
    states, attentions, pulls = [x], [], [pull_embed]
    for layer in range(facts.n_layers):
        gate = None if head_mask is None else head_mask[layer] if head_mask.ndim > 1 else head_mask
        name = f"{prefix}transformer.layer.{layer}"
        x, probabilities, pull = _block(weights, name, facts, x, mask, gate)
        states.append(x)
        attentions.append(probabilities)
        pulls.append(pull)

    def pull_all(dy: Array, grads: Grads) -> Array:
        for pull in reversed(pulls):
            dy = pull(dy, grads)
        return dy

    return states, attentions, pull_all


def _embed(
    weights: Weights, prefix: str, facts: Facts, inputs: Mapping[str, Array]
) -> tuple[Array, Pull]:
    words = weights[prefix + WORDS]
    ids = inputs.get("input_ids")
    x = words[ids] if ids is not None else inputs["inputs_embeds"].astype(np.float64)
    positions = weights[f"{prefix}embeddings.position_embeddings.weight"]
    length = x.shape[1]
    out, pull_norm = layers.norm(weights, f"{prefix}embeddings.LayerNorm", x + positions[:length])

    def pull(dy: Array, grads: Grads) -> Array:
        dx = pull_norm(dy, grads)
        d_positions = np.zeros_like(positions)
        d_positions[:length] = dx.sum(0)
        layers.add(grads, f"{prefix}embeddings.position_embeddings.weight", d_positions)
        d_words = np.zeros_like(words)
        if ids is not None:
            np.add.at(d_words, ids, dx)
            if facts.pad_token_id is not None:
                d_words[facts.pad_token_id] = 0  # the lookup never trains the padding row
        layers.add(grads, prefix + WORDS, d_words)
        return dx

    return out, pull


def _block(
    weights: Weights, name: str, facts: Facts, x: Array, mask: Array, gate: Array | None
) -> tuple[Array, Array, Pull]:
    attended, probabilities, pull_attention = layers.attention(
        weights, f"{name}.attention", x, facts.head_size, mask, gate
    )
    middle, pull_first_norm = layers.norm(weights, f"{name}.sa_layer_norm", attended + x)
    inner, pull_lin1 = layers.linear(weights, f"{name}.ffn.lin1", middle)
    active, pull_activation = layers.activate(facts.activation, inner)
    fed, pull_lin2 = layers.linear(weights, f"{name}.ffn.lin2", active)
    out, pull_second_norm = layers.norm(weights, f"{name}.output_layer_norm", fed + middle)

    def pull(dy: Array, grads: Grads) -> Array:
        d_sum = pull_second_norm(dy, grads)
        d_inner = pull_activation(pull_lin2(d_sum, grads), grads)
        d_attended = pull_first_norm(d_sum + pull_lin1(d_inner, grads), grads)
        return d_attended + pull_attention(d_attended, grads)

    return out, probabilities, pull


def _head(
    weights: Weights, facts: Facts, hidden: Array, n_choices: int | None
) -> tuple[Array, Pull]:
    """Logits (B, S, V), (B, N), (B, C), (B, S, N) or (B, S, 2) from hidden states (B, S, D)."""
    match facts.head:
        case "masked_lm":
            moved, pull_transform = layers.linear(weights, "vocab_transform", hidden)
            active, pull_activation = layers.activate(facts.activation, moved)
            normed, pull_norm = layers.norm(weights, "vocab_layer_norm", active)
            logits, pull_project = layers.linear(weights, "vocab_projector", normed)
            pulls = [pull_project, pull_norm, pull_activation, pull_transform]
        case "token_classification":
            logits, pull_classify = layers.linear(weights, "classifier", hidden)
            pulls = [pull_classify]
        case "question_answering":
            logits, pull_classify = layers.linear(weights, "qa_outputs", hidden)
            pulls = [pull_classify]
        case _:
            pooled, pull_pre = layers.linear(weights, "pre_classifier", hidden[:, 0])
            active, pull_relu = layers.activate("relu", pooled)
            logits, pull_classify = layers.linear(weights, "classifier", active)
            pulls = [pull_classify, pull_relu, pull_pre, _to_first(hidden.shape)]
    if n_choices is not None:
        flat = logits.shape
        pulls.insert(0, lambda dy, grads: dy.reshape(flat))
        logits = logits.reshape(-1, n_choices)

    def pull(dy: Array, grads: Grads) -> Array:
        for step in pulls:
            dy = step(dy, grads)
        return dy

    return logits, pull


def _to_first(shape: tuple[int, ...]) -> Pull:
    def pull(dy: Array, grads: Grads) -> Array:
        out = np.zeros(shape)
        out[:, 0] = dy
        return out

    return pull
