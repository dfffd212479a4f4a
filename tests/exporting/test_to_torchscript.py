"""The target "torchscript": plain PyTorch runs the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from exports import tiny_source
from tolerances import OUTPUT, assert_close

import distilbert
from distilbert.errors import InputError
from distilbert.heads import HEADS

TEXTS = ["the cat sat on the mat .", "berlin", "who lives in paris ? the wolf , my dog !"]


@pytest.mark.parametrize("head", HEADS)
def test_plain_pytorch_runs_the_file(tmp_path: Path, head: str) -> None:
    done = distilbert.export(tiny_source(tmp_path / "m", head), tmp_path / "out", to="torchscript")
    assert done.files == [tmp_path / "out" / "torchscript" / "model.pt"]
    model = torch.jit.load(done.files[0])
    assert [one.name for one in model.forward.schema.arguments[1:]] == [
        "input_ids",
        "attention_mask",
    ]
    assert f"{HEADS[head].class_name} as torchscript, 0." in done.describe()
    assert done.agreement.largest_difference < 1e-5


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_a_sentence_encoder_makes_its_vectors_in_the_model(tmp_path: Path, pooling: str) -> None:
    source = tiny_source(tmp_path / "m", "base")
    options = {"pooling": pooling, "normalize": True}
    done = distilbert.export(source, tmp_path / "out", to="torchscript", **options)
    assert done.outputs == ["last_hidden_state", "sentence_embedding"]
    expected = distilbert.pipeline("sentence-embedding", source, **options)(TEXTS)
    tokenizer = distilbert.AutoTokenizer.from_pretrained(done.folder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    found = torch.jit.load(done.files[0])(batch["input_ids"], batch["attention_mask"])
    assert_close(found["sentence_embedding"].numpy(), expected, OUTPUT)
    again = distilbert.pipeline("sentence-embedding", done.folder)(TEXTS)
    np.testing.assert_allclose(again, expected, atol=2e-5)


def test_weights_are_stored_in_float32_only(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    text = "`dtype` must be one of float32 for to='torchscript': got 'float16'"
    with pytest.raises(InputError, match=text):
        distilbert.export(source, tmp_path / "out", to="torchscript", dtype="float16")
    assert not (tmp_path / "out").exists()
