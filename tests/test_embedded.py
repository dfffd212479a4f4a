"""The model inside the package: found without a network, equal in all frameworks, and sensible."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import distilbert
from distilbert import AutoConfig, DistilBertTokenizer, DistilBertTokenizerFast, pipeline
from distilbert._lazy import FRAMEWORKS
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.hub import EMBEDDED, EMBEDDED_FOLDER, resolve
from distilbert.errors import CheckpointError

SENTENCES = (
    "A man is playing a guitar on a stage.",
    "Someone performs music in front of people.",
    "The bank refused to give her a loan.",
    "How do I open a bank account?",
)
# Text -> words of which one must be among the best ten.
MASKED = {
    "She opened the [MASK] and went out of the house.": {"door", "window"},
    "What is the capital [MASK] France?": {"of"},
    "How [MASK] does it cost?": {"much"},
    "He drank a glass of [MASK].": {"water", "wine", "milk"},
}
WORDS = (
    "naïve café owners",
    "Unaffable 😀 [MASK] walking",
    "",
    "Straße in Zürich, 1999!",
    "\u4e2d",
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("asked for a network")

    monkeypatch.setattr("socket.socket.connect", refuse)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """The vectors of the sentences in PyTorch (4, D)."""
    return np.asarray(pipeline("sentence-embedding", EMBEDDED, framework="torch")(list(SENTENCES)))


def test_it_takes_twelve_megabytes_at_most_and_says_what_it_is() -> None:
    files = [path for path in EMBEDDED_FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12e6
    assert open_checkpoint(EMBEDDED_FOLDER).quantization == "int8-rows"
    card = (EMBEDDED_FOLDER / "README.md").read_text(encoding="utf-8")
    for part in ("all-MiniLM-L6-v2", "Apache-2.0", "CC BY-SA", "sha256"):
        assert part in card


def test_a_folder_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve(EMBEDDED) == EMBEDDED_FOLDER
    with pytest.raises(CheckpointError, match="existing folder or file"):
        resolve(Path(EMBEDDED))  # a path is never a name
    (tmp_path / EMBEDDED).mkdir()
    assert resolve(EMBEDDED) == Path(EMBEDDED)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_framework_computes_the_same_vectors(framework: str, vectors: np.ndarray) -> None:
    found = np.asarray(
        pipeline("sentence-embedding", EMBEDDED, framework=framework)(list(SENTENCES))
    )
    assert found.shape == (4, AutoConfig.from_pretrained(EMBEDDED).dim)
    np.testing.assert_allclose(found, vectors, atol=2e-5)


def test_sentences_of_like_meaning_are_near(vectors: np.ndarray) -> None:
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)  # as its teacher's
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > cosines[0, 2:].max() + 0.1
    assert cosines[2, 3] > cosines[:2, 2:].max() + 0.1


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_masks_are_filled_with_words_that_fit(framework: str) -> None:
    fill = pipeline("fill-mask", EMBEDDED, framework=framework, top_k=10)
    for text, expected in MASKED.items():
        words = {answer["token_str"] for answer in fill(text)}
        assert words & expected, (text, words)


def test_both_tokenizers_agree() -> None:
    slow = DistilBertTokenizer.from_pretrained(EMBEDDED)
    fast = DistilBertTokenizerFast.from_pretrained(EMBEDDED)
    assert slow.get_vocab() == fast.get_vocab()
    assert len(fast) == AutoConfig.from_pretrained(EMBEDDED).vocab_size
    for text in (*SENTENCES, *WORDS):
        assert slow.encode(text) == fast.encode(text)


@pytest.mark.parametrize("prefix", ["", "TF", "Flax"])
def test_every_auto_class_takes_the_name(prefix: str) -> None:
    model = getattr(distilbert, f"{prefix}AutoModelForMaskedLM").from_pretrained(EMBEDDED)
    assert model.config.architectures == ["DistilBertForMaskedLM"]


def test_what_is_saved_is_float32(tmp_path: Path) -> None:
    model = distilbert.AutoModel.from_pretrained(EMBEDDED)
    model.save_pretrained(tmp_path)
    saved = open_checkpoint(tmp_path)
    assert saved.quantization is None
    assert {array.dtype.name for array in saved.values()} == {"float32"}


def test_a_copy_of_the_folder_is_a_model(tmp_path: Path, vectors: np.ndarray) -> None:
    shutil.copytree(EMBEDDED_FOLDER, tmp_path / "mine")
    found = pipeline("sentence-embedding", str(tmp_path / "mine"), framework="torch")
    np.testing.assert_allclose(np.asarray(found(list(SENTENCES))), vectors, atol=1e-6)
