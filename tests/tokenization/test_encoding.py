"""The Python row answers every question as the Rust row does."""

from __future__ import annotations

from distilbert.tokenization.encoding import Encoding, LocatedTokens, TextPieces


def pair() -> Encoding:
    """`[SEP] hello you [SEP] a [SEP]`, with "hello" in two pieces."""
    return Encoding(
        ids=[2, 7, 8, 9, 2, 4, 2],
        type_ids=[0, 0, 0, 0, 0, 1, 0],
        tokens=["[SEP]", "he", "##llo", "you", "[SEP]", "a", "[SEP]"],
        offsets=[(0, 0), (0, 2), (2, 5), (6, 9), (0, 0), (3, 4), (0, 0)],
        word_ids=[None, 0, 0, 1, None, 0, None],
        sequence_ids=[None, 0, 0, 0, None, 1, None],
        special_tokens_mask=[1, 0, 0, 0, 1, 0, 1],
        attention_mask=[1] * 7,
    )


def test_a_row_knows_its_length_and_its_texts():
    row = pair()
    assert row.words == row.word_ids
    assert (len(row), row.n_sequences) == (7, 2)


def test_located_tokens_are_the_pieces_as_arrays():
    located = LocatedTokens.of(TextPieces([7, 8], ["he", "##llo"], [(0, 2), (2, 5)], [0, 0]))
    assert located.ids.tolist() == [7, 8]
    assert located.offsets.tolist() == [[0, 2], [2, 5]]
    assert located.words.tolist() == [0, 0]
    assert LocatedTokens.of(TextPieces()).offsets.shape == (0, 2)


def test_tokens_words_and_characters_lead_to_each_other():
    row = pair()
    assert row.token_to_chars(2) == (2, 5)
    assert row.token_to_chars(0) is None
    assert row.token_to_word(3) == 1
    assert row.token_to_sequence(5) == 1
    assert row.word_to_tokens(0) == (1, 3)
    assert row.word_to_tokens(0, 1) == (5, 6)
    assert row.word_to_tokens(9) is None
    assert row.word_to_chars(0) == (0, 5)
    assert row.word_to_chars(9) is None
    assert row.char_to_token(4) == 2
    assert row.char_to_token(5) is None
    assert row.char_to_token(3, 1) == 5
    assert row.char_to_word(7) == 1
    assert row.char_to_word(5) is None


def test_a_position_outside_the_row_has_no_answer():
    row = pair()
    assert row.token_to_word(99) is None
    assert row.token_to_sequence(-1) is None


def test_padding_lengthens_a_row_on_either_side():
    row = pair()
    row.pad(9, direction="left", pad_id=3, pad_type_id=1, pad_token="[P]")
    assert row.ids[:3] == [3, 3, 2]
    assert row.tokens[:2] == ["[P]", "[P]"]
    assert row.attention_mask[:3] == [0, 0, 1]
    assert row.special_tokens_mask[:2] == [1, 1]
    row.pad(10)
    assert row.ids[-1] == 0
    row.pad(3)
    assert len(row) == 10
