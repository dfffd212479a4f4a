"""Errors can be caught as the built-in types that the reference page documents."""

from __future__ import annotations

import pytest

from distilbert import errors

PARENTS = {
    "ConfigError": (ValueError,),
    "InputError": (ValueError,),
    "UnknownArgumentError": (ValueError, TypeError),
    "TokenIdError": (ValueError, IndexError),
    "ActivationError": (KeyError, ValueError),
    "CheckpointError": (OSError,),
    "HubError": (OSError, errors.CheckpointError),
    "WeightMismatchError": (RuntimeError, ValueError),
    "MissingDependencyError": (ImportError,),
    "DataError": (ValueError,),
    "RunCardError": (ValueError, errors.ConfigError),
    "TrainingError": (RuntimeError,),
    "ExportError": (RuntimeError,),
    "QuantizationError": (RuntimeError,),
}


@pytest.mark.parametrize("name", PARENTS)
def test_each_error_is_a_distilbert_error_and_its_built_in_parents(name):
    error = getattr(errors, name)("The rule: got this.")
    assert isinstance(error, errors.DistilBertError)
    for parent in PARENTS[name]:
        assert isinstance(error, parent)
    assert str(error) == "The rule: got this."


def test_every_error_of_the_module_is_in_the_table():
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.DistilBertError)
    }
    assert found == {*PARENTS, "DistilBertError"}


def test_an_error_without_a_text_prints_as_nothing():
    assert str(errors.DistilBertError()) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        ("name", "'name'"),
        (2**20000, "a number of 20001 bits"),
        ([2**20000], "[a number of 20001 bits]"),
        ("x" * 10**6, None),
        ([[[[[[0] * 99] * 99] * 99] * 99] * 99] * 99, None),
    ],
    ids=["number", "text", "long number", "in a list", "long text", "lists"],
)
def test_values_are_shown_in_short(value, text):
    found = errors.shown(value)
    assert found == text if text else len(found) < 2 * errors.LONGEST_VALUE


def test_a_message_has_a_limited_length():
    text = str(errors.CheckpointError(f"Not found: {'x' * 10**6}. Do this."))
    assert len(text) < 1.1 * errors.LONGEST_MESSAGE
    assert text.startswith("Not found: xxx")
    assert text.endswith("xxx. Do this.")
