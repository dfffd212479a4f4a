"""Result shapes and options of embeddings, and what sentence-transformers folders set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.errors import CheckpointError, InputError
from distilbert.pipelines.embedding import read_embedding_options
from distilbert.pipelines.factory import pipeline


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    return pipeline("sentence-embedding", ArithmeticRunner("base", small_config()), tokenizer)


def test_one_vector_or_a_matrix(pipe: Any) -> None:
    vector = pipe("the cat")
    matrix = pipe(["the cat", "a dog lives in berlin ."])
    assert vector.shape == (32,)
    assert matrix.shape == (2, 32)
    assert vector.dtype == matrix.dtype == np.float32
    assert np.allclose(matrix[0], vector, atol=1e-6)
    assert all(one.shape == (32,) for one in pipe(iter(["the cat"])))


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_padding_never_counts(pipe: Any, pooling: str) -> None:
    alone = pipe("cat", pooling=pooling)
    beside = pipe(["cat", "the cat sat on a mat in new york ."], pooling=pooling)
    assert np.allclose(alone, beside[0], atol=1e-6)


def test_pooling_is_that_of_the_hidden_states(pipe: Any, tokenizer: Any) -> None:
    features = pipeline("feature-extraction", pipe.runner, tokenizer, return_tensors="np")
    (states,) = features("the cat sat")
    assert np.allclose(pipe("the cat sat"), states.mean(axis=0), atol=1e-6)
    assert np.allclose(pipe("the cat sat", pooling="cls"), states[0], atol=1e-6)
    assert np.allclose(pipe("the cat sat", pooling="max"), states.max(axis=0), atol=1e-6)


def test_normalized_vectors_have_length_one(pipe: Any) -> None:
    matrix = pipe(["the cat", "dog"], normalize=True)
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1.0)


def test_long_texts_use_all_their_tokens_unless_truncated(pipe: Any) -> None:
    text = "the cat sat . " * 20 + "berlin " * 100
    assert not np.allclose(pipe(text), pipe(text, truncate=True))
    assert pipe(text).shape == (32,)


def test_unknown_pooling_is_named(pipe: Any) -> None:
    with pytest.raises(InputError) as caught:
        pipe("a", pooling="last")
    assert str(caught.value) == "`pooling` must be one of mean, cls, max: got 'last'."


@pytest.fixture
def features(tokenizer: Any) -> Any:
    return pipeline("feature-extraction", ArithmeticRunner("base", small_config()), tokenizer)


def test_nested_lists_or_arrays(features: Any) -> None:
    nested = features("the cat")
    assert isinstance(nested, list)
    assert np.shape(nested) == (1, 4, 32)
    array = features("the cat", return_tensors="np")
    assert array.dtype == np.float32
    assert array.tolist() == nested
    listed = features(["the cat", "cat", ""])
    assert [np.shape(one) for one in listed] == [(1, 4, 32), (1, 3, 32), (1, 2, 32)]


def test_long_texts_have_a_vector_for_every_token(features: Any, tokenizer: Any) -> None:
    text = "the cat sat on a mat . " * 30
    whole = features(text, return_tensors="np")
    assert whole.shape == (1, len(tokenizer(text)["input_ids"]), 32)
    again = features(text, return_tensors="np", max_length=20)
    assert np.allclose(whole, again, atol=1e-6)  # the runner looks only one token to each side
    assert features(text, truncate=True, return_tensors="np").shape == (1, 64, 32)


def test_other_tensors_are_refused(features: Any) -> None:
    with pytest.raises(InputError) as caught:
        features("a", return_tensors="pt")
    assert str(caught.value) == "`return_tensors` must be one of np: got 'pt'."


MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {
        "idx": 2,
        "name": "2",
        "path": "2_Normalize",
        "type": "sentence_transformers.models.Normalize",
    },
]


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def test_a_plain_folder_says_nothing(tmp_path: Path) -> None:
    assert read_embedding_options(tmp_path, 512) == {}


def test_pooling_length_and_scaling_are_read(tmp_path: Path) -> None:
    write(tmp_path, "modules.json", MODULES)
    flags = {"word_embedding_dimension": 384, "pooling_mode_cls_token": False}
    write(tmp_path, "1_Pooling/config.json", {**flags, "pooling_mode_mean_tokens": True})
    write(tmp_path, "sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": False})
    expected = {"pooling": "mean", "normalize": True, "max_length": 256}
    assert read_embedding_options(tmp_path, 512) == expected
    assert read_embedding_options(tmp_path, 128)["max_length"] == 128


def test_newer_files_name_the_mode(tmp_path: Path) -> None:
    write(tmp_path, "1_Pooling/config.json", {"pooling_mode": "cls"})
    assert read_embedding_options(tmp_path, 512) == {"pooling": "cls"}


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        ({"pooling_mode_lasttoken": True}, "lasttoken"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, "mean, cls"),
        ({"pooling_mode_mean_tokens": False}, "none"),
    ],
)
def test_other_pooling_is_refused_by_name(tmp_path: Path, flags: Any, asked: str) -> None:
    write(tmp_path, "1_Pooling/config.json", flags)
    with pytest.raises(CheckpointError) as caught:
        read_embedding_options(tmp_path, 512)
    path = tmp_path / "1_Pooling" / "config.json"
    assert str(caught.value) == (
        f"Pooling must be one of mean, cls, max: {path} asks for {asked}. Pass `pooling=`."
    )


def test_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"^`modules.json` must be a JSON file in UTF-8: "):
        read_embedding_options(tmp_path, 512)
    write(tmp_path, "modules.json", {"a": 1})
    with pytest.raises(CheckpointError) as caught:
        read_embedding_options(tmp_path, 512)
    assert (
        str(caught.value)
        == f"`modules.json` must be a JSON array: {tmp_path / 'modules.json'} holds a dict."
    )
