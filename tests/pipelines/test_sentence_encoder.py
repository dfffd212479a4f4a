"""Vectors, their similarity, and search among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

import distilbert
from distilbert.errors import InputError

TEXTS = ["the cat sat", "a dog lives in berlin", "good film", "the cat sat on a mat"]


@pytest.fixture
def encoder(tokenizer: Any) -> Any:
    return distilbert.SentenceEncoder(ArithmeticRunner("base", small_config()), tokenizer)


def test_any_collection_of_texts_gives_a_matrix(encoder: Any) -> None:
    pandas = pytest.importorskip("pandas")
    expected = encoder.encode(TEXTS)
    assert expected.shape == (4, 32)
    for texts in (tuple(TEXTS), np.array(TEXTS), pandas.Series(TEXTS), iter(TEXTS)):
        assert np.array_equal(encoder.encode(texts, batch_size=2), expected)
        assert encoder.encode(TEXTS[0]).shape == (32,)
    unit = encoder.encode(TEXTS, normalize=True)
    assert np.allclose(np.linalg.norm(unit, axis=1), 1.0)
    with pytest.raises(InputError, match="takes the texts of one column"):
        encoder.encode(pandas.DataFrame({"text": TEXTS}))


def test_similarity_is_the_cosine(encoder: Any) -> None:
    cosines = encoder.similarity(TEXTS, TEXTS[:2])
    assert cosines.shape == (4, 2)
    assert cosines[0, 0] == pytest.approx(1.0, abs=1e-6)
    assert np.allclose(cosines, encoder.similarity(encoder.encode(TEXTS), TEXTS[:2]), atol=1e-6)
    with pytest.raises(InputError, match=r"must have the shape \(N, 32\): got \(1, 3\)"):
        encoder.similarity([[1.0, 2.0, 3.0]], TEXTS)


def test_the_most_similar_texts_come_first(encoder: Any) -> None:
    found = encoder.search("the cat sat", TEXTS, top_k=2)
    assert found[0]["text"] == "the cat sat"
    assert [list(one) for one in found] == [["index", "score", "text"]] * 2
    assert found[0]["score"] >= found[1]["score"]
    vectors = encoder.encode(TEXTS)
    rows = encoder.search(["good film", "the cat sat"], vectors, top_k=9)
    assert [len(row) for row in rows] == [4, 4]
    assert rows[0][0]["index"] == 2
    assert "text" not in rows[0][0]
    assert encoder.search(vectors[2], TEXTS, top_k=1)[0]["index"] == 2
    assert encoder.search("cat", [], top_k=1) == []
    with pytest.raises(InputError, match="`top_k` must be an integer of at least 1"):
        encoder.search("cat", TEXTS, top_k=0)


def test_a_column_of_queries_is_not_a_vector(encoder: Any) -> None:
    pandas = pytest.importorskip("pandas")
    queries = ["good film", "the cat sat"]
    expected = encoder.search(queries, TEXTS, top_k=1)
    assert [one["text"] for (one,) in expected] == queries
    for column in (np.array(queries), pandas.Series(queries)):
        assert encoder.search(column, TEXTS, top_k=1) == expected
    assert encoder.search(np.array([]), TEXTS) == []


def test_rows_are_texts_and_a_dict_of_columns_is_not(encoder: Any) -> None:
    rows = [{"text": text, "id": i} for i, text in enumerate(TEXTS)]
    expected = encoder.search(TEXTS[2], TEXTS, top_k=2)
    assert encoder.search(rows[2], rows, top_k=2) == expected
    assert encoder.encode(rows[2]).shape == (32,)
    for call in (encoder.encode, lambda columns: encoder.similarity("cat", columns)):
        with pytest.raises(InputError, match="has one text under 'text': got 4 values"):
            call({"text": TEXTS})
