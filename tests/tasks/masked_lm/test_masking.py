"""Masks hide the stated share, whole words, nothing special, and depend on the generators alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from distilbert.errors import InputError
from distilbert.tasks.masked_lm.masking import Vocabulary, mask, units

VOCABULARY = Vocabulary(size=50, mask_id=4, special_ids=np.array([0, 1, 2, 3, 4]))
ROWS = st.lists(st.lists(st.integers(5, 49), min_size=1, max_size=30), min_size=1, max_size=6)


def framed(row: list[int], own: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.array([2, *row, 3]), np.array([-1, *own, -1])


def masked(
    rows: list[tuple[np.ndarray, np.ndarray]], *, probability: float = 0.15, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    return mask(
        [ids for ids, _ in rows],
        [own for _, own in rows],
        probability=probability,
        vocabulary=VOCABULARY,
        rngs=[np.random.default_rng((seed, number)) for number in range(len(rows))],
    )


@given(ROWS, st.integers(0, 99))
def test_each_row_hides_the_rounded_share_of_its_tokens(rows: list[list[int]], seed: int) -> None:
    framed_rows = [framed(row, range(len(row))) for row in rows]
    seen, labels = masked(framed_rows, seed=seed)
    start = 0
    for row in rows:
        own = slice(start, start + len(row) + 2)
        start += len(row) + 2
        hidden = labels[own] != -100
        assert hidden.sum() == max(1, int(0.15 * len(row) + 0.5))
        assert not hidden[[0, -1]].any()
        assert labels[own][hidden].tolist() == np.array([2, *row, 3])[hidden].tolist()
        assert seen[own][~hidden].tolist() == np.array([2, *row, 3])[~hidden].tolist()


@given(ROWS, st.integers(0, 99))
def test_pieces_of_a_word_are_hidden_together(rows: list[list[int]], seed: int) -> None:
    framed_rows = [framed(row, [i // 3 for i in range(len(row))]) for row in rows]
    _, labels = masked(framed_rows, probability=0.4, seed=seed)
    start = 0
    for row in rows:
        hidden = labels[start + 1 : start + 1 + len(row)] != -100
        start += len(row) + 2
        words = [hidden[i : i + 3] for i in range(0, len(row), 3)]
        assert all(word.all() or not word.any() for word in words)
        # within the share, unless the one word that must be hidden exceeds it
        assert hidden.sum() <= max(int(0.4 * len(row) + 0.5), 3)
        assert hidden.any()


def test_four_fifths_become_masks_a_tenth_another_token_and_a_tenth_stays() -> None:
    row = np.random.default_rng(5).integers(5, 50, size=40_000).tolist()
    seen, labels = masked([framed(row, range(len(row)))], probability=0.5)
    hidden = labels != -100
    assert hidden.sum() == 20_000
    became = seen[hidden]
    assert (became == 4).mean() == pytest.approx(0.8, abs=0.01)
    # one random token in 45 is the true one
    assert (became == labels[hidden]).mean() == pytest.approx(0.1 + 0.1 / 45, abs=0.01)
    drawn = became[(became != 4) & (became != labels[hidden])]
    assert set(drawn.tolist()) == set(range(5, 50))


def test_special_tokens_inside_a_text_stay_as_they_are() -> None:
    row = [7, 3, 1, 8]  # [SEP] and [UNK] in the middle
    for seed in range(20):
        seen, labels = masked([framed(row, range(4))], probability=1.0, seed=seed)
        assert labels.tolist() == [-100, 7, -100, -100, 8, -100]
        assert seen[[2, 3]].tolist() == [3, 1]


def test_a_row_of_special_tokens_hides_nothing() -> None:
    seen, labels = masked([framed([], []), framed([1, 1], [0, 1])])
    assert seen.tolist() == [2, 3, 2, 1, 1, 3]
    assert (labels == -100).all()


def test_the_generator_alone_decides() -> None:
    rows = [framed(list(range(5, 45)), range(40))]
    first, again, other = (masked(rows, seed=seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_every_token_is_as_likely_as_any_other() -> None:
    rows = [framed(list(range(5, 15)), range(10))] * 4000
    _, labels = masked(rows, probability=0.3)
    counts = np.bincount(labels[labels >= 0], minlength=15)[5:]
    assert counts.sum() == 3 * 4000
    assert counts / 4000 == pytest.approx(np.full(10, 0.3), abs=0.03)


def test_random_tokens_are_never_special() -> None:
    scattered = Vocabulary(size=8, mask_id=4, special_ids=np.array([0, 2, 3, 7]))
    drawn = scattered.ids_at(np.random.default_rng(0).random(4000))
    counts = np.bincount(drawn, minlength=8)
    assert counts[[0, 2, 3, 7]].sum() == 0
    assert counts[[1, 4, 5, 6]] / 4000 == pytest.approx(np.full(4, 0.25), abs=0.03)


def test_words_are_numbered_in_order() -> None:
    assert units(np.array([0, 0, 1, -1, -1, 4, 4])).tolist() == [0, 0, 1, 2, 3, 4, 4]
    assert units(np.zeros(0, dtype=np.int64)).tolist() == []


def test_a_tokenizer_gives_its_vocabulary(tokenizer: Any) -> None:
    vocabulary = Vocabulary.of(tokenizer)
    assert (vocabulary.size, vocabulary.mask_id) == (86, 4)
    assert vocabulary.special_ids.tolist() == [0, 1, 2, 3, 4]


def test_a_tokenizer_without_a_mask_is_refused() -> None:
    bare: Any = SimpleNamespace(mask_token_id=None, all_special_ids=[])
    with pytest.raises(InputError, match="needs a tokenizer with `mask_token`: got none"):
        Vocabulary.of(bare)
