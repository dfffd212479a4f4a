"""BERT's forward pass in NumPy, to check a folded DistilBERT against its source.

Uses the source's weights unchanged (three embedding tables, nothing folded), so it is independent
of `bert.py`. Written for checking, not for speed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from distilbert.heads import LAYER_NORM_EPS

_erf = np.vectorize(math.erf, otypes=[np.float64])


def bert_last_hidden_state(
    weights: Mapping[str, np.ndarray],
    input_ids: np.ndarray,
    attention_mask: np.ndarray,
    *,
    n_layers: int,
    n_heads: int,
    segment: int | np.ndarray = 0,
) -> np.ndarray:
    """Hidden states (B, S, D) of the last layer, float64, exact GELU.

    Args:
        weights: BERT's encoder under BERT's names, without a `bert.` prefix:
            `embeddings.word_embeddings.weight`, `encoder.layer.0.attention.self.query.weight`, ...
        input_ids: token ids (B, S).
        attention_mask: 1 where a token is real, 0 where it is padding (B, S).
        segment: the row of the token-type table of all tokens, or of each one (B, S).
    """
    x = weights["embeddings.word_embeddings.weight"][input_ids].astype(np.float64)  # (B, S, D)
    x += weights["embeddings.position_embeddings.weight"][: input_ids.shape[1]]
    x += weights["embeddings.token_type_embeddings.weight"][segment]
    x = _norm(weights, "embeddings.LayerNorm", x)
    hidden_keys = np.asarray(attention_mask)[:, None, None, :] == 0  # (B, 1, 1, S)
    for layer in range(n_layers):
        block = f"encoder.layer.{layer}"
        mixed = _attention(weights, f"{block}.attention.self", x, hidden_keys, n_heads)
        mixed = _linear(weights, f"{block}.attention.output.dense", mixed)
        x = _norm(weights, f"{block}.attention.output.LayerNorm", mixed + x)
        inner = _gelu(_linear(weights, f"{block}.intermediate.dense", x))  # (B, S, F)
        inner = _linear(weights, f"{block}.output.dense", inner)
        x = _norm(weights, f"{block}.output.LayerNorm", inner + x)
    return x


def _attention(
    weights: Mapping[str, np.ndarray],
    name: str,
    x: np.ndarray,
    hidden_keys: np.ndarray,
    n_heads: int,
) -> np.ndarray:
    def split(part: str) -> np.ndarray:
        y = _linear(weights, f"{name}.{part}", x)
        return y.reshape(*y.shape[:2], n_heads, -1).swapaxes(1, 2)  # (B, H, S, K)

    query, key, value = split("query"), split("key"), split("value")
    scores = query @ key.swapaxes(2, 3) / math.sqrt(query.shape[-1])  # (B, H, S, S)
    scores = np.where(hidden_keys, np.finfo(np.float32).min, scores)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = scores / scores.sum(axis=-1, keepdims=True) @ value  # (B, H, S, K)
    return mixed.swapaxes(1, 2).reshape(x.shape[0], x.shape[1], -1)  # (B, S, D)


def _linear(weights: Mapping[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T.astype(np.float64) + weights[f"{name}.bias"]


def _norm(weights: Mapping[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + LAYER_NORM_EPS)
    return centred / deviation * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1.0 + _erf(x / math.sqrt(2.0)))
