"""Words of raw text are those of annotated corpora."""

from __future__ import annotations

from typing import Any

import pytest
from stand_ins import tokenizer as tokenizer

from distilbert.tasks.token_classification.raw_words import join_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("john c. lives in berlin.", "john|c.|lives|in|berlin|."),
        ("the u.s. and j.r.r. who", "the|u.s.|and|j.r.r.|who"),
        ("o'brien of at&t, jean-paul's film", "o'brien|of|at&t|,|jean-paul|'s|film"),
        ("st. paul inc. in (new york)", "st.|paul|inc.|in|(|new|york|)"),
        ("@anna a@b.c #film 3.5 1,000 10:30", "@anna|a@b.c|#film|3.5|1,000|10:30"),
        ("good/bad, who?! don't", "good|/|bad|,|who|?|!|don't"),
        ("東京 and \u0645", "東|京|and|\u0645"),
        ("cat", "cat"),
        ("", ""),
        (". .", ".|."),
    ],
)
def test_marks_that_belong_to_a_word_stay_with_it(tokenizer: Any, text: str, words: str) -> None:
    (tokens,) = tokenizer.located_tokens([text])
    joined = join_words(text, tokens)
    spans: dict[int, tuple[int, int]] = {}
    for (start, end), number in zip(joined.offsets.tolist(), joined.words.tolist(), strict=True):
        spans[number] = (spans.get(number, (start, end))[0], end)
    assert "|".join(text[a:b] for a, b in spans.values()) == words
    assert list(spans) == list(range(len(spans)))
