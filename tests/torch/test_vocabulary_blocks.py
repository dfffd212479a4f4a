"""The rows and maxima of the vocabulary loss; test_vocabulary_loss.py tests what it computes."""

from __future__ import annotations

import pytest
import torch

from distilbert.torch.vocabulary_blocks import Rows, Scales, row_maxima

LABELS = torch.tensor([-100, 4, -100, 5, 6])


@pytest.mark.parametrize("n_columns", [7, 512, 600, 767])
def test_row_maxima_are_the_first_largest_values(n_columns: int) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 300, (2, 200, n_columns), generator=generator).float()
    top, index = row_maxima(values)
    assert torch.equal(top, values.amax(-1, keepdim=True))
    first = (values == top).long().argmax(-1, keepdim=True)
    assert torch.equal(index, first)


@pytest.mark.parametrize(
    ("scales", "taught", "order", "n_teacher", "first_label"),
    [
        (Scales(kl=1.0, ce=1.0), [1, 1, 0, 0, 1], [0, 1, 4, 3], 3, 1),
        (Scales(kl=1.0, ce=1.0), None, [0, 2, 1, 3, 4], 5, 2),
        (Scales(mse=1.0), [1, 1, 0, 0, 1], [0, 1, 4], 3, 3),
        (Scales(ce=1.0), None, [1, 3, 4], 0, 0),
    ],
)
def test_only_rows_that_a_term_needs_are_computed(
    scales: Scales,
    taught: list[int] | None,
    order: list[int],
    n_teacher: int,
    first_label: int,
) -> None:
    chosen = None if taught is None else torch.tensor(taught, dtype=torch.bool)
    rows = Rows.needed(LABELS, scales, chosen)
    assert rows.order.tolist() == order
    assert rows.labels.tolist() == LABELS[order].tolist()
    assert (rows.n_teacher, rows.first_label) == (n_teacher, first_label)
