"""Misspelled settings are found, and other unknown ones are not."""

from __future__ import annotations

import pytest

from distilbert import DistilBertConfig
from distilbert.config_names import known_names, meant
from distilbert.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("n_layer", "n_layers"),
        ("n_head", "n_heads"),
        ("hidden_dims", "hidden_dim"),
        ("dropouts", "dropout"),
        ("Dim", "dim"),
        ("num_label", "num_labels"),
        ("vocabsize", "vocab_size"),
        ("output_hidden_state", "output_hidden_states"),
        ("num_hidden_layer", "num_hidden_layers"),
    ],
)
def test_a_misspelled_setting_is_recognized(name: str, known: str) -> None:
    assert meant(name, known_names(DistilBertConfig)) == known
    with pytest.raises(ConfigError, match=rf"got `{name}` \(did you mean `{known}`\?\)"):
        DistilBertConfig(**{name: 3})


@pytest.mark.parametrize(
    "name",
    [
        *("n_layers", "hidden_act", "sep_token", "layer_norm_eps", "tie_weights_", "output_past"),
        *("_attn_implementation", "_dtype_name", "_attn_implementation_autoset"),
        *("use_cache", "max_length", "classifier_dropout", "attention_probs_dropout_prob"),
    ],
)
def test_known_settings_and_those_of_other_models_are_kept(name: str) -> None:
    assert meant(name, known_names(DistilBertConfig)) is None
    assert getattr(DistilBertConfig(**{name: 1}), name) == 1


def test_all_misspelled_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"`n_layer` .*, `n_head` "):
        DistilBertConfig(n_layer=3, n_head=4)


def test_a_file_with_a_misspelled_setting_loads_with_a_warning(tmp_path) -> None:
    with pytest.warns(UserWarning, match="unknown setting `n_layer`.* Did you mean `n_layers`"):
        config = DistilBertConfig.from_dict({"n_layer": 3, "dim": 24})
    assert (config.n_layer, config.n_layers, config.dim) == (3, 6, 24)
    config.save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="unknown setting `n_layer`"):
        assert DistilBertConfig.from_pretrained(tmp_path) == config


def test_a_misspelled_override_is_refused(tmp_path) -> None:
    DistilBertConfig().save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"`n_layer` .did you mean `n_layers`"):
        DistilBertConfig.from_pretrained(tmp_path, n_layer=3)


def test_parameters_of_a_users_config_are_known() -> None:
    class Deeper(DistilBertConfig):
        def __init__(self, n_layer: int = 3, **kwargs):
            super().__init__(n_layers=n_layer, **kwargs)

    assert Deeper(n_layer=4).n_layers == 4
