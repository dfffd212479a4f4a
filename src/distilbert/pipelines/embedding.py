"""`feature-extraction` and `sentence-embedding`: a vector per token, or one per text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from distilbert.batching import Evaluate, Outputs
from distilbert.checkpoint.sentence_modules import read_embedding_options
from distilbert.opening import OpenModel
from distilbert.pipelines.job import Job, run_each
from distilbert.tasks import embedding as task
from distilbert.tasks.windows import Window


def _encode(
    self: FeatureExtraction | SentenceEmbedding, examples: Sequence[str], model: OpenModel
) -> list[list[Window]]:
    return task.encode(
        model.tokenizer,
        examples,
        max_length=model.window_length(self.max_length),
        overlap=self.stride,
        truncate=self.truncate,
    )


def _states(window: Window, outputs: Outputs) -> np.ndarray:
    return outputs["last_hidden_state"][: len(window.ids)]


@dataclass(frozen=True, kw_only=True)
class FeatureExtraction(Job):
    """The last hidden state of every token, `[CLS]` and `[SEP]` included: nested lists [1][T][D].

    `return_tensors="np"` returns float32 arrays (1, T, D) instead. A text too long for the model is
    divided into windows of `max_length` tokens that share `stride` (a quarter by default) and each
    token is taken from the window with most context around it; with `truncate` only the first
    window is used.
    """

    return_tensors: Literal["np"] | None = None
    truncate: bool = False
    max_length: int | None = None
    stride: int | None = None

    name: ClassVar[str] = "feature-extraction"
    head: ClassVar[str] = "base"
    encode = _encode

    def answers(
        self, encoded: Sequence[list[Window]], model: OpenModel, run: Evaluate
    ) -> Iterator[Any]:
        for windows, states in zip(encoded, run_each(run, encoded, _states), strict=True):
            vectors = task.token_vectors(windows, states)[None]  # (1, T, D)
            yield vectors.copy() if self.return_tensors == "np" else vectors.tolist()


@dataclass(frozen=True, kw_only=True)
class SentenceEmbedding(Job):
    """One float32 vector per text: (D,) for a text, (n, D) for a list.

    `pooling`: mean over all tokens (padding never counts), cls, or max; `normalize` scales to
    length 1. A text too long for the model is divided into windows of `max_length` tokens that
    share `stride` (none by default, so that every token counts once), whose vectors are averaged
    with the number of their tokens as weights; `truncate` uses only the first window. A
    sentence-transformers folder sets `pooling`, `normalize` and `max_length`, unless given.
    """

    pooling: task.PoolingMode = "mean"
    normalize: bool = False
    truncate: bool = False
    max_length: int | None = None
    stride: int = 0

    name: ClassVar[str] = "sentence-embedding"
    head: ClassVar[str] = "base"
    encode = _encode

    def stored_options(self, model: OpenModel) -> dict[str, Any]:
        if model.folder is None:
            return {}
        return read_embedding_options(model.folder, model.max_length)

    def answers(
        self, encoded: Sequence[list[Window]], model: OpenModel, run: Evaluate
    ) -> Iterator[np.ndarray]:
        def pool(window: Window, outputs: Outputs) -> np.ndarray:
            return task.pool(_states(window, outputs), self.pooling)

        for windows, vectors in zip(encoded, run_each(run, encoded, pool), strict=True):
            vector = task.merge_pooled(windows, vectors, self.pooling)
            yield task.normalize(vector) if self.normalize else vector

    def present(
        self, results: list[np.ndarray], inputs: Any, options: Mapping[str, Any]
    ) -> np.ndarray:
        if self.is_single(inputs):
            return results[0]
        return np.stack(results) if results else np.zeros((0, 0), dtype=np.float32)
