"""The names and signatures of the reference page, compared with `inspect`."""

from __future__ import annotations

import ast
import inspect
import pickle
from typing import Any

import pytest

import distilbert

HEADS = (
    "MaskedLM",
    "SequenceClassification",
    "MultipleChoice",
    "TokenClassification",
    "QuestionAnswering",
)
MODELS = ["DistilBertModel", *(f"DistilBertFor{head}" for head in HEADS)]
PREFIXES = ("", "TF", "Flax")
AUTO = [
    prefix + name
    for prefix in PREFIXES
    for name in ("AutoModel", *(f"AutoModelFor{head}" for head in HEADS))
]
TOKENIZERS = ["DistilBertTokenizer", "DistilBertTokenizerFast"]
NAMES = ["DistilBertConfig", "AutoConfig", "AutoTokenizer", "BatchEncoding", "pipeline"]
NAMES += [prefix + name for prefix in PREFIXES for name in MODELS]
NAMES += AUTO + TOKENIZERS

EMPTY = inspect.Parameter.empty
REQUIRED = object()
CONFIG = {
    "vocab_size": 30522,
    "max_position_embeddings": 512,
    "sinusoidal_pos_embds": False,
    "n_layers": 6,
    "n_heads": 12,
    "dim": 768,
    "hidden_dim": 3072,
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "activation": "gelu",
    "initializer_range": 0.02,
    "qa_dropout": 0.1,
    "seq_classif_dropout": 0.2,
    "pad_token_id": 0,
    "kwargs": REQUIRED,
}
SPECIAL = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
    "tokenize_chinese_chars": True,
    "strip_accents": None,
    "kwargs": REQUIRED,
}
SLOW = {
    "vocab_file": REQUIRED,
    "do_lower_case": True,
    "do_basic_tokenize": True,
    "never_split": None,
    **SPECIAL,
}
FAST = {"vocab_file": None, "tokenizer_file": None, "do_lower_case": True, **SPECIAL}
CALL = {
    "text": None,
    "text_pair": None,
    "text_target": None,
    "text_pair_target": None,
    "add_special_tokens": True,
    "padding": False,
    "truncation": None,
    "max_length": None,
    "stride": 0,
    "is_split_into_words": False,
    "pad_to_multiple_of": None,
    "return_tensors": None,
    "return_token_type_ids": None,
    "return_attention_mask": None,
    "return_overflowing_tokens": False,
    "return_special_tokens_mask": False,
    "return_offsets_mapping": False,
    "return_length": False,
    "verbose": True,
}
LABELS = {
    "DistilBertModel": {},
    "DistilBertForQuestionAnswering": {"start_positions": None, "end_positions": None},
}


def parameters(function: Any) -> dict[str, Any]:
    """Name -> default, in order; `self` left out."""
    named = inspect.signature(function).parameters
    return {
        name: REQUIRED if value.default is EMPTY else value.default
        for name, value in named.items()
        if name != "self"
    }


def assert_signature(function: Any, expected: dict[str, Any]) -> None:
    """The expected parameters in their order and with their defaults."""
    got = parameters(function)
    assert list(got) == list(expected)
    assert got == expected


@pytest.mark.parametrize("name", NAMES)
def test_the_name_resolves_and_is_visible(name: str) -> None:
    assert getattr(distilbert, name).__name__ == name
    assert name in dir(distilbert)
    assert name in distilbert.__all__


def test_every_announced_name_exists() -> None:
    missing = [name for name in distilbert.__all__ if not hasattr(distilbert, name)]
    assert missing == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="DistilBertForNothing"):
        _ = distilbert.DistilBertForNothing


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert distilbert.__version__ == version("distilbert") == "0.3.0"


def test_the_config_has_the_pages_parameters() -> None:
    assert_signature(distilbert.DistilBertConfig, CONFIG)


@pytest.mark.parametrize(("name", "expected"), zip(TOKENIZERS, (SLOW, FAST), strict=True))
def test_tokenizers_have_the_pages_parameters(name: str, expected: dict) -> None:
    cls = getattr(distilbert, name)
    assert_signature(cls, expected)
    pair = {"token_ids_0": REQUIRED, "token_ids_1": None}
    assert_signature(cls.build_inputs_with_special_tokens, pair)
    assert_signature(cls.create_token_type_ids_from_sequences, pair)


def test_the_slow_tokenizers_methods_have_the_pages_parameters() -> None:
    cls = distilbert.DistilBertTokenizer
    mask = {"token_ids_0": REQUIRED, "token_ids_1": None, "already_has_special_tokens": False}
    assert_signature(cls.get_special_tokens_mask, mask)
    assert_signature(cls.convert_tokens_to_string, {"tokens": REQUIRED})


@pytest.mark.parametrize("name", TOKENIZERS)
def test_calling_a_tokenizer_has_the_pages_order(name: str) -> None:
    got = parameters(getattr(distilbert, name).__call__)
    got.pop("kwargs", None)
    assert list(got.items()) == list(CALL.items())


@pytest.mark.parametrize("name", MODELS)
def test_models_have_the_pages_parameters(name: str) -> None:
    cls = getattr(distilbert, name)
    assert_signature(cls, {"config": REQUIRED})
    before = ["input_ids", "attention_mask", "head_mask", "inputs_embeds"]
    after = ["output_attentions", "output_hidden_states", "return_dict"]
    labels = LABELS.get(name, {"labels": None})
    expected = dict.fromkeys(before) | labels | dict.fromkeys(after)
    assert_signature(cls.forward, expected)


@pytest.mark.parametrize("name", MODELS)
def test_tensorflow_models_have_the_pages_parameters(name: str) -> None:
    """Labels stand behind `return_dict` there."""
    cls = getattr(distilbert, "TF" + name)
    assert_signature(cls, {"config": REQUIRED, "inputs": REQUIRED, "kwargs": REQUIRED})
    names = ["input_ids", "attention_mask", "head_mask", "inputs_embeds"]
    names += ["output_attentions", "output_hidden_states", "return_dict"]
    names += LABELS.get(name, {"labels": None})
    assert_signature(cls.call, dict.fromkeys(names) | {"training": False})


@pytest.mark.parametrize("name", MODELS)
def test_flax_models_have_the_pages_parameters(name: str) -> None:
    import jax.numpy as jnp

    cls = getattr(distilbert, "Flax" + name)
    start = {"config": REQUIRED, "input_shape": (1, 1), "seed": 0, "dtype": jnp.float32}
    assert_signature(cls, start | {"_do_init": True, "kwargs": REQUIRED})
    names = ["attention_mask", "head_mask", "params", "dropout_rng"]
    flags = ["output_attentions", "output_hidden_states", "return_dict"]
    expected = {"input_ids": REQUIRED, **dict.fromkeys(names), "train": False}
    assert_signature(cls.__call__, expected | dict.fromkeys(flags))


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", MODELS)
def test_models_have_the_class_attributes_of_the_page(name: str, prefix: str) -> None:
    cls = getattr(distilbert, prefix + name)
    assert cls.config_class is distilbert.DistilBertConfig
    assert cls.base_model_prefix == "distilbert"
    if prefix != "Flax":
        parent = {"": "torch.nn.modules.module.Module", "TF": "keras.src.models.model.Model"}
        parents = {f"{kind.__module__}.{kind.__qualname__}" for kind in cls.__mro__}
        assert parent[prefix] in parents
    if prefix == "":
        assert cls.supports_gradient_checkpointing is True


@pytest.mark.parametrize("name", [*AUTO, "AutoConfig", "AutoTokenizer"])
def test_auto_classes_are_not_built_directly(name: str) -> None:
    with pytest.raises(OSError, match="from_pretrained"):
        getattr(distilbert, name)()


def test_type_checkers_see_the_same_names() -> None:
    """The imports under `TYPE_CHECKING` and the table of lazy names must agree."""
    seen = {
        alias.asname
        for node in ast.walk(ast.parse(inspect.getsource(distilbert)))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert seen == set(distilbert.__all__) - {"__version__"}


@pytest.mark.parametrize("name", AUTO)
def test_auto_classes_can_be_pickled_and_say_what_they_choose(name: str) -> None:
    cls = getattr(distilbert, name)
    assert pickle.loads(pickle.dumps(cls)) is cls
    chosen = name.replace("AutoModel", "DistilBert")
    assert cls.__doc__ in [f"Chooses the class `{chosen}{end}`." for end in ("", "Model")]
