"""A tiny encoder with its vocabulary, and tiny labelled files of all five tasks."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch

from distilbert import DistilBertConfig, DistilBertModel, DistilBertTokenizerFast

GOOD = ["good", "fine", "great", "warm", "bright", "kind"]
BAD = ["bad", "poor", "cold", "dark", "dull", "mean"]
PLAIN = ["the", "a", "film", "day", "book", "road", "was", "is", "and", "very"]
NAMES = "Anna Berlin Carl Delhi".lower().split()
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *PLAIN, *NAMES, "who", "?"]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of the bare encoder with a tokenizer."""
    folder = tmp_path_factory.mktemp("encoder") / "tiny"
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=len(WORDS),
        dim=32,
        n_heads=4,
        n_layers=2,
        hidden_dim=64,
        max_position_embeddings=64,
    )
    DistilBertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    DistilBertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files `<task>.train.<format>` and `<task>.dev.<format>`; what they teach is easy."""
    folder = tmp_path_factory.mktemp("data")
    for split, n, seed in (("train", 96, 0), ("dev", 32, 1)):
        rng = random.Random(seed)

        def text(words: list[str], rng: random.Random = rng) -> str:
            return " ".join(rng.choice(PLAIN if rng.random() < 0.5 else words) for _ in range(8))

        _write(
            folder / f"sentiment.{split}.jsonl",
            [
                {"text": f"{text(words)} {rng.choice(words)}", "label": label}
                for _ in range(n // 2)
                for words, label in ((GOOD, "up"), (BAD, "down"))
            ],
        )
        _write(
            folder / f"several.{split}.jsonl",
            [
                {"text": " ".join(w + " " + x for w in a for x in b), "label": labels}
                for _ in range(n // 3)
                for a, b, labels in (
                    ([rng.choice(GOOD)], [rng.choice(PLAIN)], ["good"]),
                    ([rng.choice(BAD)], [rng.choice(PLAIN)], ["bad"]),
                    ([rng.choice(GOOD)], [rng.choice(BAD)], ["good", "bad"]),
                )
            ],
        )
        ratings = [rng.randrange(9) for _ in range(n)]
        _write(
            folder / f"rating.{split}.jsonl",
            [
                {"text": " ".join(["good"] * r + ["bad"] * (8 - r)), "label": r / 8 + 0.001}
                for r in ratings
            ],
        )
        sentences = [[rng.choice(NAMES + PLAIN) for _ in range(6)] for _ in range(n)]
        lines = [
            "\n".join(f"{word}\t{'B-NAME' if word in NAMES else 'O'}" for word in sentence) + "\n"
            for sentence in sentences
        ]
        (folder / f"names.{split}.conll").write_text("\n".join(lines), encoding="utf-8")
        _write(folder / f"texts.{split}.jsonl", [{"text": text(GOOD)} for _ in range(n)])
        passages = []
        for number in range(n):
            name = rng.choice(NAMES)
            before = text(PLAIN)
            passages.append(
                {
                    "context": f"{before} {name} {text(PLAIN)}",
                    "qas": [
                        {
                            "id": f"{split}-{number}",
                            "question": "who ?",
                            "answers": [{"text": name, "answer_start": len(before) + 1}],
                        }
                    ],
                }
            )
        squad = {"version": "1.1", "data": [{"title": "t", "paragraphs": passages}]}
        (folder / f"questions.{split}.json").write_text(json.dumps(squad), encoding="utf-8")
        _write(
            folder / f"endings.{split}.jsonl",
            [
                {
                    "ctx": "the day was",
                    "endings": [rng.choice(GOOD if i == right else BAD) for i in range(choices)],
                    "label": right,
                }
                for choices, right in ((rng.choice([2, 3]), rng.randrange(2)) for _ in range(n))
            ],
        )
    return folder


def _write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
