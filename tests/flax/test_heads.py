"""Claims about `distilbert.flax.heads`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from distilbert import outputs
from distilbert.errors import ConfigError
from distilbert.flax.heads import MODEL_CLASSES
from distilbert.flax.weights import flatten
from distilbert.heads import HEADS

OUTPUTS = {
    "base": (outputs.FlaxBaseModelOutput, (3, 7, 32)),
    "masked_lm": (outputs.FlaxMaskedLMOutput, (3, 7, 99)),
    "sequence_classification": (outputs.FlaxSequenceClassifierOutput, (3, 2)),
    "multiple_choice": (outputs.FlaxMultipleChoiceModelOutput, (1, 3)),
    "token_classification": (outputs.FlaxTokenClassifierOutput, (3, 7, 2)),
    "question_answering": (outputs.FlaxQuestionAnsweringModelOutput, (3, 7)),
}


def inputs_of(head: str, ids: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    if head == "multiple_choice":
        ids, mask = ids[None], mask[None]
    return {"input_ids": ids, "attention_mask": mask}


def test_every_head_has_its_class() -> None:
    names = {name: f"Flax{head.class_name}" for name, head in HEADS.items()}
    assert {head: c.__name__ for head, c in MODEL_CLASSES.items()} == names


@pytest.mark.parametrize("head", OUTPUTS)
def test_each_head_answers_with_its_class_and_shape(head, config, ids, mask) -> None:
    kind, shape = OUTPUTS[head]
    output = MODEL_CLASSES[head](config)(**inputs_of(head, ids, mask))
    assert type(output) is kind
    assert output[0].shape == shape
    assert "loss" not in kind.field_names


@pytest.mark.parametrize("head", OUTPUTS)
@pytest.mark.parametrize("tied", [True, False])
def test_linens_own_init_makes_the_same_tree(head, tied, config, ids, mask) -> None:
    config.tie_word_embeddings = tied
    model = MODEL_CLASSES[head](config)
    made = model.module.init(jax.random.key(0), **inputs_of(head, ids, mask))["params"]
    shapes = {name: (leaf.shape, leaf.dtype) for name, leaf in flatten(made).items()}
    held = {name: (leaf.shape, leaf.dtype) for name, leaf in flatten(model.params).items()}
    required = {n: (x.shape, x.dtype) for n, x in flatten(model.params_shape_tree).items()}
    assert shapes == held == required
    words = made if head == "base" else made["distilbert"]
    table = words["embeddings"]["word_embeddings"]["embedding"]
    assert not table[0].any()
    assert float(table[1:].std()) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("head", OUTPUTS)
def test_embeddings_can_replace_ids_in_every_head(head, config, ids, mask) -> None:
    model = MODEL_CLASSES[head](config)
    given = inputs_of(head, ids, mask)
    expected = model(**given)[0]
    embedded = model.get_input_embeddings()[given.pop("input_ids")]
    np.testing.assert_allclose(model(**given, inputs_embeds=embedded)[0], expected, atol=1e-6)


def test_choices_are_rated_like_single_sequences(config, ids, mask) -> None:
    model = MODEL_CLASSES["multiple_choice"](config)
    logits = model(ids[None], mask[None]).logits
    alone = [model(ids[i][None, None], mask[i][None, None]).logits for i in range(3)]
    np.testing.assert_allclose(logits, np.concatenate(alone, 1), atol=1e-6)
    with pytest.raises(ValueError, match="exactly one of"):
        model()


def test_the_classifier_keeps_relu_whatever_the_activation(config, ids) -> None:
    config.activation = "tanh"
    model = MODEL_CLASSES["sequence_classification"](config)
    tree = model.params
    first = MODEL_CLASSES["base"](config)(ids, params=tree["distilbert"])[0][:, 0]
    hidden = first @ tree["pre_classifier"]["kernel"] + tree["pre_classifier"]["bias"]
    expected = jax.nn.relu(hidden) @ tree["classifier"]["kernel"] + tree["classifier"]["bias"]
    np.testing.assert_allclose(model(ids).logits, expected, atol=1e-6)


def test_the_projection_is_the_word_embedding_when_tied(config, ids) -> None:
    tied = MODEL_CLASSES["masked_lm"](config)
    assert list(tied.params["vocab_projector"]) == ["bias"]
    assert tied.get_output_embeddings() is tied.get_input_embeddings()
    tied.set_input_embeddings(jnp.zeros((99, 32)))
    assert not tied(ids).logits.any()
    config.tie_word_embeddings = False
    free = MODEL_CLASSES["masked_lm"](config)
    assert free.params["vocab_projector"]["kernel"].shape == (32, 99)
    assert free.get_output_embeddings().shape == (99, 32)
    free.set_input_embeddings(jnp.zeros((99, 32)))
    assert free(ids).logits.any()


def test_other_heads_have_no_output_embeddings(config) -> None:
    for head, model_class in MODEL_CLASSES.items():
        if head != "masked_lm":
            assert model_class(config).get_output_embeddings() is None


def test_question_answering_with_other_than_two_labels_is_refused(config) -> None:
    config.num_labels = 3
    with pytest.raises(ConfigError, match=r"must be 2 \(start and end\).*got 3"):
        MODEL_CLASSES["question_answering"](config)
