"""Test doubles for tasks and pipelines: a small vocabulary and a runner of plain arithmetic.

The runner's outputs depend on a token, its neighbours and the mask, so that errors in cutting,
padding or ordering rows change them. No framework is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import distilbert
from distilbert.config import DistilBertConfig
from distilbert.runner import CPU_BATCH_TOKENS, only_wanted

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = (
    "the cat dog sat on mat a in berlin wolf ##gang lives paris is of france capital and good bad "
    "film very who where does live ? . , ! my name ##s ##ing run ##er big city new york U ##S"
)
LETTERS = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmn")]
VOCAB = [*SPECIAL, *WORDS.split(), *LETTERS]


def write_vocab(folder: Path) -> Path:
    """A tokenizer folder with `vocab.txt`."""
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(VOCAB)) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session", params=["DistilBertTokenizerFast", "DistilBertTokenizer"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Each of the two tokenizers over the small vocabulary."""
    folder = write_vocab(tmp_path_factory.mktemp("tokenizer"))
    return getattr(distilbert, request.param).from_pretrained(folder)


def ids_of(*tokens: str) -> list[int]:
    """Ids of tokens of the small vocabulary."""
    order = list(dict.fromkeys(VOCAB))
    return [order.index(token) for token in tokens]


def small_config(**changes: Any) -> DistilBertConfig:
    """A config of the small vocabulary with 64 positions."""
    n_words = len(dict.fromkeys(VOCAB))
    settings = {"vocab_size": n_words, "max_position_embeddings": 64, "n_layers": 2, "n_heads": 4}
    return DistilBertConfig(**{**settings, "dim": 32, "hidden_dim": 48, **changes})


class ArithmeticRunner:
    """Outputs of each head as sums of table rows for a token and its two neighbours.

    `overrides` maps token ids to their output row, which then does not depend on neighbours.
    """

    def __init__(
        self,
        head: str,
        config: DistilBertConfig,
        *,
        overrides: Mapping[int, Sequence[float]] | None = None,
        seed: int = 0,
    ) -> None:
        self.head = head
        self.config = config
        self.preferred_batch_tokens = CPU_BATCH_TOKENS
        self.batches: list[tuple[int, ...]] = []
        self.n_wanted: list[int] = []
        n_out = {
            "base": config.dim,
            "masked_lm": config.vocab_size,
            "question_answering": 2,
            "multiple_choice": 1,
        }.get(head, config.num_labels)
        rng = np.random.default_rng(seed)
        self.table = rng.normal(size=(config.vocab_size, n_out)).astype(np.float32)
        self.overrides = dict(overrides or {})

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        if wanted is not None:
            self.n_wanted.append(int(wanted.sum()))
        return only_wanted(self.head, self._outputs(batch), wanted)

    def close(self) -> None:
        del self.table

    def _outputs(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        ids, mask = batch["input_ids"], batch["attention_mask"]
        assert ids.dtype == mask.dtype == np.int64
        assert ids.shape[-1] <= self.config.max_position_embeddings
        self.batches.append(ids.shape)
        lead = ids.shape[:-1]
        ids, mask = ids.reshape(-1, ids.shape[-1]), mask.reshape(-1, ids.shape[-1])
        rows = self.table[ids] * mask[..., None].astype(np.float32)  # (B, S, N)
        before = np.pad(rows, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        after = np.pad(rows, ((0, 0), (0, 1), (0, 0)))[:, 1:]
        out = rows + np.float32(0.5) * before + np.float32(0.25) * after
        for token, row in self.overrides.items():
            out[ids == token] = row
        if self.head == "base":
            return {"last_hidden_state": out}
        if self.head == "question_answering":
            return {"start_logits": out[..., 0], "end_logits": out[..., 1]}
        if self.head in ("masked_lm", "token_classification"):
            return {"logits": out}
        pooled = (out * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        pooled = pooled.astype(np.float32)
        if self.head == "multiple_choice":
            return {"logits": pooled[:, 0].reshape(lead)}
        return {"logits": pooled}
