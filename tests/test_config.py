"""DistilBertConfig: aliases, labels, JSON in and out, files of both transformers generations."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from distilbert.config import DistilBertConfig
from distilbert.errors import ConfigError


def test_defaults_are_those_of_distilbert_base():
    config = DistilBertConfig()
    assert (config.vocab_size, config.max_position_embeddings, config.dim) == (30522, 512, 768)
    assert (config.n_layers, config.n_heads, config.hidden_dim) == (6, 12, 3072)
    assert (config.num_labels, config.id2label) == (2, {0: "LABEL_0", 1: "LABEL_1"})


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("hidden_size", "dim"),
        ("num_attention_heads", "n_heads"),
        ("num_hidden_layers", "n_layers"),
        ("sine_pos_embds", "sinusoidal_pos_embds"),
    ],
)
def test_an_alias_reads_writes_and_wins_over_the_named_parameter(alias, name):
    config = DistilBertConfig(**{name: 4, alias: 8})
    assert getattr(config, name) == getattr(config, alias) == 8
    setattr(config, alias, 16)
    assert getattr(config, name) == 16
    assert alias not in config.to_dict()


def test_setting_another_number_of_labels_renames_them_and_the_same_number_does_not():
    config = DistilBertConfig(id2label={"0": "no", "1": "yes"})
    config.num_labels = 2
    assert config.id2label == {0: "no", 1: "yes"}
    assert config.label2id == {"no": 0, "yes": 1}
    config.num_labels = 3
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}
    assert config.label2id == {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}


def test_a_label_map_beats_a_contradicting_number_with_a_warning():
    with pytest.warns(UserWarning, match="`num_labels` is ignored"):
        config = DistilBertConfig(id2label={0: "a", 1: "b", 2: "c"}, num_labels=7)
    assert config.num_labels == 3


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"problem_type": "guessing"}, "`problem_type` must be one of regression"),
        ({"id2label": ["a"]}, "`id2label` must be a dict: got list"),
        ({"label2id": "a"}, "`label2id` must be a dict: got str"),
        ({"num_labels": -1}, "`num_labels` must be an integer >= 0: got -1"),
        ({"torch_dtype": "float31"}, "`torch_dtype` must be one of float16"),
    ],
)
def test_bad_values_are_refused_at_construction(keywords, text):
    with pytest.raises(ConfigError, match=text) as caught:
        DistilBertConfig(**keywords)
    assert isinstance(caught.value, ValueError)


def test_recorded_constructor_cases_give_the_reference_attributes_and_json(golden):
    cases = json.loads((golden / "config.json").read_text())["cases"]
    assert len(cases) >= 7
    for case in cases:
        config = DistilBertConfig(**case["kwargs"])
        for name, expected in case["attrs"].items():
            got = getattr(config, name)
            if isinstance(expected, dict):
                expected, got = expected["__map__"], {str(key): got[key] for key in got}
            assert got == expected, (case["kwargs"], name)
        saved = json.loads(config.to_json_string())
        del saved["transformers_version"]
        assert saved == case["diff"]


def test_a_saved_config_reloads_equal_with_unknown_keys_and_nested_values(tmp_path):
    config = DistilBertConfig(
        dim=32,
        n_heads=4,
        id2label={0: "no", 1: "yes", 2: "maybe"},
        pruned_heads={"1": [0, 2]},
        torch_dtype="bfloat16",
        mood={"a": [1, 2]},
        problem_type="multi_label_classification",
    )
    config.save_pretrained(tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["config.json"]
    again = DistilBertConfig.from_pretrained(tmp_path / "new")
    again.name_or_path = ""
    assert again == config
    assert again.mood == {"a": [1, 2]}
    assert again.pruned_heads == {1: [0, 2]}
    assert again.dtype_name == "bfloat16"
    text = (tmp_path / "new" / "config.json").read_text()
    assert text.endswith("}\n")
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_a_file_of_transformers_5_gives_its_dtype(tmp_path):
    data = {"model_type": "distilbert", "dtype": "float16", "dim": 48, "transformers_version": "5"}
    (tmp_path / "config.json").write_text(json.dumps(data))
    config = DistilBertConfig.from_pretrained(tmp_path)
    assert (config.dtype_name, config.dim) == ("float16", 48)
    assert json.loads(config.to_json_string())["torch_dtype"] == "float16"
    assert "dtype" not in config.to_dict()


def test_the_torch_dtype_attribute_is_the_framework_object_and_plain_data_is_its_name():
    import torch

    config = DistilBertConfig(torch_dtype=torch.float16)
    assert config.torch_dtype is config.dtype is torch.float16
    assert config.to_dict()["torch_dtype"] == "float16"
    config.dtype = "float32"
    assert config.torch_dtype is torch.float32
    config.torch_dtype = None
    assert config.torch_dtype is None


def test_overrides_apply_to_known_attributes_and_others_are_returned():
    data = {"dim": 32, "n_heads": 4}
    config, unused = DistilBertConfig.from_dict(
        data, dropout=0.3, num_labels=5, cheese=1, torch_dtype="float16", return_unused_kwargs=True
    )
    assert (config.dropout, config.num_labels, config.dtype_name) == (0.3, 5, "float16")
    assert unused == {"cheese": 1, "torch_dtype": "float16"}
    assert not hasattr(DistilBertConfig.from_dict(data, cheese=1), "cheese")
    with pytest.raises(ConfigError, match="`num_labels` must equal the length of `id2label`"):
        DistilBertConfig.from_dict(data, id2label={0: "a"}, num_labels=2)


def test_overrides_of_maps_get_integer_keys_and_are_checked():
    config = DistilBertConfig.from_dict({}, pruned_heads={"0": (1,)}, id2label={"0": "a"})
    assert (config.pruned_heads, config.id2label) == ({0: [1]}, {0: "a"})
    with pytest.raises(ConfigError, match="`problem_type` must be"):
        config.update({"problem_type": "x"})


def test_attention_choice_is_kept_but_never_saved():
    config = DistilBertConfig.from_dict({}, attn_implementation="eager")
    assert config._attn_implementation == "eager"
    assert "eager" not in config.to_json_string(use_diff=False)


def test_a_config_of_another_model_type_loads_with_a_warning(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert", "hidden_size": 64}')
    with pytest.warns(UserWarning, match="type 'bert'"):
        config = DistilBertConfig.from_pretrained(tmp_path)
    assert config.dim == 64


def test_a_callable_activation_works_until_it_has_to_be_saved():
    config = DistilBertConfig(activation=abs)
    assert "built-in function abs" in repr(config)
    with pytest.raises(ConfigError, match="plain data: got activation"):
        config.to_json_string()


def test_configs_copy_pickle_and_compare():
    config = DistilBertConfig(dim=32, n_heads=4, extra="kept", pruned_heads={0: [1]})
    for again in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert again == config
    again.pruned_heads[0].append(2)
    assert again != config
    assert config != "config"
    assert repr(config).startswith("DistilBertConfig {\n")


def test_reading_an_attribute_that_does_not_exist_names_it():
    with pytest.raises(AttributeError, match="has no attribute `dims`"):
        _ = DistilBertConfig().dims


def test_a_loaded_config_has_the_origin_that_its_file_names(tmp_path):
    """As in the reference: a saved and loaded config equals the first."""
    config = DistilBertConfig(dim=24)
    config.save_pretrained(tmp_path)
    assert DistilBertConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()
    config.name_or_path = "somewhere"
    config.save_pretrained(tmp_path)
    assert DistilBertConfig.from_pretrained(tmp_path).name_or_path == "somewhere"


def test_the_data_of_a_file_are_returned_without_the_options_of_the_hub(tmp_path):
    DistilBertConfig(dim=24).save_pretrained(tmp_path)
    data, rest = DistilBertConfig.get_config_dict(tmp_path, revision="main", colour="red")
    assert data["dim"] == 24
    assert rest == {"colour": "red"}


def test_settings_are_updated_from_text_in_the_types_they_have():
    config = DistilBertConfig()
    config.update_from_string("n_layers=3,dropout=0.5,activation=relu,output_attentions=yes")
    assert (config.n_layers, config.dropout, config.activation) == (3, 0.5, "relu")
    assert config.output_attentions is True
    for text, words in (
        ("n_layers=4,mood=1", "A config has no `mood`"),
        ("n_layers=4,dim=x", "got dim='x', where the value is 768"),
        ("output_attentions=maybe", "got output_attentions='maybe'"),
        ("id2label=1", "got id2label='1'"),
    ):
        with pytest.raises(ConfigError, match=words):
            config.update_from_string(text)
    assert config.n_layers == 3


@pytest.mark.parametrize("names", [{"LABEL_0": "no"}, {None: "no"}])
def test_label_names_need_numbers(names):
    for build in (lambda: DistilBertConfig(id2label=names), lambda: update(names)):
        with pytest.raises(ConfigError, match=r"`id2label` must map the numbers of .*: got \{"):
            build()


def update(names):
    DistilBertConfig().update({"id2label": names})


def test_a_classifier_needs_a_name_for_each_class():
    config = DistilBertConfig(id2label={1: "a", 2: "b"})
    config.check_buildable("base")
    for head in ("sequence_classification", "token_classification"):
        with pytest.raises(ConfigError, match="must name the classes 0 to 1: got the numbers 1, 2"):
            config.check_buildable(head)
