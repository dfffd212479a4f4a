"""Methods of the reference's TensorFlow models that are not on its page."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from distilbert import (
    TFDistilBertForMaskedLM,
    TFDistilBertForQuestionAnswering,
    TFDistilBertModel,
)


def test_the_projection_and_its_bias_are_found(config) -> None:
    model = TFDistilBertForMaskedLM(config)
    assert model.get_lm_head() is model.vocab_projector
    assert model.get_bias()["bias"] is model.vocab_projector.bias
    assert TFDistilBertModel(config).get_lm_head() is TFDistilBertModel(config).get_bias() is None


def test_building_again_changes_nothing(config) -> None:
    model = TFDistilBertModel(config)
    before = [variable.path for variable in model.variables]
    model.build()
    model.build_in_name_scope()
    assert [variable.path for variable in model.variables] == before


@pytest.mark.parametrize("model_class", [TFDistilBertForMaskedLM, TFDistilBertForQuestionAnswering])
def test_the_loss_of_a_call_is_computed_from_labels_and_logits(config, model_class) -> None:
    config.n_layers = 1
    model, ids = model_class(config), np.array([[5, 6, 7]])
    if model.head == "question_answering":
        output = model(ids, start_positions=tf.constant([1]), end_positions=tf.constant([2]))
        logits = (output.start_logits, output.end_logits)
        labels = {"end_position": tf.constant([2]), "start_position": tf.constant([1])}
    else:
        output = model(ids, labels=tf.constant(ids))
        logits, labels = output.logits, tf.constant(ids)
    np.testing.assert_allclose(model.hf_compute_loss(labels, logits), output.loss, rtol=1e-6)
