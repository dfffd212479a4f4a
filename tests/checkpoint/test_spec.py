"""The parameter spec says what the reference's models hold."""

from __future__ import annotations

import pytest

from distilbert.checkpoint.spec import attention_width, parameter_spec, tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError
from distilbert.heads import HEADS

TINY = {"vocab_size": 99, "dim": 32, "n_heads": 4, "n_layers": 2, "hidden_dim": 48}


@pytest.mark.parametrize(
    ("head", "count"),
    [
        ("base", 36),
        ("masked_lm", 42),
        ("sequence_classification", 40),
        ("multiple_choice", 40),
        ("token_classification", 38),
        ("question_answering", 38),
    ],
)
def test_each_head_has_its_parameters_once(head, count):
    names = [parameter.name for parameter in parameter_spec(DistilBertConfig(**TINY), head)]
    assert len(names) == len(set(names)) == count


def test_distilbert_base_has_66_million_parameters():
    total = 0
    for parameter in parameter_spec(DistilBertConfig(), "base"):
        size = 1
        for length in parameter.shape:
            size *= length
        total += size
    assert total == 66_362_880  # what the reference's num_parameters() says


def test_only_a_tied_masked_lm_has_a_tied_parameter():
    tied = {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}
    for head in HEADS:
        expected = tied if head == "masked_lm" else {}
        assert tied_parameters(DistilBertConfig(**TINY), head) == expected
    assert tied_parameters(DistilBertConfig(tie_word_embeddings=False), "masked_lm") == {}


def test_pruned_heads_shrink_only_their_layer():
    config = DistilBertConfig(**TINY, pruned_heads={1: [0, 3, 3]})
    shapes = {p.name: p.shape for p in parameter_spec(config, "base")}
    assert (attention_width(config, 0), attention_width(config, 1)) == (32, 16)
    assert shapes["transformer.layer.1.attention.q_lin.weight"] == (16, 32)
    assert shapes["transformer.layer.1.attention.q_lin.bias"] == (16,)
    assert shapes["transformer.layer.1.attention.out_lin.weight"] == (32, 16)
    assert shapes["transformer.layer.0.attention.q_lin.weight"] == (32, 32)


def test_an_unknown_head_is_refused():
    with pytest.raises(InputError, match="`head` must be one of base, masked_lm"):
        parameter_spec(DistilBertConfig(), "lm")
