"""Tiny checkpoints of every head with a tokenizer, and a way to run the command in this process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.cli.main import main
from distilbert.config import DistilBertConfig

WORDS = """
the a cat dog sat on mat who ran home good bad film was not it we you i . , ? ! ' s
""".split()  # noqa: SIM905


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Callable[[str], Path]:
    """head -> the folder of a tiny model with that head."""
    root = tmp_path_factory.mktemp("checkpoints")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    vocabulary += [chr(letter) for letter in range(97, 123) if chr(letter) not in WORDS]
    vocabulary += [f"##{chr(letter)}" for letter in range(97, 123)]

    def make(head: str) -> Path:
        folder = root / head
        if not folder.exists():
            config = DistilBertConfig(
                vocab_size=len(vocabulary),
                dim=32,
                n_heads=4,
                n_layers=2,
                hidden_dim=48,
                max_position_embeddings=64,
                initializer_range=0.3,
                id2label={0: "BAD", 1: "GOOD"},
            )
            files = {
                "vocab.txt": "".join(f"{word}\n" for word in vocabulary).encode(),
                "tokenizer_config.json": b'{"do_lower_case": true, "model_max_length": 64}',
            }
            weights = initial_weights(config, head, seed=3)
            save_checkpoint(folder, weights, config, head=head, extra_files=files)
        return folder

    return make


@dataclass(frozen=True)
class Ran:
    """What one command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys, monkeypatch) -> Callable[..., Ran]:
    """Run a command line; `stdin` is what is piped in."""

    def command(*arguments: object, stdin: bytes | None = None) -> Ran:
        stream = io.TextIOWrapper(io.BytesIO(stdin or b""), encoding="utf-8")
        stream.isatty = lambda: stdin is None  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdin", stream)
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return command
