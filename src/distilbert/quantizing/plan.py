"""The options of a quantization that name neither a model nor data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from distilbert.errors import InputError
from distilbert.quantizing.calibration import RangeKind
from distilbert.quantizing.rewriting import LARGEST

Mode = Literal["dynamic", "static"]
QUANTIZING_RUNTIMES = ("onnx",)
MAX_DROP = 0.5  # points, the bar of the project for models in int8


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a model is quantized.

    Attributes:
        max_drop: the points that the metric may lose.
        ranges: of static activations: "percentile" leaves out the outermost 0.01 % of each text,
            "minmax" nothing.
        bits: of the weights, 8, or 7 for x86 processors without VNNI, whose products overflow
            with 8.
        repair: whether layers go back to float32 where the metric does not hold otherwise.
    """

    runtime: str
    mode: Mode
    max_drop: float
    ranges: RangeKind = "percentile"
    bits: int = 8
    repair: bool = True


def take_plan(options: dict[str, Any], *, max_drop: float | None, **chosen: Any) -> Plan:
    """The plan of `chosen` fields and those that it pops from `options`.

    Raises:
        InputError: a value breaks a rule.
    """
    names = ("ranges", "bits", "repair")
    plan = Plan(
        max_drop=MAX_DROP if max_drop is None else max_drop,
        **chosen,
        **{name: options.pop(name) for name in names if name in options},
    )
    words = {"runtime": QUANTIZING_RUNTIMES, "mode": get_args(Mode), "ranges": get_args(RangeKind)}
    for name, allowed in words.items():
        if getattr(plan, name) not in allowed:
            raise InputError(
                f"`{name}` must be one of {', '.join(allowed)}: got {getattr(plan, name)!r}."
            )
    if plan.bits not in LARGEST:
        raise InputError(f"`bits` must be 7 or 8: got {plan.bits!r}.")
    most = plan.max_drop
    if isinstance(most, bool) or not (isinstance(most, (int, float)) and 0 <= most < math.inf):
        raise InputError(f"`max_drop` must be a number of points >= 0: got {most!r}.")
    return plan
