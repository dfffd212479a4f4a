"""ModelOutput: access by attribute, key and position."""

from __future__ import annotations

import copy
import pickle

import pytest

from distilbert import outputs
from distilbert.outputs import (
    BaseModelOutput,
    MaskedLMOutput,
    QuestionAnsweringModelOutput,
    output_classes,
)


def test_a_field_reads_the_same_by_attribute_key_and_position():
    out = MaskedLMOutput(logits="L", attentions=("a",))
    assert out.logits == out["logits"] == out[0] == "L"
    assert out[:2] == ("L", ("a",)) == out.to_tuple()
    assert (len(out), list(out), list(out.values())) == (2, ["logits", "attentions"], [*out[:]])
    assert dict(**out) == {"logits": "L", "attentions": ("a",)}


def test_a_missing_field_is_none_by_attribute_and_no_key():
    out = MaskedLMOutput(logits="L")
    assert out.loss is None
    assert "loss" not in out
    with pytest.raises(KeyError):
        out["loss"]
    with pytest.raises(AttributeError, match="no attribute `lozz`"):
        _ = out.lozz


def test_setting_by_attribute_or_key_keeps_views_and_order_together():
    out = MaskedLMOutput(logits="L")
    out.loss = 1.0
    out["attentions"] = "A"
    assert list(out) == ["loss", "logits", "attentions"]
    assert (out[0], out["loss"], out.attentions) == (1.0, 1.0, "A")
    out.logits = "M"
    assert out["logits"] == "M"
    out.loss = None
    assert out[0] == "M"
    with pytest.raises(KeyError, match="has no field `x`"):
        out["x"] = 1


@pytest.mark.parametrize(
    "change",
    [
        lambda out: out.pop("logits"),
        lambda out: out.popitem(),
        lambda out: out.update(logits=1),
        lambda out: out.setdefault("loss", 1),
        lambda out: out.clear(),
        lambda out: out.__delitem__("logits"),
    ],
)
def test_fields_cannot_be_lost(change):
    out = MaskedLMOutput(logits="L")
    with pytest.raises(TypeError, match="does not allow fields to be removed"):
        change(out)
    assert out.logits == "L"


def test_fields_are_positional_in_declared_order_and_extra_ones_are_refused():
    assert QuestionAnsweringModelOutput(1, 2, 3).end_logits == 3
    assert BaseModelOutput({"last_hidden_state": 1}).last_hidden_state == 1
    with pytest.raises(TypeError, match="3 fields: got 4"):
        BaseModelOutput(1, 2, 3, 4)
    with pytest.raises(TypeError, match="two values for `last_hidden_state`"):
        BaseModelOutput(1, last_hidden_state=2)
    with pytest.raises(TypeError, match="no field `logits`"):
        BaseModelOutput(logits=1)


def test_outputs_copy_pickle_and_show_their_type():
    out = BaseModelOutput(last_hidden_state=[1], hidden_states=([2],))
    for again in (copy.deepcopy(out), copy.copy(out), pickle.loads(pickle.dumps(out))):
        assert type(again) is BaseModelOutput
        assert again == out
    assert repr(out) == (
        "BaseModelOutput(last_hidden_state=[1], hidden_states=([2],), attentions=None)"
    )


def test_every_output_class_is_listed_for_its_framework():
    listed = {kind for prefix in ("", "TF", "Flax") for kind in output_classes(prefix)}
    declared = {
        kind
        for name, kind in vars(outputs).items()
        if name.endswith("Output") and not name.startswith("_")
    }
    assert listed == declared - {outputs.ModelOutput}
