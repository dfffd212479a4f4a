"""Options and result shapes of `sentence-embedding`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numpy as np

from distilbert.batching import Evaluate
from distilbert.pipelines.inputs import as_row, is_single, read_text
from distilbert.pipelines.job import Setup, check_at_least, check_one_of
from distilbert.tasks import embedding as task
from distilbert.tasks.windows import Window

NAME = "sentence-embedding"


@dataclass(frozen=True, kw_only=True)
class SentenceEmbedding:
    """One float32 vector per text: (D,) for a text, (n, D) for a list.

    `pooling`: mean over all tokens (padding never counts), cls, or max; `normalize` scales to
    length 1. A text too long for the model is cut into windows of `max_length` tokens that share
    `stride` (none by default, so that every token counts once), whose vectors are averaged with the
    number of their tokens as weights; `truncate` uses the first window alone. A
    sentence-transformers folder sets `pooling`, `normalize` and `max_length`, unless given.
    """

    pooling: task.PoolingMode = "mean"
    normalize: bool = False
    truncate: bool = False
    max_length: int | None = None
    stride: int = 0

    head: ClassVar[str] = "base"
    fields: ClassVar[tuple[str, ...]] = ()
    is_single = staticmethod(is_single)
    from_fields = staticmethod(as_row)

    def __post_init__(self) -> None:
        check_at_least(0, stride=self.stride)
        check_one_of(get_args(task.PoolingMode), pooling=self.pooling)

    def read(self, item: Any) -> str:
        return read_text(item, NAME)

    def encode(self, examples: Sequence[str], setup: Setup) -> list[list[Window]]:
        return task.encode(
            setup.tokenizer,
            examples,
            max_length=setup.window_length(self.max_length),
            overlap=self.stride,
            truncate=self.truncate,
        )

    def n_tokens(self, encoded: list[Window]) -> int:
        return sum(len(window.ids) for window in encoded)

    def answers(
        self, encoded: Sequence[list[Window]], setup: Setup, run: Evaluate
    ) -> Iterator[np.ndarray]:
        windows = [window.ids for own in encoded for window in own]

        def keep(number: int, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
            return task.pool(outputs["last_hidden_state"][: len(windows[number])], self.pooling)

        rows = iter(run(windows, keep))
        for own in encoded:
            vector = task.merge_pooled(own, [next(rows) for _ in own], self.pooling)
            yield task.normalize(vector) if self.normalize else vector

    def present(self, results: list[np.ndarray], *, single: bool) -> np.ndarray:
        if single:
            return results[0]
        return np.stack(results) if results else np.zeros((0, 0), dtype=np.float32)
