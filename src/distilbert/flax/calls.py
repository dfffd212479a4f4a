"""What surrounds a call of a model: the signature it shows, and a look at the values it was given.

Only this room needs the file. The page's Flax classes take fewer arguments than ours; and an array
inside a trace of JAX has no values, so they are checked before the module is applied or not at all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from jax.core import Tracer

from distilbert.config import DistilBertConfig
from distilbert.input_checks import check_ids, is_warned_of_padding, warn_of_unmasked_padding


def page_signature(call: Callable[..., Any]) -> inspect.Signature:
    """The page's list of parameters: no `inputs_embeds`, and `input_ids` are required."""
    parameters = dict(inspect.signature(call).parameters)
    del parameters["inputs_embeds"]
    ids = parameters["input_ids"].replace(default=inspect.Parameter.empty)
    return inspect.Signature(list({**parameters, "input_ids": ids}.values()))


def check_values(input_ids: Any, config: DistilBertConfig, *, is_masked: bool) -> None:
    """Look at ids that have values here; warn once of padding that nothing masks.

    Raises:
        TokenIdError: an id is outside the vocabulary.
    """
    if isinstance(input_ids, Tracer) or not getattr(input_ids, "is_fully_addressable", True):
        return
    ids = np.asarray(input_ids)
    if not ids.size:
        return
    check_ids(int(ids.min()), int(ids.max()), config.vocab_size)
    if is_masked or config.pad_token_id is None or is_warned_of_padding():
        return
    if (ids == config.pad_token_id).any():
        warn_of_unmasked_padding()
