"""The table of runtimes that models are quantized for."""

from __future__ import annotations

import importlib

import pytest

from distilbert._lazy import RUNTIMES
from distilbert.quantizing.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_what_the_table_says(name: str, job, tmp_path) -> None:
    target = TARGETS[name]
    assert callable(importlib.import_module(target.module).open_job)
    assert name == "torch" or target.files[0] in RUNTIMES[name].files
    made = job("base", runtime=name)
    assert {"outputs"} <= made.facts().keys()
    files = made.write(list(made.layers), tmp_path)
    assert tmp_path / target.files[0] == files[0]
    assert all(file.is_file() for file in files)
