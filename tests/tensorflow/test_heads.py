"""Claims about `distilbert.tensorflow.heads`."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import tensorflow as tf

from distilbert import outputs
from distilbert.errors import ConfigError
from distilbert.heads import HEADS
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.layers import Linear, TiedLinear

OUTPUTS = {
    "masked_lm": (outputs.TFMaskedLMOutput, (3, 7, 99)),
    "sequence_classification": (outputs.TFSequenceClassifierOutput, (3, 2)),
    "multiple_choice": (outputs.TFMultipleChoiceModelOutput, (1, 3)),
    "token_classification": (outputs.TFTokenClassifierOutput, (3, 7, 2)),
    "question_answering": (outputs.TFQuestionAnsweringModelOutput, (3, 7)),
}
LABELS = {
    "masked_lm": {"labels": np.arange(21).reshape(3, 7)},
    "sequence_classification": {"labels": np.array([0, 1, 1])},
    "multiple_choice": {"labels": np.array([2])},
    "token_classification": {"labels": np.ones((3, 7), int)},
    "question_answering": {
        "start_positions": np.array([0, 1, 2]),
        "end_positions": np.array([1, 3, 6]),
    },
}
LOSS_SHAPES = {
    "masked_lm": (1,),
    "sequence_classification": (3,),
    "multiple_choice": (1,),
    "token_classification": (1,),
    "question_answering": (3,),
}


def inputs_of(head: str, ids: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    if head == "multiple_choice":
        ids, mask = ids[None], mask[None]
    return {"input_ids": ids, "attention_mask": mask}


def build(head: str, config):
    tf.random.set_seed(0)
    return MODEL_CLASSES[head](config)


def close(one, other) -> None:
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_every_head_has_its_class() -> None:
    names = {head: c.__name__ for head, c in MODEL_CLASSES.items()}
    assert names == {
        head: f"TF{name}" for head, name in ((h.name, h.class_name) for h in HEADS.values())
    }


@pytest.mark.parametrize("head", OUTPUTS)
def test_each_head_answers_with_its_class_and_shape(head, config, ids, mask) -> None:
    kind, shape = OUTPUTS[head]
    output = build(head, config)(**inputs_of(head, ids, mask))
    assert type(output) is kind
    assert output[0].shape == shape
    assert output.loss is None


@pytest.mark.parametrize("head", OUTPUTS)
def test_labels_bring_a_loss_first_and_every_variable_a_gradient(head, config, ids, mask) -> None:
    model = build(head, config)
    with tf.GradientTape() as tape:
        output = model(
            **inputs_of(head, ids, mask),
            **LABELS[head],
            output_attentions=True,
            output_hidden_states=True,
            return_dict=False,
            training=True,
        )
    n_logits = 2 if head == "question_answering" else 1
    assert [isinstance(x, tuple) for x in output] == [False] * (1 + n_logits) + [True] * 2
    assert output[0].shape == LOSS_SHAPES[head]
    assert [len(x) for x in output[-2:]] == [3, 2]
    gradients = tape.gradient(output[0], model.trainable_variables)
    assert all(np.isfinite(tf.convert_to_tensor(x)).all() for x in gradients)


@pytest.mark.parametrize("head", OUTPUTS)
def test_arguments_stand_in_the_pages_order(head) -> None:
    assert list(inspect.signature(MODEL_CLASSES[head].call).parameters) == [
        *("self", "input_ids", "attention_mask", "head_mask", "inputs_embeds"),
        *("output_attentions", "output_hidden_states", "return_dict"),
        *LABELS[head],
        "training",
    ]
    constructor = inspect.signature(MODEL_CLASSES[head].__init__).parameters.values()
    assert [str(parameter).partition(":")[0] for parameter in constructor] == [
        "self",
        "config",
        "*inputs",
        "**kwargs",
    ]


@pytest.mark.parametrize("head", OUTPUTS)
def test_embeddings_can_replace_ids_in_every_head(head, config, ids, mask) -> None:
    model = build(head, config)
    given = inputs_of(head, ids, mask)
    expected = model(**given)[0]
    embedded = model.get_input_embeddings()(given.pop("input_ids"))
    close(model(**given, inputs_embeds=embedded)[0], expected)


def test_choices_are_rated_like_single_sequences(config, ids, mask) -> None:
    model = build("multiple_choice", config)
    logits = model(ids[None], mask[None]).logits
    alone = [model(ids[i][None, None], mask[i][None, None]).logits for i in range(3)]
    close(logits, tf.concat(alone, 1))
    with pytest.raises(ValueError, match="exactly one of"):
        model()


def test_the_classifier_keeps_relu_whatever_the_activation(config, ids) -> None:
    config.activation = "tanh"
    model = build("sequence_classification", config)
    first = model.distilbert(ids)[0][:, 0]
    close(model(ids).logits, model.classifier(tf.nn.relu(model.pre_classifier(first))))


def test_the_projection_is_the_word_embedding_when_tied(config, ids) -> None:
    tied = build("masked_lm", config)
    assert isinstance(tied.get_output_embeddings(), TiedLinear)
    before = tied(ids).logits
    words = tied.get_input_embeddings().weight
    words.assign(words.numpy()[::-1])
    close(tied(98 - ids).logits, tf.reverse(before, [-1]))
    config.tie_word_embeddings = False
    free = build("masked_lm", config)
    assert isinstance(free.get_output_embeddings(), Linear)
    assert len(free.weights) == len(tied.weights) + 1


def test_other_heads_have_no_output_embeddings(config) -> None:
    for head in MODEL_CLASSES:
        if head != "masked_lm":
            assert build(head, config).get_output_embeddings() is None


def test_the_legacy_flag_brings_one_value_per_labelled_token(config, ids) -> None:
    labels = np.where(ids % 2, 1, -100)
    for head in ("masked_lm", "token_classification"):
        config.tf_legacy_loss = True
        model = build(head, config)
        loss = model(ids, labels=labels).loss
        assert loss.shape == (np.count_nonzero(labels == 1),)
        model.config.tf_legacy_loss = False
        close(model(ids, labels=labels).loss[0], tf.reduce_mean(loss))


def test_the_kind_of_labels_is_decided_anew_at_every_call(config, ids) -> None:
    """Flaw 10 of the reference: the first call decided for all, and the saved config changed."""
    model = build("sequence_classification", config)
    model(ids, labels=np.array([0, 1, 1]))
    targets = np.eye(3, 2, dtype=np.float32)
    several = model(ids, labels=targets).loss
    logits = model(ids).logits.numpy().astype(np.float64)
    close(several, (np.logaddexp(0, logits) - targets * logits).mean(-1))
    assert model.config.problem_type is None


def test_question_answering_needs_both_positions_for_a_loss(config, ids) -> None:
    model = build("question_answering", config)
    assert model(ids, start_positions=np.zeros(3, int)).loss is None
    assert model(ids, end_positions=np.zeros(3, int)).loss is None


def test_question_answering_with_other_than_two_labels_is_refused(config) -> None:
    config.num_labels = 3
    with pytest.raises(ConfigError, match=r"must be 2 \(start and end\).*got 3"):
        build("question_answering", config)
