"""The tokenizers of the small recorded vocabularies, fresh for each test that asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer


@pytest.fixture
def uncased(golden: Path) -> Path:
    """The folder of the small uncased vocabulary."""
    return golden / "tok" / "unc"


@pytest.fixture
def cased(golden: Path) -> Path:
    """The folder of the small cased vocabulary."""
    return golden / "tok" / "cas"


@pytest.fixture
def slow(uncased: Path) -> DistilBertTokenizer:
    """The slow tokenizer of the uncased vocabulary."""
    return DistilBertTokenizer.from_pretrained(uncased)


@pytest.fixture
def fast(uncased: Path) -> DistilBertTokenizerFast:
    """The fast tokenizer of the uncased vocabulary."""
    return DistilBertTokenizerFast.from_pretrained(uncased)


@pytest.fixture(params=[DistilBertTokenizer, DistilBertTokenizerFast])
def tokenizer(request: pytest.FixtureRequest, uncased: Path):
    """Each of the two classes in turn."""
    return request.param.from_pretrained(uncased)
