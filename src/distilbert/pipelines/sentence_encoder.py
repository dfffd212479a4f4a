"""`SentenceEncoder`: texts to vectors, their similarity, and search among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from distilbert.errors import InputError
from distilbert.pipelines.factory import pipeline
from distilbert.pipelines.inputs import as_stream, read_text
from distilbert.pipelines.option_checks import check_at_least
from distilbert.tasks.embedding import normalize as scale_to_one

# Queries that are compared with a corpus at once: bounds the memory.
QUERIES_AT_ONCE = 256


class SentenceEncoder:
    """An encoder of texts, for semantic search.

    Args:
        model, tokenizer, options: as those of `pipeline("sentence-embedding", ...)`.
    """

    def __init__(self, model: Any, tokenizer: Any = None, **options: Any) -> None:
        self.pipe = pipeline("sentence-embedding", model, tokenizer, **options)

    def encode(
        self,
        texts: Any,
        *,
        batch_size: int | None = None,
        normalize: bool | None = None,
        show_progress: bool = False,
    ) -> np.ndarray:
        """Vectors of texts: (D,) for a text or a row, (N, D) for any collection of N, float32.

        `normalize` scales them to length 1; by default as the checkpoint says. `batch_size` is the
        number of texts of full length in a batch.
        """
        if not isinstance(texts, (str, list, Mapping)):
            texts = list(as_stream(texts, self.pipe.task))
        return self.pipe(texts, batch_size=batch_size, normalize=normalize, progress=show_progress)

    def similarity(self, first: Any, second: Any) -> np.ndarray:
        """The cosine of the angle between each of `first` and each of `second`, (N, M).

        Both are texts or vectors (N, D).
        """
        return self._unit_vectors(first) @ self._unit_vectors(second).T

    def search(self, query: Any, corpus: Any, *, top_k: int = 5) -> list[Any]:
        """The `top_k` of `corpus` that are most similar to a query, best first.

        Each is a dict {"index", "score"}, and "text" if `corpus` holds texts. Both arguments are
        texts or vectors; a list of queries gives a list of lists. Encode a corpus once to search
        it often.
        """
        check_at_least(1, top_k=top_k)
        is_flat = getattr(query, "ndim", 2) == 1
        query, corpus = self._listed(query), self._listed(corpus)
        is_vector = is_flat and len(query) > 0 and not _are_texts(query)
        is_single = isinstance(query, str) or is_vector
        queries, vectors = self._unit_vectors(query), self._unit_vectors(corpus)
        texts = corpus if _are_texts(corpus) else None
        found = [
            _best(scores, top_k, texts)
            for start in range(0, len(queries), QUERIES_AT_ONCE)
            for scores in queries[start : start + QUERIES_AT_ONCE] @ vectors.T
        ]
        return found[0] if is_single else found

    def _listed(self, given: Any) -> Any:
        """A text, a list of texts, or vectors; rows become their texts."""
        if isinstance(given, Mapping):
            return read_text(given, self.pipe.task)
        if isinstance(given, (str, np.ndarray)):
            return given
        listed = as_stream(given, self.pipe.task)
        return [read_text(x, self.pipe.task) if isinstance(x, Mapping) else x for x in listed]

    def _unit_vectors(self, given: Any) -> np.ndarray:
        """Vectors of length 1, (N, D), of texts or vectors."""
        given = self._listed(given)
        if isinstance(given, str) or _are_texts(given):
            given = self.encode(given, normalize=True)
        vectors = np.atleast_2d(np.asarray(given, dtype=np.float32))
        width = self.pipe.opened.config.dim
        if vectors.size and vectors.shape[1:] != (width,):
            raise InputError(
                f"Vectors must have the shape (N, {width}): got {vectors.shape}. "
                "Use those of `encode`."
            )
        return scale_to_one(vectors.reshape(-1, width))


def _are_texts(given: Any) -> bool:
    return len(given) > 0 and isinstance(given[0], str)


def _best(scores: np.ndarray, top_k: int, texts: Any) -> list[dict[str, Any]]:
    k = min(top_k, len(scores))
    best = np.argpartition(-scores, k - 1)[:k] if k else np.zeros(0, dtype=np.int64)
    best = best[np.argsort(-scores[best], kind="stable")]
    found = [{"index": int(i), "score": float(scores[i])} for i in best]
    return found if texts is None else [{**one, "text": texts[one["index"]]} for one in found]
