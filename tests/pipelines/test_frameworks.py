"""Pipelines take models of every framework, and a framework's name for a source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_ins import small_config, write_vocab

import distilbert
from distilbert._lazy import FRAMEWORKS
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.heads import HEADS
from distilbert.pipelines import pipeline

PREFIXES = {"torch": "", "tensorflow": "TF", "flax": "Flax"}
HEAD = "sequence_classification"
TEXTS = ["the cat", "a dog sat on the mat .", "my name is wolfgang", "berlin"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    config = small_config(initializer_range=0.3)
    save_checkpoint(path, initial_weights(config, HEAD, 1), config, head=HEAD)
    return write_vocab(path)


def scores(answers: Any) -> list[float]:
    return [answer["score"] for answer in answers]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_source_and_a_model_give_the_same_in_every_framework(
    folder: Path, framework: str
) -> None:
    expected = scores(pipeline("text-classification", folder, framework="torch")(TEXTS))
    by_name = pipeline("text-classification", folder, framework=framework)
    assert type(by_name.runner).__module__ == f"{FRAMEWORKS[framework].package}.runner"
    np.testing.assert_allclose(scores(by_name(TEXTS)), expected, atol=1e-5)
    model = getattr(distilbert, PREFIXES[framework] + HEADS[HEAD].class_name).from_pretrained(
        folder
    )
    tokenizer = distilbert.AutoTokenizer.from_pretrained(folder)
    by_model = pipeline("text-classification", model, tokenizer)
    assert type(by_model.runner) is type(by_name.runner)
    np.testing.assert_allclose(scores(by_model(TEXTS)), expected, atol=1e-5)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_frameworks_own_file_is_enough(folder: Path, framework: str, tmp_path: Path) -> None:
    """A folder with nothing but the native format, read by every framework, asked to or not."""
    form = {"torch": "bin", "tensorflow": "h5", "flax": "msgpack"}[framework]
    asked = {"bin": "from_pt", "h5": "from_tf", "msgpack": "from_flax"}[form]
    distilbert.convert(folder, tmp_path / "m", format=form)
    expected = scores(pipeline("text-classification", folder, framework="torch")(TEXTS))
    for reader in FRAMEWORKS:
        for options in ({asked: True}, {}):
            pipe = pipeline(
                "text-classification", tmp_path / "m", str(folder), framework=reader, **options
            )
            np.testing.assert_allclose(scores(pipe(TEXTS)), expected, atol=1e-5)
