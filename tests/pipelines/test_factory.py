"""From a task's name and whatever stands for a model to a predictor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config, write_vocab

import distilbert
from distilbert.errors import InputError
from distilbert.pipelines import pipeline
from distilbert.torch.runner import TorchRunner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = distilbert.DistilBertModel(small_config())
    model.save_pretrained(tmp_path)
    return write_vocab(tmp_path)


def test_a_folder_is_all_it_takes(folder: Path) -> None:
    vectors = pipeline("sentence-embedding", folder, device="cpu")(["the cat", "a dog"])
    assert vectors.shape == (2, 32)
    again = pipeline("sentence-embedding", str(folder), str(folder), device="cpu")(["the cat"])
    assert np.allclose(again, vectors[:1], atol=1e-6)


def test_models_runners_and_subclasses_give_the_same(folder: Path) -> None:
    class Own(distilbert.DistilBertModel):
        """A user's own class."""

    tokenizer = distilbert.AutoTokenizer.from_pretrained(folder)
    expected = pipeline("sentence-embedding", folder, device="cpu")("the cat")
    model = Own.from_pretrained(folder)
    for given in (model, TorchRunner(model, "cpu")):
        found = pipeline("sentence-embedding", given, tokenizer)("the cat")
        np.testing.assert_allclose(found, expected, atol=1e-6)
    wrapped = pipeline("sentence-embedding", model, tokenizer, device="cpu", dtype="float32")
    assert isinstance(wrapped.runner, TorchRunner)


def test_a_sentence_transformers_folder_sets_the_options(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 500}')
    job: Any = pipeline("sentence-embedding", folder, device="cpu").job
    assert (job.pooling, job.max_length) == ("cls", 64)
    job = pipeline("sentence-embedding", folder, device="cpu", pooling="mean").job
    assert job.pooling == "mean"


def test_aliases_stand_for_tasks(tokenizer: Any) -> None:
    runner = ArithmeticRunner("sequence_classification", small_config())
    assert pipeline("sentiment-analysis", runner, tokenizer)("the cat")[0]["label"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"task": "translation"},
            "`task` must be one of text-classification, token-classification, fill-mask, "
            "question-answering, multiple-choice, zero-shot-classification, feature-extraction, "
            "sentence-embedding, sentiment-analysis, ner, qa, masked-lm: got 'translation'.",
        ),
        (
            {"task": "ner"},
            "`model` must be given: a folder, a hub name such as `owner/name`, a runner or "
            "a model.",
        ),
        (
            {"task": "ner", "model": 3},
            "`model` must be a source, a runner or a model of this package: got builtins.int.",
        ),
        (
            {"task": "ner", "model": ArithmeticRunner("base", small_config())},
            "`model` must have the head 'token_classification' for this task: got one with 'base'.",
        ),
        (
            {"task": "feature-extraction", "model": ArithmeticRunner("base", small_config())},
            "`tokenizer` must be given when `model` is not a source: got None.",
        ),
        (
            {
                "task": "feature-extraction",
                "model": ArithmeticRunner("base", small_config()),
                "device": "cpu",
            },
            "`device` and `dtype` belong to loading: got them with a runner, which is loaded "
            "already.",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        pipeline(**arguments)
    assert str(caught.value) == message


def test_a_model_too_short_for_any_text_is_refused(tokenizer: Any) -> None:
    runner = ArithmeticRunner("base", small_config(max_position_embeddings=4))
    with pytest.raises(InputError) as caught:
        pipeline("feature-extraction", runner, tokenizer)
    assert str(caught.value) == "Model and tokenizer must take at least 5 tokens: got 4."


def test_an_option_of_no_task_is_refused(tokenizer: Any) -> None:
    runner = ArithmeticRunner("base", small_config())
    with pytest.raises(TypeError, match="Did you mean `normalize`"):
        pipeline("sentence-embedding", runner, tokenizer, normalise=True)


def test_pipelines_load_no_framework_and_no_progress_bar() -> None:
    code = (
        "import sys, distilbert.pipelines; "
        "print({'torch', 'transformers', 'rich', 'tensorflow', 'jax'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
