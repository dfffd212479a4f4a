"""What `padding`, `truncation` and `max_length` mean together."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from distilbert.errors import InputError
from distilbert.tokenization.call_options import (
    CallOptions,
    round_up,
)

UNLIMITED = int(1e30)


def resolve(padding=False, truncation=None, max_length=None, **facts) -> tuple:
    """Padding, truncation and length after the page's rules."""
    limits = {"model_max_length": 512, "pad_token": "[PAD]"}
    limits |= {name: facts.pop(name) for name in limits.keys() & facts.keys()}
    options = CallOptions(
        padding=padding, truncation=truncation, max_length=max_length, **{"verbose": False, **facts}
    )
    options.resolve(**limits)
    return options.padding, options.truncation, options.max_length


@pytest.mark.parametrize(
    ("padding", "truncation", "expected"),
    [
        (False, False, (None, None, None)),
        (True, True, ("longest", "longest_first", 512)),
        ("do_not_pad", "do_not_truncate", (None, None, None)),
        ("max_length", None, ("max_length", None, 512)),
        ("longest", "only_second", ("longest", "only_second", 512)),
    ],
)
def test_names_and_booleans_mean_the_same(padding, truncation, expected):
    assert resolve(padding, truncation) == expected


def test_a_length_alone_switches_truncation_on_with_a_warning():
    with pytest.warns(UserWarning, match="`max_length` without `truncation`"):
        assert resolve(max_length=8, verbose=True)[1] == "longest_first"


def test_a_length_beside_a_named_padding_does_not_switch_truncation_on():
    assert resolve("do_not_pad", max_length=8) == (None, None, 8)


def test_quiet_calls_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve(max_length=8)[1] == "longest_first"


def test_a_model_without_a_limit_switches_both_off_with_a_warning():
    with pytest.warns(UserWarning, match="states no maximum length"):
        found = resolve("max_length", True, model_max_length=UNLIMITED, verbose=True)
    assert found == (None, None, None)


def test_padding_needs_a_padding_token():
    with pytest.raises(InputError, match=r"got none\. Set one"):
        resolve(True, pad_token=None)


def test_the_multiple_must_divide_the_truncation_length():
    with pytest.raises(InputError, match=r"multiple_of=8, max_length=12\. Use max_length=16"):
        resolve(True, True, 12, pad_to_multiple_of=8)


@pytest.mark.parametrize(
    ("name", "value"), [("padding", "shortest"), ("truncation", "first"), ("padding", 3)]
)
def test_an_unknown_strategy_is_refused(name, value):
    with pytest.raises(InputError, match=f"`{name}` must be True, False or one of"):
        resolve(**{name: value})


def test_the_padded_length_is_rounded_up_to_the_multiple():
    options = CallOptions(padding="longest", pad_to_multiple_of=8)
    assert options.padded_length([3, 9]) == 16
    assert options.padded_length([]) is None
    assert CallOptions(padding="max_length", max_length=10).padded_length([3]) == 10
    assert CallOptions().padded_length([3]) is None
    assert round_up(16, 8) == 16


@pytest.mark.parametrize(
    ("options", "expected", "message"),
    [
        ({}, ("longest", None, None), "Use `padding='longest'`"),
        ({"max_length": 8}, ("max_length", "longest_first", 8), "Use `padding='max_length'`"),
        ({"max_length": 8, "truncation": True}, ("max_length", "longest_first", 8), "deprecated"),
        ({"padding": True}, ("longest", None, None), "next to `padding=True`, ignored"),
    ],
)
def test_pad_to_max_length_pads_as_in_the_reference(options, expected, message):
    with pytest.warns(FutureWarning, match=message):
        assert resolve(pad_to_max_length=True, verbose=True, **options) == expected


@pytest.mark.parametrize(
    ("options", "expected", "message"),
    [
        ({}, (None, "only_second", 512), "Use `truncation='only_second'`"),
        ({"padding": True, "max_length": 8}, ("longest", "only_second", 8), "deprecated"),
        ({"max_length": 8}, (None, "longest_first", 8), "next to `max_length`, ignored"),
        ({"truncation": False}, (None, None, None), "next to `truncation=False`, ignored"),
    ],
)
def test_truncation_strategy_truncates_as_in_the_reference(options, expected, message):
    with pytest.warns(FutureWarning, match=message):
        assert resolve(truncation_strategy="only_second", verbose=True, **options) == expected
    with pytest.raises(InputError, match="`truncation_strategy` must be True, False or one of"):
        resolve(truncation_strategy="longest")


@pytest.mark.parametrize("name", ["max_length", "stride", "pad_to_multiple_of"])
def test_lengths_are_whole_numbers(name):
    for wrong in ("128", 1.5, -1, True):
        with pytest.raises(InputError, match=f"`{name}` must be a whole number of tokens: got"):
            resolve(truncation=True, **{name: wrong})
    resolve(truncation=True, **{name: np.int64(4)})
    resolve(truncation=True, **{name: None})
