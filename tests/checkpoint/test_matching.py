"""What fits, what does not, in the checkpoint's own names; as the reference reported it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.matching import infer_head, match_parameters
from distilbert.checkpoint.spec import parameter_spec
from distilbert.config import DistilBertConfig
from distilbert.heads import HEADS

HEAD_OF_CLASS = {name: head for head, name in ((h.name, h.class_name) for h in HEADS.values())}


def recorded_reports(golden):
    return json.loads((golden / "api.json").read_text())["loading_info"]


@pytest.mark.parametrize("index", range(9))
def test_reports_equal_the_recorded_ones(golden, index):
    case = recorded_reports(golden)[index]
    folder = golden / case["src"]
    kwargs = {k: v for k, v in case["kwargs"].items() if k != "ignore_mismatched_sizes"}
    config = DistilBertConfig.from_pretrained(folder, **kwargs)
    arrays, report = match_parameters(open_checkpoint(folder), config, HEAD_OF_CLASS[case["cls"]])
    info = report.as_dict()
    assert info["missing_keys"] == case["missing"]
    assert info["unexpected_keys"] == case["unexpected"]
    assert [name for name, _, _ in info["mismatched_keys"]] == case["mismatched"]
    assert info["error_msgs"] == []
    assert not arrays.keys() & {name for name, _, _ in info["mismatched_keys"]}


def test_nothing_else_was_recorded(golden):
    assert len(recorded_reports(golden)) == 9


def test_mismatches_name_both_shapes(masked_lm):
    arrays = {**masked_lm.arrays, "vocab_transform.bias": np.zeros(3)}
    found, report = match_parameters(arrays, masked_lm.config, "masked_lm")
    assert report.mismatched_keys == [("vocab_transform.bias", (3,), (16,))]
    assert "vocab_transform.bias" not in found


def test_names_are_in_the_style_of_the_checkpoint(base, masked_lm):
    bare = dict(base.arrays)
    bare.pop("embeddings.LayerNorm.bias")
    found, report = match_parameters(bare, masked_lm.config, "masked_lm")
    assert "embeddings.LayerNorm.bias" in report.missing_keys
    assert all(name.startswith("distilbert.") for name in found)
    prefixed = dict(masked_lm.arrays)
    prefixed.pop("distilbert.embeddings.LayerNorm.bias")
    found, report = match_parameters(prefixed, base.config, "base")
    assert report.missing_keys == ["distilbert.embeddings.LayerNorm.bias"]
    assert not any(name.startswith("distilbert.") for name in found)


def test_a_tied_projector_is_neither_missing_nor_unexpected(masked_lm):
    word = masked_lm.arrays["distilbert.embeddings.word_embeddings.weight"]
    for extra in ({}, {"vocab_projector.weight": word}):
        found, report = match_parameters(
            {**masked_lm.arrays, **extra}, masked_lm.config, "masked_lm"
        )
        assert report.verdict() == "Complete: every parameter came from the checkpoint."
        assert "vocab_projector.weight" not in found


def test_the_tied_name_alone_is_enough(masked_lm):
    arrays = dict(masked_lm.arrays)
    word = arrays.pop("distilbert.embeddings.word_embeddings.weight")
    arrays["vocab_projector.weight"] = word
    found, report = match_parameters(arrays, masked_lm.config, "masked_lm")
    assert found["distilbert.embeddings.word_embeddings.weight"] is word
    assert not report.missing_keys


def test_an_untied_projector_is_a_parameter_of_its_own(masked_lm):
    config = DistilBertConfig(**{**masked_lm.config.to_dict(), "tie_word_embeddings": False})
    _, report = match_parameters(masked_lm.arrays, config, "masked_lm")
    assert report.missing_keys == ["vocab_projector.weight"]


def test_verdicts_are_one_plain_sentence(base, masked_lm):
    def verdict(arrays, config, head):
        return match_parameters(arrays, config, head)[1].verdict()

    assert verdict(base.arrays, base.config, "base").startswith("Complete: every")
    assert verdict(masked_lm.arrays, base.config, "base").startswith(
        "Complete; the checkpoint's vocab_layer_norm.bias, "
    )
    assert verdict(base.arrays, base.config, "question_answering").startswith(
        "The head is newly initialized: "
        "qa_outputs.weight, qa_outputs.bias did not come from the checkpoint"
    )
    wrong = verdict({"other.weight": np.ones(1)}, base.config, "base")
    assert wrong.startswith("Wrong file: no")
    assert wrong.endswith("It contains other.weight.")
    deeper = DistilBertConfig(**{**base.config.to_dict(), "n_layers": 3})
    assert verdict(base.arrays, deeper, "base").startswith(
        "Incomplete file: 16 parameters of the encoder did not come from it and are random ("
    )
    assert "and 10 more" in verdict(base.arrays, deeper, "base")
    shallower = DistilBertConfig(**{**base.config.to_dict(), "n_layers": 1})
    assert verdict(base.arrays, shallower, "base").startswith(
        "The checkpoint has more layers than `n_layers` of the config: those numbered 1 were not"
    )
    wide = DistilBertConfig(**{**base.config.to_dict(), "max_position_embeddings": 3})
    assert "position_embeddings.weight (shape (16, 16) in the file, (3, 16) in the" in verdict(
        base.arrays, wide, "base"
    )


def test_a_missing_sinusoid_table_is_reported_but_not_random(base):
    config = DistilBertConfig(**{**base.config.to_dict(), "sinusoidal_pos_embds": True})
    arrays = dict(base.arrays)
    arrays.pop("embeddings.position_embeddings.weight")
    _, report = match_parameters(arrays, config, "base")
    assert report.missing_keys == ["embeddings.position_embeddings.weight"]
    assert report.verdict().startswith("Complete")


@pytest.mark.parametrize("head", HEADS)
def test_the_head_is_recognised_by_its_parameters(head):
    config = DistilBertConfig(architectures=[HEADS[head].class_name])
    names = [parameter.name for parameter in parameter_spec(config, head)]
    assert infer_head(names, config) == head


@pytest.mark.parametrize(
    ("in_file", "wanted", "is_other"),
    [
        ("sequence_classification", "token_classification", True),
        ("multiple_choice", "sequence_classification", True),
        ("sequence_classification", "multiple_choice", True),
        ("token_classification", "token_classification", False),
        ("sequence_classification", "base", False),
    ],
)
def test_a_classifier_of_another_task_is_not_taken_for_its_own(in_file, wanted, is_other):
    names = {"architectures": [HEADS[in_file].class_name], "num_labels": 1}
    config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8, **names)
    weights = initial_weights(config, in_file, 0)
    _, report = match_parameters(weights, config, wanted)
    assert report.other_head == (in_file if is_other else None)
    assert report.verdict().startswith("The head was trained for" if is_other else "Complete")
