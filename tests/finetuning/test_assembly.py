"""The parts of a run: what they are made of, what they score, and when a run is another one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_bert import save_bert

from distilbert import DistilBertConfig
from distilbert.checkpoint.convert import convert
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.finetuning.assembly import FineTuning, starting_point
from distilbert.finetuning.datasets import read_examples
from distilbert.finetuning.tasks import task_of
from distilbert.load_options import LoadOptions
from distilbert.opening import find_model
from distilbert.training.card_file import card_from, with_changes
from distilbert.training.run_card import RunCard


@pytest.fixture(scope="module")
def card(encoder: Path, data: Path) -> RunCard:
    files = {split: str(data / f"several.{split}.jsonl") for split in ("train", "dev")}
    values = {"model": str(encoder), "framework": "torch", "run": {"device": "cpu"}, "data": files}
    return card_from(values, base=None)


def assembled(card: RunCard, **changes: Any) -> FineTuning:
    card = with_changes(card, changes)
    start = find_model(card.model, framework="torch")
    return FineTuning(card, read_examples(card, task_of(card)), start, LoadOptions())


def test_scores_are_those_with_the_thresholds_that_are_best_on_dev(card: RunCard) -> None:
    run = assembled(card)
    runner = run.trainer.runner()
    task, found = run.scored(runner, run.splits)
    assert list(found) == ["dev"]
    assert (
        task.thresholds == task.tuned(found["dev"].split.examples, found["dev"].answers).thresholds
    )
    assert run.evaluate(runner) == pytest.approx(found["dev"].scores)
    assert found["dev"].answers == task.decided(found["dev"].answers)
    untuned = run.task.scorer(found["dev"].split.examples, found["dev"].answers)()
    assert found["dev"].scores["f1_micro"] >= untuned["f1_micro"]


def test_a_run_is_another_one_if_its_data_or_a_decisive_field_differs(card: RunCard) -> None:
    identity = assembled(card).identity
    assert identity == assembled(card, bootstrap=7, device="cpu", log_every=3).identity
    for changes in ({"learning_rate": 1e-3}, {"metric": "exact"}, {"max_train_rows": 8}):
        assert assembled(card, **changes).identity != identity


def test_a_bert_is_folded_with_its_tokenizer(tmp_path: Path, encoder: Path, card: RunCard) -> None:
    save_bert(tmp_path / "bert")
    shutil.copy(encoder / "vocab.txt", tmp_path / "bert")
    settings = {"tokenizer_class": "BertTokenizer", "model_input_names": ["a", "token_type_ids"]}
    (tmp_path / "bert" / "tokenizer_config.json").write_text(json.dumps(settings))
    found = find_model(tmp_path / "bert", framework="torch")
    request, tokenizer = starting_point(found, "sequence_classification")
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]
    assert tokenizer.model_max_length == 40
    assert len(tokenizer) == len((encoder / "vocab.txt").read_text().split())
    convert(tmp_path / "bert", tmp_path / "folded")
    expected = open_checkpoint(tmp_path / "folded")
    run = assembled(card, model=str(tmp_path / "bert"))
    weights = run.trainer.state()
    for name, array in expected.items():
        np.testing.assert_array_equal(weights[f"weights.distilbert.{name}"], array)
    assert isinstance(request.config, DistilBertConfig)
    assert (request.config.n_layers, request.config.dim) == (2, 32)
