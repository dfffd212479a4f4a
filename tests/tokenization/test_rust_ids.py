"""Added tokens have the ids that files give them, also where the library would number otherwise."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken, Tokenizer, models

from distilbert.tokenization.rust_ids import placed_tokens, renumbered, with_vocabulary

VOCABULARY = {"[UNK]": 0, "a": 1, "b": 2}


@pytest.fixture
def backend() -> Tokenizer:
    return Tokenizer(models.WordPiece(dict(VOCABULARY), unk_token="[UNK]"))


def test_consecutive_ids_need_no_new_tokenizer(backend: Tokenizer) -> None:
    added = {3: AddedToken("x"), 4: AddedToken("y"), 1: AddedToken("a")}
    assert renumbered(backend, added) is backend


def test_ids_after_a_gap_are_kept_with_the_options_of_their_tokens(backend: Tokenizer) -> None:
    backend.add_tokens([AddedToken("old", lstrip=True)])
    result = renumbered(backend, {7: AddedToken("x", normalized=False), 9: AddedToken("y")})
    assert [result.token_to_id(token) for token in ("old", "x", "y")] == [3, 7, 9]
    decoder = result.get_added_tokens_decoder()
    assert (decoder[3].lstrip, decoder[7].normalized) == (True, False)
    assert placed_tokens(result, ["[UNK]"]) == {"old", "x", "y"}
    assert result.encode("x").ids == [7]


def test_an_added_token_wins_over_a_vocabulary_that_has_it_under_another_id(
    backend: Tokenizer,
) -> None:
    assert renumbered(backend, {5: AddedToken("b")}).encode("b").ids == [5]


def test_nothing_is_placed_without_a_gap(backend: Tokenizer) -> None:
    assert placed_tokens(backend, []) == frozenset()
    backend.add_tokens(["x"])
    assert placed_tokens(with_vocabulary(backend, {}), []) == frozenset()


def test_special_tokens_at_the_end_of_a_vocabulary_are_not_placed_ones() -> None:
    backend = Tokenizer(models.WordPiece({"a": 0, "[UNK]": 2}, unk_token="[UNK]"))  # 1: repeated
    backend.add_special_tokens(["[UNK]"])
    assert placed_tokens(backend, ["[UNK]"]) == frozenset()
