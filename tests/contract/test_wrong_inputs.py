"""Claim 12: a mistake raises the same type with the same words in every framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from contract.legs import Leg
from contract.samples import some_inputs, some_labels, tiny_config

from distilbert.errors import ActivationError, ConfigError, InputError, TokenIdError

CONFIG_MISTAKES = {
    "heads-do-not-divide": ("base", {"n_heads": 5}, ConfigError, "`n_heads` must divide `dim`"),
    "three-span-labels": (
        "question_answering",
        {"num_labels": 3},
        ConfigError,
        "`num_labels` must be 2",
    ),
    "unknown-activation": (
        "base",
        {"activation": "gelou"},
        ActivationError,
        "`activation` must be .* got 'gelou'",
    ),
    "no-words": ("base", {"vocab_size": 0}, ConfigError, "`vocab_size` must be"),
    "dropout-of-two": ("base", {"dropout": 2.0}, ConfigError, "`dropout` must be a probability"),
}


@pytest.mark.parametrize("mistake", CONFIG_MISTAKES)
def test_an_impossible_config_is_refused_when_a_model_is_built(leg: Leg, mistake: str) -> None:
    head, changes, error, words = CONFIG_MISTAKES[mistake]
    config = tiny_config(head, **changes)
    with pytest.raises(error, match=words):
        leg.build(config, head)


def test_all_broken_rules_are_named_at_once(leg: Leg) -> None:
    with pytest.raises(ConfigError, match=r"(?s)`vocab_size`.*`hidden_dim`.*`dropout`"):
        leg.build(tiny_config(vocab_size=-1, hidden_dim=0, dropout=7), "base")


@pytest.mark.parametrize("wrong", [{"n_layers": 2}, None, "distilbert-base-uncased"])
def test_a_config_must_be_a_config(leg: Leg, wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="config"):
        leg.class_of("base")(wrong)


def test_ids_and_embeddings_exclude_each_other(leg: Leg) -> None:
    config = tiny_config()
    model = leg.build(config, "base")
    inputs = some_inputs(config, "base")
    vectors = np.zeros((3, 9, config.dim), np.float32)
    with pytest.raises(InputError, match=r"(?s)`input_ids`.*`inputs_embeds`"):
        leg.outputs(model, inputs | {"inputs_embeds": vectors})
    with pytest.raises(InputError, match=r"(?s)`input_ids`.*`inputs_embeds`"):
        leg.outputs(model, {"attention_mask": inputs["attention_mask"]})


@pytest.mark.parametrize(("head", "axes"), [("base", 2), ("multiple_choice", 3)])
def test_a_sequence_must_stand_in_a_batch(leg: Leg, head: str, axes: int) -> None:
    config = tiny_config(head)
    model, ids = leg.build(config, head), some_inputs(config, head)["input_ids"]
    with pytest.raises(InputError, match=rf"`input_ids` must have {axes} axes: got shape"):
        leg.outputs(model, {"input_ids": ids[0]})
    vectors = np.zeros((*ids.shape[1:], config.dim), np.float32)
    with pytest.raises(InputError, match=rf"`inputs_embeds` must have {axes + 1} axes"):
        leg.outputs(model, {"inputs_embeds": vectors})


@pytest.mark.parametrize("word_id", [99, 1000])
def test_an_id_outside_the_vocabulary_is_named(leg: Leg, word_id: int) -> None:
    config = tiny_config()
    inputs = some_inputs(config, "base")
    inputs["input_ids"][0, 0] = word_id
    with pytest.raises(TokenIdError, match=rf"between 0 and 98: got \d+ to {word_id}\. Use the"):
        leg.outputs(leg.build(config, "base"), inputs)


def test_a_negative_id_is_no_id_from_the_end(leg: Leg) -> None:
    config = tiny_config()
    inputs = some_inputs(config, "base")
    inputs["input_ids"][0, 0] = -1
    with pytest.raises(TokenIdError, match="between 0 and 98: got -1 to"):
        leg.outputs(leg.build(config, "base"), inputs)


def test_a_too_long_input_is_refused(leg: Leg) -> None:
    config = tiny_config(max_position_embeddings=8)
    words = "`max_position_embeddings`: got 9 tokens, at most 8"
    with pytest.raises(TokenIdError, match=words):
        leg.outputs(leg.build(config, "base"), some_inputs(config, "base", length=9))


def test_masks_of_other_sizes_are_refused(leg: Leg) -> None:
    config = tiny_config()
    model, inputs = leg.build(config, "base"), some_inputs(config, "base")
    with pytest.raises(InputError, match=r"one value per token: got \(3, 8\) for 3 sequences of 9"):
        leg.outputs(model, inputs | {"attention_mask": np.ones((3, 8), np.int64)})
    with pytest.raises(InputError, match=r"`head_mask` must be .*got \(3, 4\) for 2 layers"):
        leg.outputs(model, inputs | {"head_mask": np.ones((3, 4), np.float32)})


def test_labels_of_other_shapes_are_refused(leg: Leg) -> None:
    head = "sequence_classification"
    config = tiny_config(head)
    model, inputs = leg.build(config, head), some_inputs(config, head)
    with pytest.raises(InputError, match="`labels` must hold one class number per row"):
        leg.outputs(model, inputs | {"labels": np.ones((3, 5), np.int64)})
    with pytest.raises(InputError, match="`labels` must hold one value per logit"):
        leg.outputs(model, inputs | {"labels": np.ones((3, 4), np.float32)})


@pytest.mark.parametrize(
    "name", ["attention_masks", "token_type_ids", "position_id", "label", "input_id"]
)
def test_an_unknown_keyword_is_a_type_error_that_names_it(leg: Leg, name: str) -> None:
    """Trap b: the reference of today runs on without the misspelled mask."""
    config = tiny_config()
    inputs = some_inputs(config, "base")
    with pytest.raises(TypeError, match=name):
        leg.outputs(leg.build(config, "base"), inputs | {name: inputs["attention_mask"]})


def test_positions_outside_the_table_and_of_other_shapes_are_named(leg: Leg) -> None:
    config = tiny_config()
    model, inputs = leg.build(config, "base"), some_inputs(config, "base")
    for last in (24, -1):
        positions = np.arange(9)
        positions[8] = last
        ends = f"{min(last, 0)} to {max(last, 7)}"
        with pytest.raises(TokenIdError, match=rf"between 0 and 23: got {ends}\."):
            leg.outputs(model, inputs | {"position_ids": positions})
    for shape in ((8,), (2, 9), (1, 1, 9)):
        with pytest.raises(InputError, match="`position_ids` must have one position per token"):
            leg.outputs(model, inputs | {"position_ids": np.zeros(shape, np.int64)})


@pytest.mark.parametrize("head", ["token_classification", "sequence_classification"])
def test_labels_outside_the_classes_are_named(leg: Leg, head: str) -> None:
    config = tiny_config(head)
    model, inputs = leg.build(config, head), some_inputs(config, head)
    labels = some_labels(config, head, inputs)["labels"]
    labels.flat[-1] = 7
    with pytest.raises(InputError, match=r"between 0 and 4, or -100 for none: got \d to 7\."):
        leg.outputs(model, inputs | {"labels": labels})


def test_token_labels_of_another_shape_are_refused(leg: Leg) -> None:
    head = "token_classification"
    config = tiny_config(head)
    model, inputs = leg.build(config, head), some_inputs(config, head)
    with pytest.raises(InputError, match=r"one class number per token: got labels \(3, 8\)"):
        leg.outputs(model, inputs | {"labels": np.ones((3, 8), np.int64)})
