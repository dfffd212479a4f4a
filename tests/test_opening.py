"""One way to open a model: a source, a model or a runner, in any framework."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import distilbert
from distilbert._install import install_command
from distilbert.checkpoint import format_safetensors
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError, MissingDependencyError, TokenIdError
from distilbert.load_options import LoadOptions
from distilbert.opening import (
    FRAMEWORKS,
    as_runner,
    choose_framework,
    find_model,
    framework_of,
    load_runner,
    open_model,
    task_head,
)
from distilbert.runner import Runner

CONFIG = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "m", initial_weights(CONFIG, "base", 0), CONFIG, head="base")
    return tmp_path / "m"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_checkpoint_becomes_a_runner_of_the_framework_that_was_named(folder, framework):
    runner = load_runner(find_model(folder, framework=framework), "base")
    assert isinstance(runner, Runner)
    assert (runner.head, runner.config.dim) == ("base", 8)
    assert type(runner).__module__ == f"{FRAMEWORKS[framework].package}.runner"


def test_every_framework_gives_the_same_numbers(folder):
    ids = np.array([[1, 2, 3, 0], [4, 5, 6, 7]])
    batch = {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)}
    answers = [
        load_runner(find_model(folder, framework=name), "base").run_batch(batch)
        for name in FRAMEWORKS
    ]
    for answer in answers:
        assert list(answer) == ["last_hidden_state"]
        assert answer["last_hidden_state"].dtype == np.float32
        states, expected = (a["last_hidden_state"][ids != 0] for a in (answer, answers[0]))
        np.testing.assert_allclose(states, expected, atol=2e-5)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_framework_refuses_a_wrong_batch_with_the_same_words(folder, framework):
    runner = load_runner(find_model(folder, framework=framework), "base")
    with pytest.raises(TokenIdError, match="between 0 and 8: got 1 to 9"):
        runner.run_batch({"input_ids": np.array([[1, 9]])})
    with pytest.raises(InputError, match="got input_ids, labels"):
        runner.run_batch({"input_ids": np.array([[1]]), "labels": np.array([1])})


def test_unasked_the_first_installed_framework_runs(monkeypatch):
    assert choose_framework(None) == "torch"
    monkeypatch.setattr(
        "distilbert._lazy.is_available", lambda name: name in ("jax", "flax", "keras")
    )
    assert choose_framework(None) == "flax"
    monkeypatch.setattr("distilbert._lazy.is_available", lambda name: False)
    assert choose_framework(None) == "torch"


def test_a_missing_framework_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr("distilbert._lazy.is_available", lambda name: False)
    command = re.escape(install_command("flax"))
    with pytest.raises(MissingDependencyError, match=f"`jax`.*{command}"):
        load_runner(find_model("nowhere", framework="flax"), "base")


def test_an_unknown_framework_is_refused_before_anything_is_loaded():
    with pytest.raises(InputError, match=r"`framework` must be one of .*torch.*: got 'theano'"):
        load_runner(find_model("nowhere", framework="theano"), "base")


def test_an_unknown_head_is_refused(folder):
    with pytest.raises(InputError, match="`head` must be one of base"):
        load_runner(find_model(folder), "lm")


def test_the_config_of_a_folder_names_the_head(tmp_path):
    weights = initial_weights(CONFIG, "masked_lm", 0)
    save_checkpoint(tmp_path / "m", weights, CONFIG, head="masked_lm")
    found = find_model(tmp_path / "m")
    assert task_head(found) == task_head(found, "masked-lm") == "masked_lm"
    assert task_head(found, "question-answering") == "question_answering"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_no_answers_come_from_weights_that_were_not_trained_for_them(tmp_path, framework):
    weights = initial_weights(CONFIG, "sequence_classification", 0)
    save_checkpoint(tmp_path, weights, CONFIG, head="sequence_classification")
    found = find_model(tmp_path, framework=framework)
    assert load_runner(found, "base").head == "base"
    for head, fault in (
        ("token_classification", "The head was trained for text-classification. Train it with"),
        ("question_answering", "The head is newly initialized: qa_outputs.weight"),
    ):
        with pytest.raises(CheckpointError, match=rf"{fault}.*`allow_untrained=True`"):
            load_runner(found, head)
        insists = find_model(
            tmp_path, framework=framework, options=LoadOptions(allow_untrained=True)
        )
        assert load_runner(insists, head).head == head
    foreign = {f"net.{name}": array for name, array in weights.items()}
    format_safetensors.write(tmp_path / "model.safetensors", foreign, {"format": "pt"})
    model_class = getattr(distilbert, f"{FRAMEWORKS[framework].class_prefix}DistilBertModel")
    for load in (lambda: load_runner(found, "base"), lambda: model_class.from_pretrained(tmp_path)):
        with pytest.raises(CheckpointError, match="Wrong file: no parameter of DistilBERT's enc"):
            load()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_model_object_becomes_a_runner_of_its_framework(folder, framework):
    prefix = FRAMEWORKS[framework].class_prefix
    model = getattr(distilbert, f"{prefix}DistilBertModel").from_pretrained(folder)
    assert framework_of(model) == framework
    runner = as_runner(model)
    assert isinstance(runner, Runner)
    assert as_runner(runner) is runner


def batch() -> dict[str, np.ndarray]:
    return {"input_ids": np.array([[1, 2, 3], [4, 5, 6]])}


@pytest.mark.parametrize(
    "wrap",
    [torch.compile, torch.nn.DataParallel, lambda m: torch.nn.DataParallel(torch.compile(m))],
)
def test_a_wrapped_model_gives_the_answers_of_the_model_inside(wrap):
    model = distilbert.DistilBertForSequenceClassification(CONFIG).eval()
    expected = as_runner(model).run_batch(batch())["logits"]
    wrapped = wrap(model)
    assert task_head(wrapped) == "sequence_classification"
    np.testing.assert_array_equal(as_runner(wrapped).run_batch(batch())["logits"], expected)


def test_a_peft_model_gives_answers_with_its_adapters():
    peft = pytest.importorskip("peft")
    model = distilbert.DistilBertForSequenceClassification(CONFIG).eval()
    plain = as_runner(model).run_batch(batch())["logits"].copy()
    settings = peft.LoraConfig(target_modules=["q_lin", "lin1"], init_lora_weights=False)
    adapted = peft.get_peft_model(model, settings).eval()
    answer = as_runner(adapted).run_batch(batch())["logits"]
    with torch.no_grad():
        expected = adapted(**{name: torch.from_numpy(a) for name, a in batch().items()}).logits
    np.testing.assert_allclose(answer, expected.numpy(), atol=1e-6)
    assert not np.allclose(answer, plain)


def test_learned_prompts_and_foreign_objects_are_refused():
    peft = pytest.importorskip("peft")

    class Prompted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.peft_config = {"default": peft.PromptTuningConfig(task_type="SEQ_CLS")}

        def get_base_model(self):
            return distilbert.DistilBertModel(CONFIG)

    with pytest.raises(InputError, match="got a PEFT model with learned prompts"):
        as_runner(Prompted())

    class WithHead(torch.nn.Module):  # as timm's
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(1, 1)

    foreigners = (
        torch.nn.Linear(1, 1),
        torch.nn.DataParallel(torch.nn.Linear(1, 1)),
        5,
        WithHead(),
    )
    for foreign in foreigners:
        for call in (as_runner, task_head):
            with pytest.raises(InputError, match="`model` must be a source, a runner or a model"):
                call(foreign)


def test_windows_are_as_long_as_model_and_tokenizer_both_take(folder):
    tokenizer = SimpleNamespace(model_max_length=64)
    opened = open_model(load_runner(find_model(folder), "base"), "base", tokenizer=tokenizer)
    assert opened.window_length(None) == opened.max_length == 64
    assert opened.window_length(10) == 10
    for wrong in (4, 65):
        with pytest.raises(InputError) as caught:
            opened.window_length(wrong)
        assert str(caught.value) == (
            "The window length must lie between 5 and 64, the most this model and tokenizer take: "
            f"got {wrong}."
        )
