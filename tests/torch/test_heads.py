"""Claims about `distilbert.torch.heads`."""

from __future__ import annotations

import inspect

import pytest
import torch

from distilbert import outputs
from distilbert.checkpoint.spec import parameter_spec
from distilbert.errors import ConfigError
from distilbert.heads import HEADS
from distilbert.torch.heads import MODEL_CLASSES

OUTPUTS = {
    "masked_lm": (outputs.MaskedLMOutput, (3, 7, 99)),
    "sequence_classification": (outputs.SequenceClassifierOutput, (3, 2)),
    "multiple_choice": (outputs.MultipleChoiceModelOutput, (1, 3)),
    "token_classification": (outputs.TokenClassifierOutput, (3, 7, 2)),
    "question_answering": (outputs.QuestionAnsweringModelOutput, (3, 7)),
}
LABELS = {
    "masked_lm": {"labels": torch.arange(21).reshape(3, 7)},
    "sequence_classification": {"labels": torch.tensor([0, 1, 1])},
    "multiple_choice": {"labels": torch.tensor([2])},
    "token_classification": {"labels": torch.ones(3, 7, dtype=torch.long)},
    "question_answering": {
        "start_positions": torch.tensor([0, 1, 2]),
        "end_positions": torch.tensor([1, 3, 6]),
    },
}


def inputs_of(head: str, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    if head == "multiple_choice":
        ids, mask = ids[None], mask[None]
    return {"input_ids": ids, "attention_mask": mask}


def build(head: str, config):
    torch.manual_seed(0)
    return MODEL_CLASSES[head](config).eval()


def test_every_head_has_its_class() -> None:
    assert {head: c.__name__ for head, c in MODEL_CLASSES.items()} == {
        h.name: h.class_name for h in HEADS.values()
    }


@pytest.mark.parametrize("head", OUTPUTS)
def test_names_shapes_and_order_of_parameters_are_the_specs(head, config) -> None:
    state = build(head, config).state_dict()
    spec = parameter_spec(config, head)
    assert list(state) == [parameter.name for parameter in spec]
    assert [tuple(x.shape) for x in state.values()] == [parameter.shape for parameter in spec]


@pytest.mark.parametrize("head", OUTPUTS)
def test_each_head_answers_with_its_class_and_shape(head, config, ids, mask) -> None:
    kind, shape = OUTPUTS[head]
    output = build(head, config)(**inputs_of(head, ids, mask))
    assert type(output) is kind
    assert output[0].shape == shape
    assert output.loss is None


@pytest.mark.parametrize("head", OUTPUTS)
def test_labels_bring_a_loss_first_and_every_parameter_a_gradient(head, config, ids, mask) -> None:
    model = build(head, config)
    output = model(
        **inputs_of(head, ids, mask),
        **LABELS[head],
        output_attentions=True,
        output_hidden_states=True,
        return_dict=False,
    )
    n_logits = 2 if head == "question_answering" else 1
    assert [type(x) for x in output] == [torch.Tensor] * (1 + n_logits) + [tuple] * 2
    assert output[0].shape == ()
    assert [len(x) for x in output[-2:]] == [3, 2]
    output[0].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("head", OUTPUTS)
def test_arguments_stand_in_the_pages_order(head) -> None:
    labels = list(LABELS[head])
    assert list(inspect.signature(MODEL_CLASSES[head].forward).parameters) == [
        *("self", "input_ids", "attention_mask", "head_mask", "inputs_embeds"),
        *labels,
        *("output_attentions", "output_hidden_states", "return_dict"),
    ]


@pytest.mark.parametrize("head", OUTPUTS)
def test_embeddings_can_replace_ids_in_every_head(head, config, ids, mask) -> None:
    model = build(head, config)
    given = inputs_of(head, ids, mask)
    expected = model(**given)[0]
    embedded = model.get_input_embeddings()(given.pop("input_ids"))
    torch.testing.assert_close(model(**given, inputs_embeds=embedded)[0], expected)


def test_choices_are_rated_like_single_sequences(config, ids, mask) -> None:
    model = build("multiple_choice", config)
    logits = model(ids[None], mask[None]).logits
    alone = [model(ids[i][None, None], mask[i][None, None]).logits for i in range(3)]
    torch.testing.assert_close(logits, torch.cat(alone, 1))
    with pytest.raises(ValueError, match="exactly one of"):
        model()


def test_the_classifier_keeps_relu_whatever_the_activation(config, ids) -> None:
    config.activation = "tanh"
    model = build("sequence_classification", config)
    first = model.distilbert(ids)[0][:, 0]
    expected = model.classifier(torch.relu(model.pre_classifier(first)))
    torch.testing.assert_close(model(ids).logits, expected)


def test_the_projection_onto_the_vocabulary_is_the_last_part_of_the_head(config) -> None:
    model = build("masked_lm", config)
    states = torch.randn(2, 5, config.dim)
    transformed = model.transform_states(states)
    assert transformed.shape == states.shape
    assert torch.equal(model.get_output_embeddings()(transformed), model.compute_logits(states))


def test_the_projection_is_the_word_embedding_when_tied(config, ids) -> None:
    tied = build("masked_lm", config)
    assert tied.vocab_projector.weight is tied.get_input_embeddings().weight
    assert tied.get_output_embeddings() is tied.vocab_projector
    tied(ids, labels=ids).loss.backward()
    torch.optim.SGD(tied.parameters(), lr=0.1).step()
    assert tied.vocab_projector.weight is tied.get_input_embeddings().weight
    config.tie_word_embeddings = False
    free = build("masked_lm", config)
    assert free.vocab_projector.weight is not free.get_input_embeddings().weight
    replaced = torch.nn.Linear(32, 99)
    free.set_output_embeddings(replaced)
    assert free.vocab_projector is replaced


def test_other_heads_have_no_output_embeddings(config) -> None:
    for head in MODEL_CLASSES:
        if head != "masked_lm":
            assert build(head, config).get_output_embeddings() is None


def test_the_kind_of_labels_is_decided_anew_at_every_call(config, ids) -> None:
    """Flaw 10 of the reference: the first call decided for all, and the saved config changed."""
    model = build("sequence_classification", config)
    single = model(ids, labels=torch.tensor([0, 1, 1])).loss
    several = model(ids, labels=torch.eye(3)[:, :2]).loss
    logits = model(ids).logits
    expected = torch.nn.BCEWithLogitsLoss()(logits, torch.eye(3)[:, :2])
    torch.testing.assert_close(several, expected)
    assert single != several
    assert model.config.problem_type is None


def test_a_problem_type_in_the_config_is_followed(config, ids) -> None:
    config.problem_type = "regression"
    model = build("sequence_classification", config)
    labels = torch.ones(3, 2)
    expected = ((model(ids).logits - labels) ** 2).mean()
    torch.testing.assert_close(model(ids, labels=labels).loss, expected)


def test_question_answering_needs_both_positions_for_a_loss(config, ids) -> None:
    model = build("question_answering", config)
    assert model(ids, start_positions=torch.zeros(3)).loss is None
    assert model(ids, end_positions=torch.zeros(3)).loss is None


def test_question_answering_with_other_than_two_labels_is_refused(config) -> None:
    config.num_labels = 3
    with pytest.raises(ConfigError, match=r"must be 2 \(start and end\).*got 3"):
        build("question_answering", config)
