"""The rules of a configuration: all violations are reported at once."""

from __future__ import annotations

import pytest

from distilbert.config import DistilBertConfig
from distilbert.errors import ActivationError, ConfigError


def test_every_broken_size_is_reported_at_once_when_a_model_is_built():
    config = DistilBertConfig(dim=0, n_layers=-1, dropout=1.5, pad_token_id="x", num_labels=3)
    with pytest.raises(ConfigError) as caught:
        config.check_buildable("question_answering")
    text = str(caught.value)
    for name in ("`dim`", "`n_layers`", "`dropout`", "`pad_token_id`", "`num_labels`"):
        assert name in text


def test_heads_that_do_not_divide_the_width_are_refused_with_near_divisors():
    with pytest.raises(ConfigError) as caught:
        DistilBertConfig(n_heads=10).check_buildable()
    assert str(caught.value) == (
        "`n_heads` must divide `dim`: got n_heads=10, dim=768. Divisors near 10: 8, 12."
    )


def test_an_unknown_activation_is_a_key_error_with_a_readable_text():
    with pytest.raises(KeyError) as caught:
        DistilBertConfig(activation="gelo").check_buildable()
    assert isinstance(caught.value, ActivationError)
    assert str(caught.value).startswith("`activation` must be a callable or one of gelu")
    DistilBertConfig(activation=abs).check_buildable()
