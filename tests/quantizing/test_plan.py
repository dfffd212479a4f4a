"""Options of a quantization."""

from __future__ import annotations

import math

import pytest

from distilbert.errors import InputError
from distilbert.quantizing.plan import MAX_DROP, take_plan


def test_a_plan_takes_its_options_and_leaves_others() -> None:
    options = {"bits": 7, "repair": False, "revision": "main"}
    plan = take_plan(options, max_drop=None, runtime="onnx", mode="static")
    assert (plan.bits, plan.repair, plan.ranges, plan.max_drop) == (
        7,
        False,
        "minmax",
        MAX_DROP,
    )
    assert options == {"revision": "main"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"runtime": "coreml"}, "`runtime` must be one of onnx, openvino, torch: got 'coreml'"),
        ({"mode": "int4"}, "`mode` must be one of dynamic, static: got 'int4'"),
        ({"ranges": "entropy"}, "`ranges` must be one of percentile, minmax"),
        ({"dtype": "int4"}, "`dtype` must be one of int8, float16, bfloat16: got 'int4'"),
        ({"dtype": "float16"}, "`mode` is for the dtype 'int8': got 'dynamic' with 'float16'"),
        ({"dtype": "float16", "mode": None, "bits": 7}, "`bits` is for the dtype 'int8': got 7"),
        ({"bits": 4}, "`bits` must be 7 or 8: got 4"),
        *(({"max_drop": n}, "`max_drop` must be a number") for n in (-1, math.nan, True, "1")),
    ],
)
def test_values_that_break_a_rule_are_named(changes, text) -> None:
    given = {"runtime": "onnx", "mode": "dynamic", "max_drop": 0.5, **changes}
    options = {name: given.pop(name) for name in ("bits", "ranges", "dtype") if name in given}
    with pytest.raises(InputError, match=text):
        take_plan(options, **given)


def test_int8_is_dynamic_unless_a_mode_is_given() -> None:
    for dtype, mode in (("int8", "dynamic"), ("float16", None), ("bfloat16", None)):
        plan = take_plan({"dtype": dtype}, max_drop=1, runtime="openvino", mode=None)
        assert (plan.dtype, plan.mode) == (dtype, mode)
