"""Arrays to parameters and back, bit for bit, over the same memory where possible."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import torch

from distilbert import DistilBertModel
from distilbert.errors import ConfigError
from distilbert.torch.weights import assign, floating_dtype, initial_arrays, to_array, to_tensor


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, ml_dtypes.bfloat16])
def test_there_and_back_keeps_every_bit(dtype):
    array = np.array([[0.1, -2.5], [1e-4, 3.0]]).astype(dtype)
    tensor = to_tensor(array)
    assert str(tensor.dtype) == f"torch.{array.dtype.name}"
    np.testing.assert_array_equal(to_array(tensor), array)


def test_memory_is_shared_unless_torch_could_not_write_to_it():
    array = np.zeros(3, np.float32)
    to_tensor(array)[0] = 1
    assert array[0] == 1
    array.flags.writeable = False
    to_tensor(array)[1] = 1
    assert array[1] == 0
    np.testing.assert_array_equal(to_tensor(np.array([1, 2], ">f4")).numpy(), [1, 2])


def test_assigned_arrays_become_the_parameters_and_stay_trainable(config):
    model = DistilBertModel(config)
    name = "transformer.layer.0.ffn.lin1.bias"
    array = np.arange(64, dtype=np.float32)
    assign(model, {name: array}, dtype=torch.float32, device=torch.device("cpu"))
    parameter = model.get_parameter(name)
    assert parameter.requires_grad
    assert parameter.data_ptr() == array.ctypes.data
    assign(model, {name: array}, dtype=torch.float16, device=torch.device("cpu"))
    assert model.get_parameter(name).dtype is torch.float16


def test_fresh_arrays_follow_the_seed_or_torchs_generator(config):
    name = "transformer.layer.0.ffn.lin1.weight"

    def draw(seed=None):
        return initial_arrays(config, "base", seed=seed, names=[name])[name]

    np.testing.assert_array_equal(draw(3), draw(3))
    torch.manual_seed(0)
    first, second = draw(), draw()
    assert not np.array_equal(first, second)
    torch.manual_seed(0)
    np.testing.assert_array_equal(draw(), first)


def test_the_dtype_of_loading_is_what_was_asked_for(config):
    arrays = {"a": np.zeros(1, np.int64), "b": np.zeros(1, np.float16)}

    def chosen(value):
        return floating_dtype(value, config=config, arrays=arrays)

    assert chosen(None) is torch.float32
    assert chosen(torch.float64) is torch.float64
    assert chosen("auto") is torch.float16
    config.torch_dtype = "bfloat16"
    assert chosen("auto") is torch.bfloat16
    for wrong in ("float16", torch.int8, 3):
        with pytest.raises(ConfigError, match="`torch_dtype` must be a floating"):
            chosen(wrong)
