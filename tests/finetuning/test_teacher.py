"""Any fine-tuned BERT teaches a student of its task, or one sentence says why it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_bert import save_bert
from transformers import BertTokenizerFast

from distilbert.errors import CheckpointError, InputError, RunCardError
from distilbert.finetuning.assembly import FineTuning
from distilbert.finetuning.datasets import read_examples
from distilbert.finetuning.finetune import finetune
from distilbert.finetuning.tasks import task_of
from distilbert.finetuning.teacher import token_types
from distilbert.load_options import LoadOptions
from distilbert.opening import find_model
from distilbert.tasks.task import Feature
from distilbert.training.card_file import card_from, with_changes

# Name of the files -> their format, the task, the class of the teacher, its labels.
TASKS: dict[str, tuple[str, str, str, list[str]]] = {
    "sentiment": ("jsonl", "text-classification", "SequenceClassification", ["down", "up"]),
    "rating": ("jsonl", "text-classification", "SequenceClassification", ["stars"]),
    "names": ("conll", "token-classification", "TokenClassification", ["B-NAME", "O"]),
    "texts": ("jsonl", "masked-lm", "MaskedLM", ["a", "b"]),
    "questions": ("json", "question-answering", "QuestionAnswering", ["a", "b"]),
    "endings": ("jsonl", "multiple-choice", "MultipleChoice", ["a", "b"]),
}


def save_teacher(folder: Path, encoder: Path, kind: str, labels: list[str], **config: Any) -> Path:
    """A random BERT with the tokenizer of `encoder`, as transformers saves both."""
    n_words = len((encoder / "vocab.txt").read_text().split())
    names = {"id2label": dict(enumerate(labels)), "label2id": {n: i for i, n in enumerate(labels)}}
    if len(labels) == 1:
        names |= {"num_labels": 1}
    config = {"vocab_size": n_words, "max_position_embeddings": 64, **names, **config}
    save_bert(folder, f"BertFor{kind}", **config)
    BertTokenizerFast(str(encoder / "vocab.txt")).save_pretrained(folder)
    return folder


def run(name: str, encoder: Path, data: Path, teacher: Path, output: Path, **changes: Any) -> Any:
    suffix, task, _, _ = TASKS[name]
    files = {split: str(data / f"{name}.{split}.{suffix}") for split in ("train", "dev")}
    options = {"max_length": 32, "max_steps": 3, "batch_size": 8, "bootstrap": 10, "report": False}
    options |= {"tensorboard": False, "framework": "torch", "log_every": 1, "device": "cpu"}
    named = {"model": str(encoder), "teacher": str(teacher), "output": str(output)}
    return finetune(task=task, **named, **files, **options | changes)


@pytest.mark.parametrize("name", TASKS)
def test_a_bert_teaches_every_task(name: str, encoder: Path, data: Path, tmp_path: Path) -> None:
    _, _, kind, labels = TASKS[name]
    teacher = save_teacher(tmp_path / "teacher", encoder, kind, labels)
    result = run(name, encoder, data, teacher, tmp_path / "out")
    lines = [json.loads(line) for line in (result.output / "log.jsonl").read_text().splitlines()]
    losses = [line["values"]["teacher_loss"] for line in lines if line["kind"] == "train"]
    assert len(losses) == 3
    assert all(np.isfinite(loss) and loss > 0 for loss in losses)


def test_the_teacher_reads_the_token_types_of_its_own_tokenizer(
    encoder: Path, data: Path, tmp_path: Path
) -> None:
    teacher = save_teacher(tmp_path / "teacher", encoder, "QuestionAnswering", ["a", "b"])
    files = {split: str(data / f"questions.{split}.json") for split in ("train", "dev")}
    values: Any = {"model": str(encoder), "framework": "torch", "task": "question-answering"}
    values |= {"data": files, "distillation": {"teacher": str(teacher)}}
    card = with_changes(card_from(values, base=None), {"max_length": 64, "device": "cpu"})
    examples = read_examples(card, task_of(card))
    start = find_model(card.model, framework="torch")
    assembled = FineTuning(card, examples, start, LoadOptions())
    rngs = [np.random.default_rng(n) for n in range(3)]
    batch = assembled._batch([0, 1, 2], rngs)
    tokenizer = BertTokenizerFast.from_pretrained(teacher)
    pairs = [(one.question, one.context) for one in examples.train[:3]]
    expected = tokenizer(pairs, padding=True, return_tensors="np")
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        np.testing.assert_array_equal(batch[name], expected[name])
    assert batch["token_type_ids"].max() == 1


def test_choices_have_token_types_and_single_texts_have_none() -> None:
    def feature(*seconds: int) -> Feature:
        ids = tuple(np.arange(6) for _ in seconds)
        return Feature(ids, {}, 0, seconds=seconds)

    mask = np.array([[[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]])
    expected = [[[0, 0, 1, 1, 1], [0, 0, 0, 1, 0]]]
    assert token_types(mask, [feature(2, 3)]).tolist() == expected
    assert token_types(mask[0], [feature(5), feature(4)]).tolist() == [[0] * 5, [0] * 5]


def test_teachers_are_read_as_others_save_them(encoder: Path, data: Path, tmp_path: Path) -> None:
    """safetensors, a .bin, and the transformer's folder inside that of a sentence encoder."""
    labels = ["down", "up"]
    plain = save_teacher(tmp_path / "a", encoder, "SequenceClassification", labels)
    old = save_teacher(tmp_path / "b", encoder, "SequenceClassification", labels)
    from safetensors.torch import load_file

    torch.save(load_file(old / "model.safetensors"), old / "pytorch_model.bin")
    (old / "model.safetensors").unlink()
    wrapped = tmp_path / "c"
    shutil.copytree(plain, wrapped / "0_Transformer")
    modules = [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "x.models.Transformer"}]
    (wrapped / "modules.json").write_text(json.dumps(modules))
    scores = [
        run("sentiment", encoder, data, one, tmp_path / f"out-{one.name}").scores["dev"]["loss"]
        for one in (plain, old, wrapped)
    ]
    assert scores[0] == scores[1] == scores[2]


def test_a_teacher_that_does_not_fit_is_named_before_any_training(
    encoder: Path, data: Path, tmp_path: Path
) -> None:
    kind, labels = "SequenceClassification", ["down", "up"]

    def refused(teacher: Path, error: type[Exception], match: str, **changes: Any) -> None:
        with pytest.raises(error, match=match):
            run("sentiment", encoder, data, teacher, tmp_path / "out", **changes)
        assert not (tmp_path / "out").exists()

    other_labels = save_teacher(tmp_path / "labels", encoder, kind, ["no", "yes"])
    refused(other_labels, InputError, "must have the labels of its student: got no, yes")
    tagger = save_teacher(tmp_path / "tagger", encoder, "TokenClassification", labels)
    refused(tagger, InputError, "which was saved as BertForTokenClassification")
    short = save_teacher(tmp_path / "short", encoder, kind, labels, max_position_embeddings=8)
    refused(short, RunCardError, "at most what the teacher can read, 8 tokens: got 32, and a")
    words = shutil.copytree(encoder, tmp_path / "words")
    text = (encoder / "vocab.txt").read_text().replace("great\n", "grand\n")
    (words / "vocab.txt").write_text(text)
    (words / "tokenizer.json").unlink(missing_ok=True)
    vocabulary = save_teacher(tmp_path / "vocabulary", words, kind, labels)
    refused(vocabulary, InputError, r"must have the vocabulary of its student: .*not the same ones")
    cased = save_teacher(tmp_path / "cased", encoder, kind, labels)
    BertTokenizerFast(str(encoder / "vocab.txt"), do_lower_case=False).save_pretrained(cased)
    refused(cased, InputError, "must split texts as its student does")
    headless = tmp_path / "headless"
    n_words = len((encoder / "vocab.txt").read_text().split())
    save_bert(headless, "BertModel", vocab_size=n_words, max_position_embeddings=64)
    refused(headless, InputError, "which was saved as BertModel")
    config = json.loads((headless / "config.json").read_text())
    (headless / "config.json").write_text(json.dumps({**config, "architectures": None}))
    refused(headless, CheckpointError, r"lacks .*classifier\.weight")
