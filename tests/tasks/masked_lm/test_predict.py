"""Masks found in a text, shown to the model, and filled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ids_of

from distilbert.errors import InputError
from distilbert.tasks.masked_lm.predict import Answer, decode, encode, view


def test_masks_are_found(tokenizer: Any) -> None:
    (encoded,) = encode(tokenizer, ["the [MASK] sat on[MASK]."])
    assert encoded.ids.tolist() == ids_of("the", "[MASK]", "sat", "on", "[MASK]", ".")
    assert encoded.masks.tolist() == [1, 4]


def test_a_text_that_fits_is_shown_whole(tokenizer: Any) -> None:
    shown = view(tokenizer, np.arange(10, 16), first=5, last=5, max_length=8)
    assert shown.ids.tolist() == [*ids_of("[CLS]"), *range(10, 16), *ids_of("[SEP]")]
    assert shown.ids[5 + shown.shift] == 15


@pytest.mark.parametrize(("mask", "start"), [(0, 0), (3, 0), (10, 7), (19, 14)])
def test_a_long_text_is_shown_around_the_mask(tokenizer: Any, mask: int, start: int) -> None:
    ids = np.arange(100, 120)
    shown = view(tokenizer, ids, first=mask, last=mask, max_length=8)
    assert shown.ids[1:-1].tolist() == ids[start : start + 6].tolist()
    assert shown.ids[mask + shown.shift] == ids[mask]


def test_what_does_not_fit_is_not_shown(tokenizer: Any) -> None:
    with pytest.raises(InputError, match="must lie within one window of 8 tokens: got masks 7 "):
        view(tokenizer, np.arange(20), first=2, last=8, max_length=8)


def test_tokens_come_best_first_with_their_share_of_the_vocabulary() -> None:
    logits = np.log(np.array([0.1, 0.4, 0.2, 0.3], dtype=np.float32))
    ids = [answer.ids for answer in decode(logits, top_k=3)]
    assert ids == [(1,), (3,), (2,)]
    (best, second) = decode(logits, top_k=5, targets=[2, 0])
    assert best == Answer((2,), pytest.approx(0.2))
    assert second.score == pytest.approx(0.1)


def test_no_more_tokens_than_the_vocabulary_has() -> None:
    assert len(decode(np.zeros(4, dtype=np.float32), top_k=99)) == 4
