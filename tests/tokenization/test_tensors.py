"""Lists become tensors of each framework with the documented types, and lists again."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from distilbert.errors import InputError, MissingDependencyError
from distilbert.tokenization.tensors import framework_of, to_list, to_tensor

ROWS = [[1, 2], [3, 4]]


def test_numpy_and_torch_tensors_are_int64():
    assert to_tensor(ROWS, "np").dtype == np.int64
    tensor = to_tensor(ROWS, "pt")
    assert tensor.dtype == torch.int64
    assert tensor.tolist() == ROWS


def test_floats_become_float32_tensors():
    assert to_tensor([0.5], "pt").dtype == torch.float32
    assert to_tensor([0.5], "np").dtype == np.float64


def test_nothing_becomes_an_integer_tensor():
    assert to_tensor([], "np").shape == (0, 0)
    assert to_tensor([[]], "pt").dtype == torch.int64


@pytest.mark.parametrize(
    ("kind", "module", "call"), [("tf", "tensorflow", "constant"), ("jax", "jax", "asarray")]
)
def test_the_other_frameworks_get_int32(kind, module, call, monkeypatch):
    stand_in = ModuleType(module)
    target = stand_in
    if kind == "jax":
        target = ModuleType("jax.numpy")
        monkeypatch.setitem(sys.modules, "jax.numpy", target)
    setattr(target, call, lambda array: array)
    monkeypatch.setitem(sys.modules, module, stand_in)
    assert to_tensor(ROWS, kind).dtype == np.int32


def test_a_missing_framework_is_named_with_its_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingDependencyError, match="`tensorflow` is needed to return TensorFlow"):
        to_tensor(ROWS, "tf")


def test_rows_of_different_lengths_are_refused_except_for_numpy():
    with pytest.raises(InputError, match="rows of different lengths in `input_ids`"):
        to_tensor([[1], [1, 2]], "pt", "input_ids")
    ragged = to_tensor([[1], [1, 2]], "np")
    assert ragged.dtype == object
    assert [row.tolist() for row in ragged] == [[1], [1, 2]]


def test_unknown_kinds_and_text_are_refused():
    with pytest.raises(
        InputError, match="`return_tensors` must be one of pt, tf, np, jax: got 'xx'"
    ):
        to_tensor(ROWS, "xx")
    with pytest.raises(InputError, match="Only numbers can become a tensor"):
        to_tensor(["a"], "np")


def test_a_framework_is_recognised_without_importing_it():
    assert framework_of(np.zeros(1)) == "np"
    assert framework_of(np.int64(1)) == "np"
    assert framework_of(torch.zeros(1)) == "pt"
    assert framework_of(ROWS) is None
    tensor = type(
        "EagerTensor", (), {"__module__": "tensorflow.python", "numpy": lambda self: np.ones(2)}
    )
    assert framework_of(tensor()) == "tf"
    assert to_list(tensor()) == [1.0, 1.0]


def test_tensors_become_lists_again():
    assert to_list(torch.tensor(ROWS)) == ROWS
    assert to_list([torch.tensor(1), (np.int64(2), 3)]) == [1, [2, 3]]
