"""Claims about `distilbert.torch.losses`."""

from __future__ import annotations

import pytest
import torch

from distilbert.errors import InputError
from distilbert.torch.losses import choice_loss, sequence_loss, span_loss, token_loss

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 1.0, -2.0]])
# -log softmax of LOGITS, to four places, by hand.
COST = [[0.2413, 3.2413, 1.7413], [1.3490, 0.3490, 3.3490]]
INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_labels_of_any_width_are_classes(dtype: torch.dtype) -> None:
    labels = torch.tensor([0, 2], dtype=dtype)
    expected = pytest.approx((COST[0][0] + COST[1][2]) / 2, abs=1e-4)
    for shaped in (labels, labels[:, None]):
        assert sequence_loss(LOGITS, shaped, problem_type=None).item() == expected
    assert choice_loss(LOGITS, labels).item() == expected
    assert token_loss(LOGITS[:, None], labels[:, None]).item() == expected


def test_float_and_bool_labels_are_several_labels_at_once() -> None:
    labels = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    expected = -(
        labels * LOGITS.sigmoid().log() + (1 - labels) * (1 - LOGITS.sigmoid()).log()
    ).mean()
    for shaped in (labels, labels.bool(), labels.double()):
        loss = sequence_loss(LOGITS, shaped, problem_type=None)
        torch.testing.assert_close(loss, expected)
    as_integers = sequence_loss(LOGITS, labels.int(), problem_type="multi_label_classification")
    torch.testing.assert_close(as_integers, expected)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_one_label_is_regression_on_any_column_shape(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    logits = torch.tensor([[1.0], [2.0], [4.0]], requires_grad=True)
    labels = torch.tensor([1.0, 0.0, 1.0]).reshape(shape).to(dtype)
    loss = sequence_loss(logits, labels, problem_type=None)
    assert loss.item() == pytest.approx((0 + 4 + 9) / 3)
    loss.backward()
    assert loss.dtype == torch.float32


def test_regression_on_several_values_needs_equal_shapes() -> None:
    loss = sequence_loss(LOGITS, torch.zeros(2, 3), problem_type="regression")
    torch.testing.assert_close(loss, (LOGITS**2).mean())
    with pytest.raises(InputError, match=r"one value per logit: got labels \(3, 2\)"):
        sequence_loss(LOGITS, torch.zeros(3, 2), problem_type="regression")


def test_labels_that_would_broadcast_are_refused() -> None:
    with pytest.raises(InputError, match=r"got labels \(2, 2\).* for logits \(2, 1\)"):
        sequence_loss(torch.zeros(2, 1), torch.zeros(2, 2), problem_type=None)
    with pytest.raises(ValueError, match="one value per logit"):
        sequence_loss(LOGITS, torch.zeros(2), problem_type=None)


def test_integer_labels_for_every_class_are_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"one class number per row; for several, floats"):
        sequence_loss(LOGITS, torch.ones(2, 3, dtype=torch.long), problem_type=None)


def test_ignored_tokens_take_no_part_and_nothing_left_is_nan() -> None:
    labels = torch.tensor([[0, -100]])
    assert token_loss(LOGITS[None], labels).item() == pytest.approx(COST[0][0], abs=1e-4)
    assert token_loss(LOGITS[None], torch.full((1, 2), -100)).isnan()


@pytest.mark.parametrize("dtype", INTEGERS)
def test_positions_are_clamped_and_outside_ones_ignored(dtype: torch.dtype) -> None:
    inside = torch.tensor([0, 2], dtype=dtype)
    both = (COST[0][0] + COST[1][2]) / 2
    assert span_loss(LOGITS, LOGITS, inside, inside).item() == pytest.approx(both, abs=1e-4)
    outside = torch.tensor([0, 3], dtype=dtype)
    one_side = (COST[0][0] + both) / 2
    got = span_loss(LOGITS, LOGITS, outside, inside[:, None])
    assert got.item() == pytest.approx(one_side, abs=1e-4)


def test_negative_positions_count_as_the_first() -> None:
    negative, first = torch.tensor([-5, 1]), torch.tensor([0, 1])
    torch.testing.assert_close(
        span_loss(LOGITS, LOGITS, negative, negative), span_loss(LOGITS, LOGITS, first, first)
    )


def test_a_side_with_all_positions_outside_contributes_nothing() -> None:
    logits = LOGITS.clone().requires_grad_()
    outside, inside = torch.tensor([7, 9]), torch.tensor([0, 2])
    loss = span_loss(logits, LOGITS, outside, inside)
    assert loss.item() == pytest.approx((COST[0][0] + COST[1][2]) / 4, abs=1e-4)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0
    assert span_loss(LOGITS, LOGITS, outside, outside).item() == 0
