"""A BERT that teaches computes what transformers and a plain NumPy BERT compute, for pairs, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_bert import TINY, save_bert

from distilbert import DistilBertConfig, DistilBertForSequenceClassification, DistilBertModel
from distilbert.checkpoint.bert_forward import bert_last_hidden_state
from distilbert.checkpoint.bert_names import HEAD_OF_CLASS
from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import InputError
from distilbert.finetuning.teacher import Teacher
from distilbert.opening import find_model
from distilbert.torch.heads import load_model
from distilbert.torch.teacher import BertTeacher, load_teacher

CLASSES = [name for name, head in HEAD_OF_CLASS.items() if name.startswith("BertFor")]
CLASSES = [name for name in CLASSES if HEAD_OF_CLASS[name] != "base"]
# Two pairs and a single text, padded.
MASK = torch.tensor([[1] * 9, [1] * 7 + [0] * 2, [1] * 5 + [0] * 4])
TYPES = torch.tensor([[0] * 4 + [1] * 5, [0] * 3 + [1] * 4 + [0] * 2, [0] * 9])
IDS = torch.randint(1, TINY["vocab_size"], MASK.shape, generator=torch.manual_seed(3)) * MASK


class _Words:
    """A tokenizer to compare with; these folders have none."""

    model_max_length = 40


def loaded(folder: Path, head: str) -> BertTeacher:
    teacher = Teacher.of(find_model(folder, framework="torch"), head, _Words())
    assert teacher.segments is not None
    return BertTeacher(load_model(teacher.request)[0], teacher.segments).eval()


@pytest.mark.parametrize("name", CLASSES)
@torch.no_grad()
def test_every_head_answers_as_in_transformers(name: str, tmp_path: Path) -> None:
    head, n_labels = HEAD_OF_CLASS[name], 2 if "Question" in name else 3
    peer = save_bert(tmp_path, name, num_labels=n_labels)
    teacher = loaded(tmp_path, head)
    assert teacher.head == head
    given: dict[str, Any] = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": TYPES}
    found = teacher.compute_logits(teacher.encode(**given))
    if head == "multiple_choice":
        given = {key: value[None] for key, value in given.items()}
    output = peer(**given)
    if head == "question_answering":
        expected = torch.stack((output.start_logits, output.end_logits), -1)
    else:
        expected = output.prediction_logits if "Pre" in name else output.logits
    if expected.dim() == 3:  # the states of padding are zeros here
        found, expected = found[MASK == 1], expected[MASK == 1]
    torch.testing.assert_close(found.reshape(expected.shape), expected, atol=2e-5, rtol=1e-4)
    alone = teacher.compute_logits(teacher.encode(IDS, MASK, torch.zeros_like(TYPES)))
    assert not torch.allclose(
        alone[:2], teacher.compute_logits(teacher.encode(IDS, MASK, TYPES))[:2]
    )


@torch.no_grad()
def test_hidden_states_are_those_of_a_plain_bert(tmp_path: Path) -> None:
    peer = save_bert(tmp_path, "BertForQuestionAnswering")
    weights = {n.removeprefix("bert."): p.numpy() for n, p in peer.state_dict().items()}
    found = loaded(tmp_path, "question_answering").encode(IDS, MASK, TYPES).numpy()
    expected = bert_last_hidden_state(
        weights, IDS.numpy(), MASK.numpy(), n_layers=2, n_heads=4, segment=TYPES.numpy()
    )
    visible = MASK.numpy() == 1
    np.testing.assert_allclose(found[visible], expected[visible], atol=2e-5)
    assert not found[~visible].any()


@torch.no_grad()
def test_a_bert_of_one_token_type_reads_pairs_with_it(tmp_path: Path) -> None:
    save_bert(tmp_path, "BertForQuestionAnswering", type_vocab_size=1)
    teacher = loaded(tmp_path, "question_answering")
    none = torch.zeros_like(TYPES)
    assert torch.equal(teacher.encode(IDS, MASK, TYPES), teacher.encode(IDS, MASK, none))


CONFIG: dict[str, Any] = {"vocab_size": 99, "dim": 32, "n_heads": 4, "n_layers": 2}
CONFIG |= {"hidden_dim": 64, "max_position_embeddings": 16, "num_labels": 3}


def fresh(**changes: Any) -> DistilBertForSequenceClassification:
    return DistilBertForSequenceClassification(DistilBertConfig(**{**CONFIG, **changes})).eval()


def saved_at(folder: Path) -> LoadRequest:
    return find_model(folder, framework="torch").request("sequence_classification")


def test_a_teacher_of_other_labels_is_refused(tmp_path: Path) -> None:
    fresh(num_labels=2).save_pretrained(tmp_path / "teacher")
    with pytest.raises(InputError, match="must have the labels of its student: got LABEL_0, LAB"):
        load_teacher(saved_at(tmp_path / "teacher"), fresh())
    with pytest.raises(InputError, match="must have the `vocab_size` of its student: got 99, not"):
        load_teacher(saved_at(tmp_path / "teacher"), fresh(vocab_size=90))


@torch.no_grad()
def test_labels_in_another_order_are_put_into_that_of_the_student(tmp_path: Path) -> None:
    theirs = fresh(id2label={0: "a", 1: "b", 2: "c"})
    theirs.save_pretrained(tmp_path / "teacher")
    student = fresh(id2label={0: "c", 1: "a", 2: "b"})
    teacher: Any = load_teacher(saved_at(tmp_path / "teacher"), student)
    ids = IDS[:, :8]
    torch.testing.assert_close(teacher(ids).logits, theirs(ids).logits[:, [2, 0, 1]])
    assert teacher.config.id2label == student.config.id2label


@torch.no_grad()
def test_labels_without_names_are_those_of_the_student_where_the_order_is_clear(
    tmp_path: Path,
) -> None:
    theirs = fresh()
    theirs.save_pretrained(tmp_path / "teacher")
    request, ids = saved_at(tmp_path / "teacher"), IDS[:, :8]
    numbers, named = ({n: str(n) for n in range(3)}, {0: "c", 1: "a", 2: "b"})
    teacher: Any = load_teacher(request, fresh(id2label=numbers))
    torch.testing.assert_close(teacher(ids).logits, theirs(ids).logits)
    teacher = load_teacher(request, fresh(id2label=named), labels_are_ordered=True)
    torch.testing.assert_close(teacher(ids).logits, theirs(ids).logits)
    with pytest.raises(InputError, match="Give the student's labels in the order of these"):
        load_teacher(request, fresh(id2label=named))
    with pytest.raises(InputError, match="as many labels as its student: got 3, not 2"):
        load_teacher(request, fresh(num_labels=2, id2label={0: "0", 1: "1"}))


def test_the_value_of_a_regression_may_have_another_name_in_the_teacher(tmp_path: Path) -> None:
    fresh(num_labels=1).save_pretrained(tmp_path / "teacher")
    student = fresh(num_labels=1, id2label={0: "stars"})
    assert load_teacher(saved_at(tmp_path / "teacher"), student).config.num_labels == 1


def test_a_teacher_that_was_not_fine_tuned_is_refused(tmp_path: Path) -> None:
    DistilBertModel(DistilBertConfig(**CONFIG)).save_pretrained(tmp_path / "encoder")
    with pytest.raises(InputError, match="A teacher must be fine-tuned for the task") as told:
        load_teacher(saved_at(tmp_path / "encoder"), fresh())
    assert "classifier.weight" in str(told.value)
