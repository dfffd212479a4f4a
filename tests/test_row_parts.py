"""The parts of a batch hold every row once, and give the outputs of the whole batch."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.row_parts import divide_rows, join_rows


def mask_of(lengths: list[int]) -> np.ndarray:
    return np.arange(max(lengths, default=0)) < np.array(lengths, int)[:, None]


@pytest.mark.parametrize("n_parts", [1, 2, 3, 8])
@pytest.mark.parametrize(
    "lengths", [[], [4], [0, 0], [1, 9, 1], [3] * 10, [40, 2, 2, 3, 2, 1, 30]], ids=str
)
def test_every_row_is_in_one_part(lengths: list[int], n_parts: int) -> None:
    parts = divide_rows(mask_of(lengths), n_parts)
    assert len(parts) <= n_parts
    assert all(len(rows) and (np.diff(rows) > 0).all() for rows in parts)
    assert sorted(row for rows in parts for row in rows) == list(range(len(lengths)))


def test_parts_have_similar_numbers_of_tokens_and_rows_of_similar_length() -> None:
    lengths = [16, 2, 2, 8, 2, 2]
    parts = divide_rows(mask_of(lengths), 2)
    assert [rows.tolist() for rows in parts] == [[0], [1, 2, 3, 4, 5]]


def test_choices_are_parts_of_their_rows() -> None:
    mask = np.ones((4, 3, 5), bool)
    assert [rows.tolist() for rows in divide_rows(mask, 2)] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("wants", [False, True])
@pytest.mark.parametrize(
    ("head", "shape"),
    [
        ("base", (5, 9, 4)),
        ("question_answering", (5, 9)),
        ("sequence_classification", (5, 3)),
    ],
)
def test_outputs_are_those_of_the_whole_batch(head: str, shape: tuple[int, ...], wants: bool):
    rng = np.random.default_rng(0)
    names = ("start_logits", "end_logits") if head == "question_answering" else ("logits",)
    names = ("last_hidden_state",) if head == "base" else names
    whole = {name: rng.random(shape, np.float32) for name in names}
    wanted = rng.random((5, 9)) < 0.3 if wants and len(shape) > 1 and shape[1] == 9 else None

    def outputs_of(rows: np.ndarray) -> dict[str, np.ndarray]:
        chosen = slice(None) if wanted is None else wanted[rows]
        return {name: values[rows][chosen] for name, values in whole.items()}

    parts = divide_rows(mask_of([3, 9, 2, 9, 7]), 3)
    joined = join_rows(head, parts, [outputs_of(rows) for rows in parts], wanted)
    assert list(joined) == list(names)
    for name, values in joined.items():
        expected = whole[name] if wanted is None else whole[name][wanted]
        np.testing.assert_array_equal(values, expected)
