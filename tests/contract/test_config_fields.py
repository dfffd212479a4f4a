"""Claim 9: every field of the config does what it says, alike in every framework.

`EXERCISES` holds one function per field. A field without one fails the first test, so a new field
cannot be added without saying, here, what it does.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract.agreement import assert_agrees
from contract.legs import Leg
from contract.samples import random_weights, some_inputs, some_labels, tiny_config

from distilbert import DistilBertConfig
from distilbert.errors import ConfigError
from distilbert.heads import HEADS

Exercise = Callable[[Leg, str, Path], None]  # the leg, the field, a folder to write to
EXERCISES: dict[str, Exercise] = {}

# Carried through JSON for other software; no model of ours may change a number because of them.
RECORDS: dict[str, Any] = {
    "_name_or_path": "somewhere",
    "add_cross_attention": True,
    "architectures": ["DistilBertModel"],
    "bos_token_id": 3,
    "cross_attention_hidden_size": 8,
    "decoder_start_token_id": 4,
    "eos_token_id": 5,
    "finetuning_task": "sst2",
    "is_decoder": True,
    "is_encoder_decoder": True,
    "prefix": "p",
    "sep_token_id": 6,
    "task_specific_params": {"a": 1},
    "tf_legacy_loss": True,
    "tie_encoder_decoder": True,
    "tokenizer_class": "DistilBertTokenizer",
    "use_bfloat16": True,
}
# Not fields: constants of the file format.
STAMPS = {"model_type", "transformers_version"}


def exercises(*fields: str) -> Callable[[Exercise], Exercise]:
    def register(function: Exercise) -> Exercise:
        EXERCISES.update(dict.fromkeys(fields, function))
        return function

    return register


def test_no_field_is_left_unexercised() -> None:
    fields = set(DistilBertConfig().to_dict()) | set(inspect.signature(DistilBertConfig).parameters)
    fields -= STAMPS | {"kwargs"}
    assert fields == set(EXERCISES) | set(RECORDS)


@pytest.mark.parametrize("field", sorted(RECORDS))
def test_a_field_kept_for_others_changes_no_number_and_survives_saving(
    leg: Leg, field: str, tmp_path: Path
) -> None:
    head = "token_classification"
    plain = tiny_config(head)
    noted = tiny_config(head, **{field: RECORDS[field]})
    weights, inputs = random_weights(plain, head), some_inputs(plain, head)
    expected = leg.outputs(leg.build(plain, head, weights), inputs)
    got = leg.outputs(leg.build(noted, head, weights), inputs)
    assert np.array_equal(got["logits"], expected["logits"])
    noted.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored[field] == RECORDS[field]
    assert DistilBertConfig.from_dict(stored).to_dict()[field] == RECORDS[field]


SIZES = {
    "vocab_size": 41,
    "max_position_embeddings": 13,
    "n_layers": 3,
    "dim": 24,
    "hidden_dim": 20,
}


@exercises(*SIZES)
def sizes(leg: Leg, field: str, _: Path) -> None:
    for head in HEADS:
        config = tiny_config(head, **{field: SIZES[field]})
        assert_agrees(leg, config, head, some_inputs(config, head))


@exercises("n_heads")
def n_heads(leg: Leg, *_: object) -> None:
    """The same weights cut into more heads give other numbers, those of the oracle."""
    answers = []
    for count in (1, 8):
        config = tiny_config(n_heads=count)
        assert_agrees(leg, config, "base", some_inputs(config, "base"))
        model = leg.build(config, "base", random_weights(config, "base"))
        answers.append(leg.outputs(model, some_inputs(config, "base"))["last_hidden_state"])
    assert not np.allclose(*answers)


@exercises("activation")
def activation(leg: Leg, *_: object) -> None:
    """In the feed-forward networks and the MLM transform; the classifier's ReLU does not follow."""
    names = ("gelu_new", "gelu_fast", "gelu_python", "gelu_pytorch_tanh", "relu", "relu6", "silu")
    names += ("swish", "quick_gelu", "mish", "tanh", "sigmoid", "linear", "leaky_relu")
    cases = [(name, "masked_lm") for name in names] + [("tanh", "sequence_classification")]
    for name, head in cases:
        config = tiny_config(head, activation=name)
        inputs = some_inputs(config, head)
        assert_agrees(leg, config, head, inputs, some_labels(config, head, inputs))


@exercises("sinusoidal_pos_embds")
def sinusoidal(leg: Leg, *_: object) -> None:
    """The table is frozen: it has no gradient and does not move."""
    config = tiny_config("masked_lm", sinusoidal_pos_embds=True)
    inputs = some_inputs(config, "masked_lm")
    labels = some_labels(config, "masked_lm", inputs)
    assert_agrees(leg, config, "masked_lm", inputs, labels)
    model = leg.build(config, "masked_lm")
    name = "distilbert.embeddings.position_embeddings.weight"
    before = leg.weights(model)[name]
    leg.descend(model, inputs | labels)
    assert np.array_equal(leg.weights(model)[name], before)
    learned = leg.build(tiny_config("masked_lm"), "masked_lm")
    assert not np.allclose(leg.weights(learned)[name], before)


@exercises("pad_token_id")
def pad_token_id(leg: Leg, *_: object) -> None:
    """Its row starts at zero and gets no gradient from the lookup, only from a tied projection."""
    for pad in (7, None):
        config = tiny_config(pad_token_id=pad)
        inputs = some_inputs(config, "base")
        assert_agrees(leg, config, "base", inputs, {})
        words = leg.weights(leg.build(config, "base"))["embeddings.word_embeddings.weight"]
        assert list(np.flatnonzero((words == 0).all(-1))) == ([] if pad is None else [pad])


@exercises("initializer_range")
def initializer_range(leg: Leg, *_: object) -> None:
    for width in (0.01, 0.3):
        weights = leg.weights(leg.build(tiny_config(initializer_range=width), "base"))
        spread = weights["transformer.layer.0.ffn.lin1.weight"].std()
        assert 0.9 * width < spread < 1.1 * width


RATES = {
    "dropout": set(HEADS),
    "attention_dropout": set(HEADS),
    "qa_dropout": {"question_answering"},
    "seq_classif_dropout": {"sequence_classification", "multiple_choice"},
}


@exercises(*RATES)
def dropout_rates(leg: Leg, field: str, _: Path) -> None:
    """Each rate acts in training, in the heads that have it, and in no other place."""
    for head in HEADS:
        config = tiny_config(head, **{field: 0.5})
        model = leg.build(config, head, random_weights(config, head))
        inputs = some_inputs(config, head)
        quiet = leg.outputs(model, inputs)
        noisy = leg.outputs(model, inputs, train=True)
        differs = any(not np.allclose(noisy[name], quiet[name], atol=1e-5) for name in quiet)
        assert differs == (head in RATES[field]), head


@exercises("return_dict", "torchscript")
def return_type(leg: Leg, field: str, _: Path) -> None:
    config = tiny_config(**{field: field == "torchscript"})
    model, inputs = leg.build(config, "base"), some_inputs(config, "base")
    assert isinstance(leg.outputs(model, inputs), tuple)
    assert isinstance(leg.outputs(model, inputs, return_dict=True), dict)


@exercises("output_attentions", "output_hidden_states")
def extras(leg: Leg, field: str, _: Path) -> None:
    key = field.removeprefix("output_")
    for head in HEADS:
        config = tiny_config(head, **{field: True})
        model, inputs = leg.build(config, head), some_inputs(config, head)
        assert key in leg.outputs(model, inputs)
        assert key not in leg.outputs(model, inputs, **{field: False})


@exercises("tie_word_embeddings")
def tie_word_embeddings(leg: Leg, *_: object) -> None:
    config = tiny_config("masked_lm", tie_word_embeddings=False)
    inputs = some_inputs(config, "masked_lm")
    labels = some_labels(config, "masked_lm", inputs)
    assert_agrees(leg, config, "masked_lm", inputs, labels)
    gradients = leg.gradients(leg.build(config, "masked_lm"), inputs | labels)
    assert "vocab_projector.weight" in gradients


@exercises("chunk_size_feed_forward")
def chunk_size_feed_forward(leg: Leg, *_: object) -> None:
    """Saves memory, changes nothing; lengths that the chunk does not divide work too (flaw 24)."""
    for chunk in (1, 4, 50):
        config = tiny_config(chunk_size_feed_forward=chunk)
        assert_agrees(leg, config, "base", some_inputs(config, "base"), {})


@exercises("pruned_heads")
def pruned_heads(leg: Leg, *_: object) -> None:
    """Negative layers count from the end, as in files of the reference."""
    config = tiny_config("masked_lm", pruned_heads={0: [0, 2], -1: [3]})
    inputs = some_inputs(config, "masked_lm")
    labels = some_labels(config, "masked_lm", inputs)
    assert_agrees(leg, config, "masked_lm", inputs, labels)
    with pytest.raises(ConfigError, match=r"`pruned_heads` must name layers below 2 .* layer 2"):
        leg.build(tiny_config(pruned_heads={2: [0]}), "base")


@exercises("id2label", "label2id")
def label_maps(leg: Leg, *_: object) -> None:
    names = {0: "no", 1: "perhaps", 2: "yes"}
    for head in ("sequence_classification", "token_classification"):
        config = tiny_config(head, num_labels=None, id2label=names)
        model = leg.build(config, head)
        assert leg.outputs(model, some_inputs(config, head))["logits"].shape[-1] == 3
        assert model.config.label2id == {"no": 0, "perhaps": 1, "yes": 2}


@exercises("problem_type")
def problem_type(leg: Leg, *_: object) -> None:
    head = "sequence_classification"
    one_hot = np.eye(3, 5, dtype=np.float32)
    losses = set()
    for kind, labels in (
        ("regression", one_hot),
        ("multi_label_classification", one_hot),
        ("single_label_classification", np.arange(3)),
    ):
        config = tiny_config(head, problem_type=kind)
        inputs = some_inputs(config, head)
        assert_agrees(leg, config, head, inputs, {"labels": labels})
        model = leg.build(config, head, random_weights(config, head))
        losses.add(float(leg.outputs(model, inputs | {"labels": labels})["loss"]))
    assert len(losses) == 3


@exercises("torch_dtype")
def torch_dtype(leg: Leg, _: str, folder: Path) -> None:
    """The type a checkpoint was saved in; loading follows it when asked with "auto".

    Unasked, PyTorch's and TensorFlow's classes load float32, and Flax's whatever is stored, as in
    the reference.
    """
    config = tiny_config()
    model = leg.in_half(leg.build(config, "base", random_weights(config, "base")), "float16")
    leg.save(model, folder, "safetensors")
    assert json.loads((folder / "config.json").read_text())["torch_dtype"] == "float16"
    unasked = np.float16 if getattr(leg, "keeps_stored_dtype", False) else np.float32
    for asked, expected in ((None, unasked), ("auto", np.float16)):
        options = {} if asked is None else {"torch_dtype": asked}
        loaded = leg.weights(leg.load("base", folder, "safetensors", **options))
        assert {value.dtype for value in loaded.values()} == {np.dtype(expected)}


@pytest.mark.parametrize("field", sorted(EXERCISES))
def test_the_field_does_what_it_says(leg: Leg, field: str, tmp_path: Path) -> None:
    EXERCISES[field](leg, field, tmp_path)
