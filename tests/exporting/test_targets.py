"""The table of targets, and the options that each of them takes."""

from __future__ import annotations

import importlib

import pytest

from distilbert._lazy import RUNTIMES
from distilbert.errors import InputError, MissingDependencyError
from distilbert.exporting.agreement import TOLERANCES
from distilbert.exporting.targets import TARGETS, Choices, Target, choose


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_has_a_writer_a_runtime_and_tolerances(name: str) -> None:
    target = TARGETS[name]
    assert callable(importlib.import_module(target.module).write)
    assert RUNTIMES[name].files
    assert {*target.dtypes} <= {*TOLERANCES}
    assert {*target.options} <= {*Choices.__dataclass_fields__} - {"dtype"}


def test_options_that_are_not_set_have_the_defaults_of_the_target() -> None:
    found = choose("onnx", dtype="float32", opset=None, external_data=False)
    assert found == Choices(dtype="float32", opset=20, external_data=False)
    assert choose("onnx", dtype="float16", opset=23, external_data=True).external_data


def test_an_option_without_a_use_is_refused_with_the_targets_that_have_one(monkeypatch) -> None:
    monkeypatch.setitem(TARGETS, "other", Target(module="m", writers=(), dtypes=("float32",)))
    for given in ({"opset": 20}, {"opset": 0}, {"external_data": True}):
        (name, value), *_ = given.items()
        text = f"`{name}` is an option of onnx: got {value} with to='other'. Leave it out."
        with pytest.raises(InputError, match=text):
            choose("other", dtype="float32", **given)
    with pytest.raises(
        InputError, match="`dtype` must be one of float32 for to='other': got 'float16'"
    ):
        choose("other", dtype="float16")


@pytest.mark.parametrize("opset", [17, 24, "20", True, 20.0, 0])
def test_an_opset_outside_of_the_range_is_refused(opset) -> None:
    with pytest.raises(InputError, match="`opset` must be from 18 to 23"):
        choose("onnx", dtype="float32", opset=opset)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_package_that_is_missing_is_named(monkeypatch, package: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingDependencyError, match=f"`{package}` is needed to export to onnx"):
        choose("onnx", dtype="float32")
