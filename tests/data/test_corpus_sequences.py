"""Sequences hold each token of a text once, are framed, and do not depend on batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from distilbert.data.corpus_sequences import SequenceMaker, SequenceRules, divided

RULES = SequenceRules(
    *(2, 3, 1), max_length=8, min_length=5, max_unknown=0.5, join_texts=False
)  # [CLS] 2, [SEP] 3, [UNK] 1
TEXTS = st.lists(st.lists(st.integers(5, 99), max_size=30), max_size=12)


def sequences(
    texts: list[list[int]], rules: SequenceRules = RULES, batch: int = 3
) -> tuple[list[list[int]], SequenceMaker]:
    maker = SequenceMaker(rules)
    made = []
    for at in range(0, len(texts), batch):
        part = texts[at : at + batch]
        ids = np.array([token for text in part for token in text], dtype=np.uint16)
        made.append(maker.add(ids, np.array([len(text) for text in part], dtype=np.int64)))
    made.append(maker.finish())
    rows = []
    for ids, lengths in made:
        assert ids.dtype == np.uint16 or not len(ids)
        rows += [row.tolist() for row in np.split(ids, np.cumsum(lengths))[:-1]]
    return rows, maker


@given(TEXTS, st.booleans(), st.integers(1, 5))
def test_no_token_is_lost_and_batches_do_not_matter(
    texts: list[list[int]], join: bool, batch: int
) -> None:
    rules = replace(RULES, join_texts=join, min_length=3)
    rows, maker = sequences(texts, rules, batch)
    assert rows == sequences(texts, rules, 1)[0]
    assert all(row[0] == 2 and row[-1] == 3 and 3 <= len(row) <= 8 for row in rows)
    assert [t for row in rows for t in row[1:-1]] == [t for text in texts for t in text]
    if join:
        assert all(len(row) == 8 for row in rows[:-1])
    else:
        assert maker.short == sum(not text for text in texts)  # nothing but frames
        assert maker.divided == sum(len(text) > 6 for text in texts)


@given(TEXTS)
def test_a_long_text_loses_nothing_to_the_shortest_length(texts: list[list[int]]) -> None:
    rows, maker = sequences(texts)
    kept = [text for text in texts if len(text) >= 3]
    assert [t for row in rows for t in row[1:-1]] == [t for text in kept for t in text]
    assert maker.short == len(texts) - len(kept)


@pytest.mark.parametrize(
    ("length", "parts"),
    [(0, [0]), (5, [5]), (6, [6]), (7, [4, 3]), (8, [4, 4]), (9, [6, 3]), (13, [6, 4, 3])],
)
def test_parts_are_full_unless_the_last_would_be_too_short(length: int, parts: list[int]) -> None:
    assert divided(np.array([length]), 6, 3).tolist() == parts


def test_short_sequences_and_those_of_unknown_tokens_are_dropped_and_counted() -> None:
    texts = [[5, 6], [1, 1, 1, 7], [1, 1, 7, 8], [1, 1, 1, 1, 7, 8], [9] * 12 + [1] * 6]
    rows, maker = sequences(texts)
    # 3 of 6 and 4 of 8 are half of the tokens, 2 of 6 are not
    assert rows == [[2, 1, 1, 7, 8, 3], [2, *[9] * 6, 3], [2, *[9] * 6, 3]]
    assert (maker.short, maker.unknown_heavy, maker.divided) == (1, 3, 1)


def test_a_vocabulary_without_an_unknown_token_drops_none() -> None:
    rows, maker = sequences([[1] * 6], replace(RULES, unknown_id=None))
    assert (len(rows), maker.unknown_heavy) == (1, 0)


def test_the_rest_of_joined_texts_is_kept_if_it_is_long_enough() -> None:
    rules = replace(RULES, join_texts=True)
    rows, maker = sequences([[5] * 4, [6] * 5], rules)
    assert rows == [[2, 5, 5, 5, 5, 6, 6, 3], [2, 6, 6, 6, 3]]
    assert sequences([[5] * 4, [6] * 3], rules)[0] == [[2, 5, 5, 5, 5, 3], [2, 6, 6, 6, 3]]
    rows, maker = sequences([[5], [6]], rules)
    assert (rows, maker.short) == ([], 1)
