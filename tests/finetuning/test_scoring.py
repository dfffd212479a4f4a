"""Examples through a stand-in for a model: nothing is lost between windows and answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert import AutoTokenizer, DistilBertConfig
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.finetuning.scoring import evaluated, split_of
from distilbert.tasks.masked_lm.train import MaskedLMTask
from distilbert.tasks.multiple_choice.train import MultipleChoiceTask
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask


class LastToken:
    """Answers with the id of the last token of each row, which the task must give back in order."""

    config = DistilBertConfig(vocab_size=50)
    preferred_batch_tokens = 512

    def __init__(self, head: str) -> None:
        self.head = head
        self.sizes: list[int] = []

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        assert wanted is None
        mask = batch["attention_mask"]
        self.sizes.append(mask.size)
        last = np.take_along_axis(batch["input_ids"], mask.sum(-1, keepdims=True) - 2, axis=-1)
        logits = last.reshape(len(mask), -1).astype(np.float32)
        if self.head == "multiple_choice":
            return {"logits": logits}
        return {"logits": np.concatenate([logits, -logits], axis=1)}

    def close(self) -> None:
        pass


class WantedOnly:
    """Uniform logits for the tokens that are asked for, of which there must be some."""

    head = "masked_lm"
    config = DistilBertConfig(vocab_size=50)
    preferred_batch_tokens = 512

    def __init__(self) -> None:
        self.n_wanted = 0

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        assert wanted is not None
        assert wanted.shape == batch["input_ids"].shape
        self.n_wanted += int(wanted.sum())
        return {"logits": np.zeros((int(wanted.sum()), 50), dtype=np.float32)}

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def tokenizer(encoder: Path) -> Any:
    return AutoTokenizer.from_pretrained(encoder)


def test_answers_come_in_the_order_of_the_examples(tokenizer: Any) -> None:
    words = ["good", "bad", "film", "day", "road"]
    rows = [
        Row({"text": " ".join(["the"] * (9 - 2 * i) + [word]), "label": i % 2}, "")
        for i, word in enumerate(words)
    ]
    task = SequenceClassificationTask().with_labels_of(rows)
    runner = LastToken("sequence_classification")
    split = split_of(task, tokenizer, "dev", task.examples(rows, Problems()))
    found = evaluated(task, runner, split, batch_tokens=16)
    logits = [float(tokenizer.convert_tokens_to_ids(word)) for word in words]
    expected = [1 / (1 + np.exp(-2 * logit)) for logit in logits]
    np.testing.assert_allclose([a["probabilities"][0] for a in found.answers], expected)
    assert max(runner.sizes) <= 16
    assert found.scores["loss"] == pytest.approx(task.losses(split.examples, found.answers).mean())


def test_choices_of_any_number_are_put_together_again(tokenizer: Any) -> None:
    rows = [
        Row({"ctx": "the day was", "endings": ["bad", "good"], "label": 0}, ""),
        Row({"ctx": "the", "endings": ["film", "road", "book"], "label": 1}, ""),
    ]
    task = MultipleChoiceTask().with_labels_of(rows)
    split = split_of(task, tokenizer, "dev", task.examples(rows, Problems()))
    found = evaluated(task, LastToken("multiple_choice"), split, batch_tokens=16)
    for answer, row in zip(found.answers, rows, strict=True):
        ids = np.array([tokenizer.convert_tokens_to_ids(w) for w in row.values["endings"]], float)
        powers = np.exp(ids - ids.max())
        np.testing.assert_allclose(answer["probabilities"], powers / powers.sum())


def test_masked_lm_needs_the_logits_of_masked_tokens_only(tokenizer: Any) -> None:
    rows = [Row({"text": text}, "") for text in ("the day was good", "the film", "bad road " * 9)]
    task = MaskedLMTask()
    split = split_of(task, tokenizer, "dev", task.examples(rows, Problems()))
    runner = WantedOnly()
    found = evaluated(task, runner, split, batch_tokens=16)
    assert runner.n_wanted == sum(answer["hidden"] for answer in found.answers) > 0
    assert found.scores["perplexity"] == pytest.approx(50)
