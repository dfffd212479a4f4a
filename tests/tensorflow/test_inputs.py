"""Every form of a call means the same; every mistake in one is named."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tensorflow as tf

from distilbert import TFDistilBertForSequenceClassification
from distilbert.errors import InputError
from distilbert.input_checks import warn_of_unmasked_padding
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.inputs import argument_names, check_arguments, named_arguments
from distilbert.tokenization.batch_encoding import BatchEncoding


@pytest.fixture
def model(config):
    return TFDistilBertForSequenceClassification(config)


FORMS = {
    "keywords": lambda model, a, b: model(input_ids=a, attention_mask=b),
    "in-order": lambda model, a, b: model(a, b),
    "list": lambda model, a, b: model([a, b]),
    "tuple": lambda model, a, b: model((a, b)),
    "dict": lambda model, a, b: model({"input_ids": a, "attention_mask": b}),
    "dict-and-keyword": lambda model, a, b: model({"input_ids": a}, attention_mask=b),
    "dict-as-ids": lambda model, a, b: model(input_ids={"input_ids": a, "attention_mask": b}),
    "encoding": lambda model, a, b: model(BatchEncoding({"input_ids": a, "attention_mask": b})),
    "int32": lambda model, a, b: model(tf.constant(a, tf.int32), tf.constant(b, tf.int32)),
    "int64": lambda model, a, b: model(tf.constant(a), tf.constant(b)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_means_the_same(model, ids, mask, form) -> None:
    expected = model(input_ids=ids, attention_mask=mask).logits
    np.testing.assert_allclose(FORMS[form](model, ids, mask).logits, expected, atol=1e-6)


def test_the_keywords_of_a_child_class_are_those_of_its_parent_too(config, ids, mask) -> None:
    class Child(TFDistilBertForSequenceClassification):
        def call(self, input_ids=None, temperature=1.0, **others):
            output = super().call(input_ids, **others)
            output["logits"] = output.logits / temperature
            return output

    assert argument_names(Child)[:3] == ("input_ids", "temperature", "attention_mask")
    model = Child(config)
    expected = model(ids, attention_mask=mask).logits / 2
    answer = model({"input_ids": ids, "attention_mask": mask, "temperature": np.float32(2)})
    np.testing.assert_allclose(answer.logits, expected, atol=1e-6)
    model.compile("sgd")
    model.fit({"input_ids": ids, "attention_mask": mask}, np.array([0, 1, 0]), verbose=0)
    with pytest.raises(TypeError, match="unknown argument `cold`"):
        model(ids, cold=True)


def test_one_tensor_is_the_ids(model, ids) -> None:
    np.testing.assert_array_equal(model(ids).logits, model(input_ids=ids).logits)


def test_plain_lists_are_arrays(model, ids) -> None:
    expected = model(ids).logits
    for answer in (model(ids.tolist()), model({"input_ids": ids.tolist()})):
        np.testing.assert_allclose(answer.logits, expected, atol=1e-6)


def test_labels_in_a_mapping_count(model, ids) -> None:
    assert model({"input_ids": ids, "labels": np.array([0, 1, 0])}).loss.shape == (3,)


def test_embeddings_need_no_ids(model, ids) -> None:
    vectors = model.get_input_embeddings()(ids)
    expected = model(ids).logits
    for answer in (
        model(inputs_embeds=vectors),
        model(input_ids=None, inputs_embeds=vectors),
        model({"inputs_embeds": vectors}),
        model(None, None, None, vectors),
    ):
        np.testing.assert_allclose(answer.logits, expected, atol=1e-6)


@pytest.mark.parametrize("name", ["attention_masks", "token_type_ids", "label"])
def test_an_unknown_name_is_both_errors_of_the_reference(model, ids, name) -> None:
    for call in (lambda: model(ids, **{name: ids}), lambda: model({"input_ids": ids, name: ids})):
        with pytest.raises(TypeError, match=f"unknown argument `{name}`"):
            call()
        with pytest.raises(ValueError, match=name):
            call()


def test_too_many_arguments_and_one_given_twice_are_named() -> None:
    model_class = TFDistilBertForSequenceClassification
    with pytest.raises(TypeError, match="A call takes 9 arguments"):
        named_arguments(model_class, list(range(10)), {})
    with pytest.raises(InputError, match="Pass `input_ids` once"):
        named_arguments(model_class, (np.ones(1),), {"input_ids": np.ones(1)})


@pytest.mark.parametrize("form", [[], (), [None], {}])
def test_a_form_without_ids_is_the_error_of_the_reference(model, form) -> None:
    with pytest.raises(ValueError, match="got neither"):
        model(form)


def test_rules_are_checked_before_anything_is_computed(config) -> None:
    ids = np.ones((2, 5), int)
    for given, text in (
        ({}, "got neither"),
        ({"input_ids": np.ones((2, 41), int)}, "at most 40"),
        ({"input_ids": ids, "attention_mask": np.ones((2, 4))}, "one value per token"),
        ({"input_ids": ids, "head_mask": np.ones((3, 4))}, "`head_mask` must be"),
        ({"input_ids": ids + 98}, "between 0 and 98: got 99 to 99"),
    ):
        with pytest.raises(InputError, match=text):
            check_arguments(given, config, "base")


def test_symbolic_inputs_are_checked_as_far_as_they_are_known(config) -> None:
    check_arguments({"input_ids": keras.Input((None,), dtype="int32")}, config, "base")
    with pytest.raises(IndexError, match="got 41 tokens"):
        check_arguments({"input_ids": keras.Input((41,), dtype="int32")}, config, "base")


def test_padding_without_a_mask_is_warned_of_once(model, ids, caplog) -> None:
    warn_of_unmasked_padding.cache_clear()
    with caplog.at_level(logging.WARNING, logger="distilbert"):
        model(ids)
        ids[0, -1] = 0
        model(ids, np.ones_like(ids))
        assert not caplog.records
        model(ids)
        model(ids)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "there is no `attention_mask`" in caplog.text
