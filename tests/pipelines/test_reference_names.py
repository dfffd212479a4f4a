"""The names of transformers' pipelines mean what they mean there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config, write_vocab

import distilbert
from distilbert import pipeline
from distilbert.errors import InputError
from distilbert.pipelines.reference_names import (
    as_device,
    as_framework,
    as_options,
    take_loading_names,
)

LONG = "the cat sat on a mat in berlin . " * 40


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    runner = ArithmeticRunner("sequence_classification", small_config(num_labels=3))
    return pipeline("text-classification", runner, tokenizer)


def test_frameworks_and_devices_have_other_names() -> None:
    assert [as_framework(name) for name in ("pt", "tf", "jax", "torch", None)] == [
        *("torch", "tensorflow", "flax", "torch", None)
    ]
    assert [as_device(one) for one in (-1, 0, 2, "cuda", None)] == [
        *("cpu", "cuda:0", "cuda:2", "cuda", None)
    ]


def test_names_of_loading_are_translated() -> None:
    given = {"torch_dtype": "float16", "device_map": {"": "cpu"}, "use_auth_token": "x", "a": 1}
    given |= {"model_kwargs": {"revision": "r"}, "config": None}
    assert take_loading_names(given) == {"dtype": "float16", "device": "cpu"}
    assert given == {"token": "x", "a": 1, "revision": "r"}
    assert take_loading_names({"torch_dtype": "auto", "device_map": "auto"}) == {}
    with pytest.raises(InputError, match="`config` must be left out: it is read from the folder"):
        take_loading_names({"config": 3})
    with pytest.raises(InputError, match="`device_map` must name one device"):
        take_loading_names({"device_map": {"a": 0, "b": 1}})


def test_a_folder_opens_with_the_reference_names(tmp_path: Path) -> None:
    distilbert.DistilBertForSequenceClassification(small_config()).save_pretrained(tmp_path)
    write_vocab(tmp_path)
    names = {"framework": "pt", "device": -1, "torch_dtype": "float32", "use_fast": True}
    pipe = pipeline(model=tmp_path, batch_size=2, **names)
    assert pipe.task == "text-classification"
    assert pipe.batch_tokens == 2 * 64
    assert type(pipe.model) is distilbert.DistilBertForSequenceClassification
    assert pipe.tokenizer.model_max_length >= 64
    assert pipe(["cat"], batch_size=3, num_workers=2, padding=True, show_progress=False)
    with pytest.raises(InputError, match="either `batch_tokens` or `batch_size`"):
        pipe("cat", batch_size=1, batch_tokens=1)


def test_truncation_reads_the_first_window(pipe: Any) -> None:
    cut = pipe(LONG, truncation=True, max_length=16)
    assert cut == pipe(LONG, window_combination="first", max_length=16)
    assert cut != pipe(LONG, truncation=False, max_length=16)
    assert cut == pipe(LONG, tokenizer_kwargs={"truncation": True}, max_length=16)
    features = pipeline(
        "feature-extraction", ArithmeticRunner("base", small_config()), pipe.tokenizer
    )
    assert np.shape(features(LONG, truncation=True)) == (1, 64, 32)


def test_all_scores_come_in_the_order_of_the_labels(pipe: Any) -> None:
    labels = ["LABEL_0", "LABEL_1", "LABEL_2"]
    (scores,) = pipe("cat", return_all_scores=True)
    assert [one["label"] for one in scores] == labels
    assert [len(one) for one in pipe(["cat", "dog"], return_all_scores=True)] == [3, 3]
    assert pipe("cat", return_all_scores=False) == pipe("cat")
    ranked = pipe("cat", return_all_scores=True, top_k=None)
    assert ranked == sorted(scores, key=lambda one: -one["score"])


def test_a_single_text_is_in_a_list_unless_the_call_has_top_k(pipe: Any) -> None:
    runner, tokenizer = pipe.runner, pipe.tokenizer
    all_labels = pipeline("text-classification", runner, tokenizer, top_k=None)
    assert all_labels("cat") == [pipe("cat", top_k=None)]
    assert pipe("cat") == pipe("cat", top_k=1) == [pipe({"text": "cat"})]


@pytest.mark.parametrize(
    ("old", "strategy"),
    [
        ({"grouped_entities": True}, "simple"),
        ({"grouped_entities": True, "ignore_subwords": True}, "first"),
        ({"grouped_entities": False}, "none"),
    ],
)
def test_old_options_of_entities(tokenizer: Any, old: dict[str, Any], strategy: str) -> None:
    runner = ArithmeticRunner("token_classification", small_config(num_labels=3))
    pipe = pipeline("ner", runner, tokenizer)
    text = "Wolfgang lives in New York."
    assert pipe(text, **old) == pipe(text, aggregation_strategy=strategy)


def test_objects_of_transformers_are_refused_by_name(pipe: Any) -> None:
    transformers = pytest.importorskip("transformers")
    size = {"vocab_size": 9, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 8}
    model = transformers.DistilBertModel(transformers.DistilBertConfig(**size))
    with pytest.raises(InputError, match=r"got transformers\..*DistilBertModel. Save it with"):
        pipeline("feature-extraction", model, pipe.tokenizer)
    theirs = object.__new__(transformers.DistilBertTokenizer)
    with pytest.raises(InputError, match=r"`tokenizer` must be .* Save it with `save_pretrained"):
        pipeline("text-classification", pipe.runner, theirs)


def test_older_names_of_options_are_taken() -> None:
    known = {"top_k": (int,), "multi_label": (bool,)}
    assert as_options({"topk": 2, "multi_class": True}, known) == {"top_k": 2, "multi_label": True}
    assert as_options({"topk": 2, "top_k": 3}, known)["top_k"] == 3
