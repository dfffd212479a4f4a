"""The facts about heads agree with the parameters and the outputs of the models."""

from __future__ import annotations

import pytest

import distilbert
from distilbert.checkpoint.spec import parameter_spec
from distilbert.heads import HEADS, TASK_HEADS, head_of_class


@pytest.mark.parametrize("name", HEADS)
def test_every_head_has_its_class_in_each_framework(name: str) -> None:
    head = HEADS[name]
    for prefix in ("", "TF", "Flax"):
        assert head_of_class(prefix + head.class_name) is head
        assert hasattr(distilbert, prefix + head.class_name)
        assert hasattr(distilbert, prefix + head.auto_class_name)
    assert parameter_spec(distilbert.DistilBertConfig(), name)


def test_every_head_but_the_base_model_has_a_task() -> None:
    assert {head.name for head in TASK_HEADS.values()} == set(HEADS) - {"base"}
    assert head_of_class("BertForMaskedLM") is None


def test_labels_per_token_go_with_an_axis_of_tokens() -> None:
    for head in HEADS.values():
        has_tokens = any("S" in axes for axes in head.outputs.values())
        assert has_tokens != head.reads_first_token
        assert has_tokens or not head.labels_per_token
