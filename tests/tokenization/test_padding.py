"""Padding fills every per-token column to one length, on the side asked for."""

from distilbert.tokenization.padding import Padding, pad_columns


def columns() -> dict[str, list]:
    return {
        "input_ids": [[5, 6, 7], [5]],
        "attention_mask": [[1, 1, 1], [1]],
        "token_type_ids": [[0, 0, 1], [0]],
        "special_tokens_mask": [[1, 0, 1], [1]],
        "offset_mapping": [[(0, 1), (1, 2), (2, 3)], [(0, 1)]],
        "labels": [1, 0],
    }


def test_right_padding_fills_each_column_with_its_own_value():
    padded = columns()
    pad_columns(padded, 4, Padding("right", 9, 3))
    assert padded["input_ids"] == [[5, 6, 7, 9], [5, 9, 9, 9]]
    assert padded["attention_mask"] == [[1, 1, 1, 0], [1, 0, 0, 0]]
    assert padded["token_type_ids"] == [[0, 0, 1, 3], [0, 3, 3, 3]]
    assert padded["special_tokens_mask"] == [[1, 0, 1, 1], [1, 1, 1, 1]]
    assert padded["offset_mapping"][1] == [(0, 1), (0, 0), (0, 0), (0, 0)]
    assert padded["labels"] == [1, 0]


def test_left_padding_comes_first():
    padded = columns()
    pad_columns(padded, 4, Padding("left", 9, 0))
    assert padded["input_ids"] == [[9, 5, 6, 7], [9, 9, 9, 5]]
    assert padded["attention_mask"] == [[0, 1, 1, 1], [0, 0, 0, 1]]


def test_a_longer_row_stays_and_the_old_lists_are_not_changed():
    given = columns()
    row = given["input_ids"][0]
    pad_columns(given, 2, Padding("right", 9, 0))
    assert given["input_ids"] == [[5, 6, 7], [5, 9]]
    assert row == [5, 6, 7]
