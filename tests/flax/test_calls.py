"""Claims about `distilbert.flax.calls`."""

from __future__ import annotations

import inspect
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from distilbert import FlaxDistilBertModel
from distilbert.errors import TokenIdError
from distilbert.flax.heads import MODEL_CLASSES
from distilbert.input_checks import warn_of_unmasked_padding

EMPTY = inspect.Parameter.empty
PAGE = {
    "input_ids": EMPTY,
    "attention_mask": None,
    "head_mask": None,
    "params": None,
    "dropout_rng": None,
    "train": False,
    "output_attentions": None,
    "output_hidden_states": None,
    "return_dict": None,
}


@pytest.mark.parametrize("head", MODEL_CLASSES)
def test_the_signature_shown_is_the_pages(head, config) -> None:
    model_class = MODEL_CLASSES[head]
    shown = inspect.signature(model_class.__call__).parameters
    assert {name: p.default for name, p in shown.items() if name != "self"} == PAGE
    model = model_class(config, _do_init=False)
    assert list(inspect.signature(model).parameters) == list(PAGE)


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray, np.ndarray.tolist])
@pytest.mark.parametrize("bad", [99, -1])
def test_ids_outside_the_vocabulary_are_refused_where_they_have_values(
    config, ids, kind, bad
) -> None:
    ids[0, 3] = bad
    with pytest.raises(TokenIdError, match=rf"between 0 and 98: got .*{bad}"):
        FlaxDistilBertModel(config)(kind(ids))


@pytest.mark.parametrize("bad", [99, -1])
def test_inside_a_trace_such_an_id_gives_nan_for_its_sequence_alone(config, ids, bad) -> None:
    model = FlaxDistilBertModel(config)
    ids[0, 3] = bad
    hidden = jax.jit(lambda ids: model(ids)[0])(ids)
    assert jnp.isnan(hidden[0]).any()
    assert jnp.isfinite(hidden[1:]).all()


def test_padding_without_a_mask_is_warned_of_once(config, ids, caplog) -> None:
    warn_of_unmasked_padding.cache_clear()
    model = FlaxDistilBertModel(config)
    with caplog.at_level(logging.WARNING, logger="distilbert"):
        model(ids)
        ids[0, -1] = 0
        model(ids, np.ones_like(ids))
        assert not caplog.records
        model(ids)
        model(ids)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "there is no `attention_mask`" in caplog.text
