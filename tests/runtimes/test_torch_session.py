"""Sessions of PyTorch: device, threads, type, and arrays that do not fit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stand_ins import small_config

from distilbert.errors import CheckpointError, InputError, MissingDependencyError
from distilbert.runtimes.torch_session import TorchSession, load_torch_runner

CONFIG = small_config()
FILE = Path("m.pt")


def opener(function: Any) -> Any:
    inputs = dict.fromkeys(("input_ids", "attention_mask"))
    return lambda torch, file, device: (function, inputs, ["logits"])


def threads_used(ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"logits": torch.full((*ids.shape, 2), float(torch.get_num_threads()))}


def runner_of(function: Any, **options: Any) -> Any:
    options = {"device": None, "dtype": None, "num_threads": None, **options}
    head = "token_classification"
    return load_torch_runner(FILE, CONFIG, head, kind="A", opener=opener(function), **options)


def test_a_number_of_threads_holds_for_a_batch_only() -> None:
    before = torch.get_num_threads()
    batch = {"input_ids": np.ones((1, 2), np.int64)}
    for asked, used in ((None, before), (1, 1), (before + 1, before + 1)):
        found = runner_of(threads_used, num_threads=asked).run_batch(batch)["logits"]
        assert found.max() == used
        assert torch.get_num_threads() == before


def test_options_that_do_not_work_are_one_sentence() -> None:
    for wrong in (0, 1.5, True):
        with pytest.raises(InputError, match="`num_threads` must be an integer >= 1"):
            runner_of(threads_used, num_threads=wrong)
    with pytest.raises(InputError, match="`dtype` is chosen when a model is exported"):
        runner_of(threads_used, dtype="bfloat16")
    with pytest.raises(InputError, match=r"`device` must be one that PyTorch can use .*'abacus'"):
        runner_of(threads_used, device="abacus")


def test_an_error_of_the_file_names_it() -> None:
    def fail(ids: torch.Tensor, mask: torch.Tensor) -> Any:
        return ids @ mask

    runner = runner_of(fail)
    with pytest.raises(CheckpointError, match=r"PyTorch cannot compute m\.pt: .*mat1 and mat2"):
        runner.run_batch({"input_ids": np.ones((3, 2), np.int64)})


def test_a_closed_session_has_no_model_and_arrays_may_be_read_only() -> None:
    session = TorchSession(FILE, "A", opener(threads_used), device="cpu", num_threads=1)
    array = np.ones((1, 2), np.int64)
    array.setflags(write=False)
    (found,) = session.run(["logits"], dict.fromkeys(session.inputs, array))
    assert found.dtype == np.float32
    session.close()
    assert not hasattr(session, "_function")


def test_without_pytorch_the_command_that_installs_it_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="`torch` is needed to run files of PyTorch"):
        runner_of(threads_used)
