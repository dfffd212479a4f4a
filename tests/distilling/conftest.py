"""A tiny teacher with a masked-LM head, one without, and texts."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from distilbert import DistilBertTokenizerFast
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig

PLAIN = ["the", "a", "old", "new", "film", "day", "book", "road", "was", "is", "and", "very"]
PLAIN += ["good", "bad", "fine", "cold", "warm", "dark"]
PIECES = ["walk", "##ed", "##ing", "talk"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *PLAIN, *PIECES]
LETTERS = [prefix + char for prefix in ("", "##") for char in string.ascii_lowercase]
SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "dim": 16,
    "n_heads": 4,
    "n_layers": 4,
    "hidden_dim": 24,
    "max_position_embeddings": 32,
    "initializer_range": 0.2,
}


def save_teacher(folder: Path, head: str, words: Sequence[str] = WORDS) -> Path:
    config = DistilBertConfig(**{**SIZES, "vocab_size": len(words)})
    save_checkpoint(folder, initial_weights(config, head, 0), config, head=head)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    DistilBertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked LM of 4 layers."""
    return save_teacher(tmp_path_factory.mktemp("teacher") / "lm", "masked_lm")


@pytest.fixture(scope="session")
def lettered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A masked LM whose vocabulary also has all letters."""
    words = [*WORDS, *LETTERS]
    return save_teacher(tmp_path_factory.mktemp("teacher") / "lettered", "masked_lm", words)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of 4 layers without a head."""
    return save_teacher(tmp_path_factory.mktemp("teacher") / "encoder", "base")


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 150 lines of 8 to 20 words."""
    rng = random.Random(0)
    words = [*PLAIN, "walked", "walking", "talked"]
    lines = [" ".join(rng.choices(words, k=rng.randrange(8, 21))) for _ in range(150)]
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(lines) + "\n")
    return path
