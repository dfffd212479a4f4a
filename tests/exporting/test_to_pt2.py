"""The target "pt2": plain PyTorch runs the file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from exports import tiny_source
from tolerances import OUTPUT, assert_close

import distilbert
from distilbert.errors import ExportError
from distilbert.heads import HEADS

TEXTS = ["the cat sat on the mat .", "berlin", "who lives in paris ? the wolf , my dog !"]


@pytest.mark.parametrize("head", HEADS)
def test_plain_pytorch_runs_the_file_for_any_size(tmp_path: Path, head: str) -> None:
    done = distilbert.export(tiny_source(tmp_path / "m", head), tmp_path / "out", to="pt2")
    assert done.files == [tmp_path / "out" / "pt2" / "model.pt2"]
    assert done.agreement.largest_difference < 1e-5
    model = torch.export.load(done.files[0]).module()
    choices = {"C": 1} if head == "multiple_choice" else {}
    for rows, length in ((1, 1), (1, 9), (3, 64)):
        sizes = {"B": rows, **choices, "S": length}
        ids = torch.ones([sizes[axis] for axis in HEADS[head].input_axes], dtype=torch.int64)
        found = model(ids, ids)
        assert list(found) == [*HEADS[head].outputs]


def test_a_sentence_encoder_makes_its_vectors_in_the_model(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    options = {"pooling": "mean", "normalize": True}
    done = distilbert.export(source, tmp_path / "out", to="pt2", **options)
    expected = distilbert.pipeline("sentence-embedding", source, **options)(TEXTS)
    tokenizer = distilbert.AutoTokenizer.from_pretrained(done.folder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    model = torch.export.load(done.files[0]).module()
    found = model(batch["input_ids"], batch["attention_mask"])
    assert_close(found["sentence_embedding"].numpy(), expected, OUTPUT)
    again = distilbert.pipeline("sentence-embedding", done.folder)(TEXTS)
    np.testing.assert_allclose(again, expected, atol=2e-5)


def test_equal_checkpoints_give_equal_bytes_without_pickles_and_folders(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "masked_lm")
    one, other = (
        distilbert.export(source, tmp_path / name, to="pt2").files[0] for name in ("a", "b")
    )
    assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(one) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    assert not any(content.startswith((b"\x80", b"PK")) for content in entries.values())
    assert not any(b"site-packages" in content for content in entries.values())
    assert not any(b"recording.py" in content for content in entries.values())
    table = 4 * 86 * 32
    assert sum(len(content) == table for content in entries.values()) == 1  # tied


def test_an_old_pytorch_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    source = tiny_source(tmp_path / "m", "base")
    monkeypatch.setattr(torch, "__version__", "2.8.1+cpu")
    text = r"needs PyTorch 2\.9 or newer, which writes weights as plain bytes: got 2\.8\.1\+cpu"
    with pytest.raises(ExportError, match=text):
        distilbert.export(source, tmp_path / "out", to="pt2")
    assert not (tmp_path / "out").exists()
