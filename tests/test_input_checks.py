"""The rules for inputs: what is accepted, and the error message otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert import input_checks as checks
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError, TokenIdError

CONFIG = DistilBertConfig(
    vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8, max_position_embeddings=4
)


def ids(*shape: int, dtype: Any = np.int64) -> np.ndarray:
    return np.ones(shape, dtype)


@pytest.mark.parametrize(("both", "word"), [(True, "both"), (False, "neither")])
def test_ids_and_embeddings_exclude_each_other(both: bool, word: str) -> None:
    with pytest.raises(InputError, match=rf"exactly one of .*: got {word}\."):
        checks.check_ids_or_embeddings(has_ids=both, has_embeddings=both)
    checks.check_ids_or_embeddings(has_ids=True, has_embeddings=False)
    checks.check_ids_or_embeddings(has_ids=False, has_embeddings=True)


def test_a_single_sequence_is_a_batch_of_one() -> None:
    checks.check_axes((1, 4), 2, is_ids=True)
    checks.check_axes((1, 2, 4, 8), 3, is_ids=False)
    with pytest.raises(InputError, match=r"`input_ids` must have 2 axes: got shape \(4,\)"):
        checks.check_axes((4,), 2, is_ids=True)
    with pytest.raises(InputError, match=r"`inputs_embeds` must have 4 axes"):
        checks.check_axes((1, 4, 8), 3, is_ids=False)


def test_a_sequence_may_be_as_long_as_the_position_table() -> None:
    checks.check_length(4, 4)
    with pytest.raises(TokenIdError, match=r"`max_position_embeddings`: got 5 tokens, at most 4"):
        checks.check_length(5, 4)


@pytest.mark.parametrize("ends", [(-1, 3), (0, 9)])
def test_ids_lie_within_the_vocabulary(ends: tuple[int, int]) -> None:
    checks.check_ids(0, 8, 9)
    with pytest.raises(IndexError, match=rf"between 0 and 8: got {ends[0]} to {ends[1]}"):
        checks.check_ids(*ends, 9)


def test_a_mask_has_one_value_per_token_in_any_arrangement() -> None:
    checks.check_mask((2, 3), 2, 3)
    checks.check_mask((2, 1, 1, 3), 2, 3)
    with pytest.raises(InputError, match=r"one value per token: got \(2, 4\) for 2 sequences of 3"):
        checks.check_mask((2, 4), 2, 3)


def test_a_head_mask_is_for_all_layers_or_for_each() -> None:
    checks.check_head_mask((4,), 2)
    checks.check_head_mask((2, 4), 2)
    for shape in ((3, 4), (1, 2, 4), ()):
        with pytest.raises(InputError, match="`head_mask` must be"):
            checks.check_head_mask(shape, 2)


def test_missing_masks_warn_once_per_process(caplog: pytest.LogCaptureFixture) -> None:
    checks.warn_of_unmasked_padding.cache_clear()
    assert not checks.has_warned_of_padding()
    checks.warn_of_unmasked_padding()
    checks.warn_of_unmasked_padding()
    assert checks.has_warned_of_padding()
    (record,) = caplog.records
    assert "there is no `attention_mask`" in record.getMessage()


def test_a_new_number_of_words_is_rounded_up_to_a_multiple() -> None:
    def words(new: int | None = None, multiple: int | None = None) -> int:
        return checks.new_vocab_size(9, new_num_tokens=new, pad_to_multiple_of=multiple)

    assert [words(), words(5), words(None, 8), words(16, 8), words(17, 8)] == [9, 5, 16, 16, 24]
    for size in (0, -1, 1.5, True, "3"):
        wrong: Any = size
        with pytest.raises(InputError, match=r"`new_num_tokens` must be an integer >= 1: got"):
            words(wrong)
        with pytest.raises(InputError, match="`pad_to_multiple_of` must be"):
            words(5, wrong)


def test_only_heads_the_model_had_can_be_pruned() -> None:
    heads = checks.parse_heads_to_prune({1: [0, 2, 2], 0: (), -1: [-2]}, n_layers=2, n_heads=3)
    assert heads == {1: {0, 1, 2}, 0: set()}
    for wrong in ({2: [0]}, {-3: [0]}, {0: [3]}, {0: [-4]}):
        with pytest.raises(InputError, match=r"layers below 2 and heads below 3, or .* got layer"):
            checks.parse_heads_to_prune(wrong, n_layers=2, n_heads=3)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"input_ids": [1]}, r"got dict. Pass its entries as keywords: `model\(\*\*encoding\)`"),
        ([[1, 2]], "got list. Call it."),
        (np.zeros(2), "got ndarray. Call it."),
        (np.int64(1), "got int64. Call it."),
    ],
)
def test_containers_in_place_of_tensors_are_named(value, words) -> None:
    with pytest.raises(InputError, match=f"`mask` must be a tensor: {words}"):
        checks.check_tensors({"other": object(), "mask": value}, "Call it.")


def test_labels_must_be_classes_one_for_each_token() -> None:
    checks.check_token_labels((2, 3, 5), (6,), "int64")
    with pytest.raises(InputError, match=r"one class number per token: got labels \(2, 4\) of"):
        checks.check_token_labels((2, 3, 5), (2, 4), "int64")
    checks.check_classes(0, 4, 5)
    for ends in ((0, 5), (-1, 4)):
        with pytest.raises(InputError, match=r"between 0 and 4, or -100 for none: got -?\d to \d"):
            checks.check_classes(*ends, 5)


@pytest.mark.parametrize(
    ("given", "n_labels", "are_classes", "meant"),
    [
        (None, 1, True, "regression"),
        (None, 3, True, "single_label_classification"),
        (None, 3, False, "multi_label_classification"),
        ("regression", 3, True, "regression"),
    ],
)
def test_the_problem_type_follows_from_the_labels_unless_the_config_sets_it(
    given: str | None, n_labels: int, are_classes: bool, meant: str
) -> None:
    assert checks.infer_problem_type(given, n_labels=n_labels, are_classes=are_classes) == meant


def test_labels_have_the_shape_of_their_problem_type() -> None:
    checks.check_class_labels((2, 3), (2, 1), "int64")
    checks.check_value_labels((2, 3), (2, 3), "float32")
    with pytest.raises(InputError, match=r"one class number per row.*\(2, 3\) of int64"):
        checks.check_class_labels((2, 3), (2, 3), "int64")
    with pytest.raises(InputError, match=r"one value per logit: got labels \(2,\) of float32"):
        checks.check_value_labels((2, 3), (2,), "float32")


@pytest.mark.parametrize(
    ("batch", "error", "words"),
    [
        ({}, InputError, "got nothing"),
        ({"input_ids": ids(1, 2), "labels": ids(1, 2)}, InputError, "got input_ids, labels"),
        ({"input_ids": ids(1, 2, dtype=np.float32)}, InputError, "got float32"),
        ({"input_ids": ids(2)}, InputError, "with 2 axes"),
        ({"input_ids": ids(1, 2), "attention_mask": ids(1, 3)}, InputError, "`attention_mask`"),
        ({"input_ids": ids(1, 5)}, TokenIdError, "got 5 tokens"),
        ({"input_ids": ids(1, 2) * 9}, TokenIdError, "got 9 to 9"),
    ],
)
def test_a_batch_a_runner_cannot_take_is_refused(batch: dict, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        checks.check_batch(batch, CONFIG, "base")


def test_a_batch_a_runner_can_take_passes() -> None:
    checks.check_batch({"input_ids": ids(1, 4), "attention_mask": ids(1, 4)}, CONFIG, "base")
    checks.check_batch({"input_ids": ids(0, 4)}, CONFIG, "base")
    checks.check_batch({"input_ids": ids(1, 2, 4)}, CONFIG, "multiple_choice")
