"""The target "tflite": plain TensorFlow Lite runs the file."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf
from exports import tiny_source
from tolerances import OUTPUT, assert_close

import distilbert

TEXTS = ["the cat sat on the mat .", "berlin", "who lives in paris ? the wolf , my dog !"]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_plain_tensorflow_lite_makes_the_vectors_of_a_sentence_encoder(tmp_path, dtype) -> None:
    source = tiny_source(tmp_path / "m", "base")
    options: dict[str, Any] = {"pooling": "mean", "normalize": True}
    done = distilbert.export(source, tmp_path / "out", to="tflite", dtype=dtype, **options)
    assert done.files == [tmp_path / "out" / "tflite" / "model.tflite"]
    expected = distilbert.pipeline("sentence-embedding", source, **options)(TEXTS)
    tokenizer = distilbert.AutoTokenizer.from_pretrained(done.folder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="np")
    run: Any = tf.lite.Interpreter(model_path=str(done.files[0])).get_signature_runner()
    found = run(**{name: array.astype("int32") for name, array in batch.items()})
    if dtype == "float32":
        assert_close(found["sentence_embedding"], expected, OUTPUT)
    assert abs(found["sentence_embedding"] - expected).max() < 1e-2
