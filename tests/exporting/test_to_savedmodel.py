"""The target "savedmodel": plain TensorFlow runs the folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from exports import tiny_source
from tolerances import OUTPUT, assert_close

import distilbert
from distilbert.errors import InputError, MissingDependencyError

TEXTS = ["the cat sat on the mat .", "berlin", "who lives in paris ? the wolf , my dog !"]


def test_plain_tensorflow_makes_the_vectors_of_a_sentence_encoder(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    options = {"pooling": "mean", "normalize": True}
    done = distilbert.export(source, tmp_path / "out", to="savedmodel", **options)
    assert [path.name for path in done.files] == [
        "saved_model.pb",
        "fingerprint.pb",
        "variables.data-00000-of-00001",
        "variables.index",
    ]
    expected = distilbert.pipeline("sentence-embedding", source, **options)(TEXTS)
    tokenizer = distilbert.AutoTokenizer.from_pretrained(done.folder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="np")
    model = tf.saved_model.load(str(done.files[0].parent)).signatures["serving_default"]
    inputs = {name: tf.constant(array, tf.int32) for name, array in batch.items()}
    assert_close(model(**inputs)["sentence_embedding"].numpy(), expected, OUTPUT)
    again = distilbert.pipeline("sentence-embedding", done.folder)(TEXTS)
    np.testing.assert_allclose(again, expected, atol=2e-5)


def test_what_it_cannot_do_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    source = tiny_source(tmp_path / "m", "base")
    with pytest.raises(InputError, match="`dtype` must be one of float32 for to='savedmodel'"):
        distilbert.export(source, tmp_path / "out", to="savedmodel", dtype="float16")
    monkeypatch.setitem(__import__("sys").modules, "tensorflow", None)
    text = "`tensorflow` is needed to export to savedmodel, .*pip install"
    with pytest.raises(MissingDependencyError, match=text):
        distilbert.export(source, tmp_path / "out", to="savedmodel")
    assert not (tmp_path / "out").exists()
