"""Weights for a smaller vocabulary: the rows of the tokens that stay.

What is left of a model computes what it did, for texts of these tokens alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from distilbert.checkpoint.spec import BASE_PREFIX, TIED_PROJECTOR, WORD_EMBEDDINGS
from distilbert.checkpoint.student import Student, TeacherWeights
from distilbert.config import DistilBertConfig

# The parameters that have a row for each token.
OF_TOKENS = (BASE_PREFIX + WORD_EMBEDDINGS, TIED_PROJECTOR, "vocab_projector.bias")
TOKEN_ID = "_token_id"

Weights = TypeVar("Weights", TeacherWeights, Student)


def with_tokens(weights: Weights, kept: np.ndarray) -> Weights:
    """The weights for a vocabulary of the tokens `kept` (V,), which are ids, in their order.

    Ids in the config become those of the same tokens, or None for a token that is cut.
    """
    numbers = {index: number for number, index in enumerate(kept.tolist())}
    settings = weights.config.to_dict()
    ids = {n: i for n, i in settings.items() if n.endswith(TOKEN_ID) and isinstance(i, int)}
    settings |= {name: numbers.get(index) for name, index in ids.items()}
    arrays = {n: array[kept] if n in OF_TOKENS else array for n, array in weights.arrays.items()}
    config = DistilBertConfig(**{**settings, "vocab_size": len(kept)})
    return replace(weights, config=config, arrays=arrays)
