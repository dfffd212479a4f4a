"""The recorded checkpoints of all six heads, as config and canonical arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.matching import match_parameters
from distilbert.config import DistilBertConfig

RECORDED = {
    "base": "base",
    "masked_lm": "mlm",
    "sequence_classification": "seq",
    "multiple_choice": "mc",
    "token_classification": "tok",
    "question_answering": "qa",
}


@dataclass(frozen=True)
class Recorded:
    """One head's recorded checkpoint and the folder of its other formats."""

    head: str
    config: DistilBertConfig
    arrays: dict[str, np.ndarray]
    folder: Path
    formats: Path


def load_recorded(golden: Path, head: str) -> Recorded:
    folder = golden / "ckpt" / "V" / RECORDED[head]
    config = DistilBertConfig(**json.loads((folder / "config.json").read_text()))
    arrays, _ = match_parameters(open_checkpoint(folder), config, head)
    formats = golden / "formats" / "V" / RECORDED[head]
    return Recorded(head, config, arrays, folder, formats)


@pytest.fixture(params=RECORDED)
def recorded(request, golden) -> Recorded:
    """Each head in turn."""
    return load_recorded(golden, request.param)


@pytest.fixture
def masked_lm(golden) -> Recorded:
    return load_recorded(golden, "masked_lm")


@pytest.fixture
def base(golden) -> Recorded:
    return load_recorded(golden, "base")
