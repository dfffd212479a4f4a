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


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"n_layers": 10**9}, "`n_layers` must be at most 1000: got 1000000000"),
        ({"dim": 10**12, "n_heads": 7}, "`dim` must be at most 2147483647"),
        ({"vocab_size": 2**20000}, "`vocab_size` must be at most .* got a number of 20001 bits"),
        ({"hidden_dim": -(2**20000)}, "`hidden_dim` must be an integer >= 1: got a number of"),
        ({"dim": 2**31 - 1, "n_heads": 2}, "Divisors near 2: 1, 2147483647"),
        ({"initializer_range": float("nan")}, "`initializer_range` must be a number >= 0: got nan"),
        ({"initializer_range": "x" * 10**6}, "`initializer_range` must be a number"),
        ({"activation": ["gelu"]}, "`activation` must be a callable or one of"),
        ({"activation": None}, "`activation` must be a callable or one of"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_sizes_and_types_are_checked_when_a_model_is_built(settings, text):
    with pytest.raises((ConfigError, ActivationError), match=text) as caught:
        DistilBertConfig(**settings).check_buildable()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"num_labels": 10**9}, "`num_labels` must be at most 100000.*pass `id2label`"),
        ({"id2label": {"0": ["a"]}}, "`id2label` must map the numbers of the classes to names"),
        ({"id2label": {"9" * 5000: "a"}}, "`id2label` must map the numbers"),
        ({"pruned_heads": [1]}, "`pruned_heads` must map the numbers of layers to lists"),
        ({"pruned_heads": {"a": [1]}}, "`pruned_heads` must map"),
        ({"pruned_heads": {"0": ["a"]}}, "`pruned_heads` must map"),
        ({"pruned_heads": {"0": 1}}, "`pruned_heads` must map"),
        ({"architectures": 5}, "`architectures` must be a list of names"),
        ({"architectures": [["a"]]}, "`architectures` must be a list of names"),
        ({"problem_type": ["a" * 10**6]}, "`problem_type` must be one of"),
        ({"torch_dtype": {"a": 1}}, "`torch_dtype` must be one of"),
        ({"to_dict": 1}, "must not have the name of a part of the class: got `to_dict`"),
        ({"use_return_dict": 1}, "must not have the name of a part of the class"),
        ({"__class__": 1}, "must not have the name of a part of the class"),
        ({"self": 1}, "none of the names self"),
        ({"_dtype_name": "x"}, "none of the names self"),
        (dict.fromkeys(map(str, range(2001))), "at most 2000 settings"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_of_a_file_have_the_types_and_names_of_settings(settings, text):
    with pytest.raises(ConfigError, match=text) as caught:
        DistilBertConfig.from_dict(settings)
    assert len(str(caught.value)) < 1000
