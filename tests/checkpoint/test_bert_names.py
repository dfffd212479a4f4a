"""The name tables against transformers' own tiny models: every parameter has its partner."""

from __future__ import annotations

import pytest
import transformers
from tiny_bert import TINY

from distilbert.checkpoint.bert_names import (
    CONFIG_FIELDS,
    HEAD_OF_CLASS,
    TOKEN_TYPES,
    bert_name,
    plain_name,
)
from distilbert.checkpoint.spec import BASE_PREFIX, parameter_spec
from distilbert.config import DistilBertConfig


@pytest.mark.parametrize("name", sorted(HEAD_OF_CLASS))
def test_every_parameter_is_found_in_the_class_of_bert(name: str) -> None:
    config = DistilBertConfig(
        vocab_size=99, dim=32, n_layers=2, n_heads=4, hidden_dim=37, max_position_embeddings=40
    )
    model = getattr(transformers, name)(transformers.BertConfig(**TINY))
    theirs = {plain_name(key): tuple(value.shape) for key, value in model.state_dict().items()}
    for parameter in parameter_spec(config, HEAD_OF_CLASS[name]):
        key = bert_name(parameter.name.removeprefix(BASE_PREFIX), range(2))
        assert theirs[key] == parameter.shape, parameter.name
    assert TOKEN_TYPES in theirs


def test_layers_are_renumbered() -> None:
    ours = "transformer.layer.1.attention.q_lin.weight"
    assert bert_name(ours, (0, 7)) == "encoder.layer.7.attention.self.query.weight"


def test_defaults_are_those_of_bert() -> None:
    reference = transformers.BertConfig()
    assert {name: default for name, (_, default) in CONFIG_FIELDS.items()} == {
        name: getattr(reference, theirs) for name, (theirs, _) in CONFIG_FIELDS.items()
    }
