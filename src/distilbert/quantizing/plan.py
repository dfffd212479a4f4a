"""The options of a quantization that name neither a model nor data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from distilbert.errors import InputError
from distilbert.quantizing.calibration import RangeKind
from distilbert.quantizing.rewriting import LARGEST, Stored
from distilbert.quantizing.targets import TARGETS, Target

Mode = Literal["dynamic", "static"]
MAX_DROP = 0.5  # points, the bar of the project for models in int8


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a model is quantized.

    Attributes:
        dtype: of the stored weights.
        mode: how ranges of activations are found for int8; None for floating-point weights, which
            change no other type.
        max_drop: the points that the metric may lose.
        ranges: of static activations: "minmax" is all of them, "percentile" leaves out the
            outermost 0.01 % of each text.
        smooth: whether large channels of what static layers multiply move into the weights; by
            default where the runtime can.
        bits: of the weights, 8, or 7 for x86 processors without VNNI, whose products overflow
            with 8.
        repair: whether layers go back to float32 where the metric does not hold otherwise.
    """

    runtime: str
    dtype: Stored = "int8"
    mode: Mode | None
    max_drop: float
    ranges: RangeKind = "minmax"
    smooth: bool = True
    bits: int = 8
    repair: bool = True


def take_plan(
    options: dict[str, Any], *, mode: str | None, max_drop: float | None, **chosen: Any
) -> Plan:
    """The plan of `chosen` fields and those that it pops from `options`.

    Raises:
        InputError: a value breaks a rule.
    """
    names = ("dtype", "ranges", "smooth", "bits", "repair")
    given = {name: options.pop(name) for name in names if name in options}
    is_int8 = given.get("dtype", "int8") == "int8"
    target = TARGETS.get(chosen["runtime"])
    if target is not None:
        mode = target.modes[0] if mode is None and is_int8 else mode
        _check_form(chosen["runtime"], target, given)
        given.setdefault("smooth", target.takes_forms)
    plan = Plan(
        mode=cast(Any, mode),
        max_drop=MAX_DROP if max_drop is None else max_drop,
        **chosen,
        **given,
    )
    _check_words(plan)
    if plan.bits not in LARGEST:
        raise InputError(f"`bits` must be 7 or 8: got {plan.bits!r}.")
    for name, value in (("mode", plan.mode), ("bits", None if plan.bits == 8 else plan.bits)):
        if value is not None and not is_int8:
            raise InputError(
                f"`{name}` is for the dtype 'int8': got {value!r} with {plan.dtype!r}, which "
                f"changes the weights only. Leave it out."
            )
    most = plan.max_drop
    if isinstance(most, bool) or not (isinstance(most, (int, float)) and 0 <= most < math.inf):
        raise InputError(f"`max_drop` must be a number of points >= 0: got {most!r}.")
    return plan


def _check_form(runtime: str, target: Target, given: dict[str, Any]) -> None:
    usual = {"smooth": False, "bits": 8}
    changed = [name for name, value in usual.items() if given.get(name, value) != value]
    if changed and not target.takes_forms:
        raise InputError(
            f"`{changed[0]}` is not for {runtime}: got {given[changed[0]]!r}. Leave it out."
        )


def _check_words(plan: Plan) -> None:
    if plan.runtime not in TARGETS:
        known = ", ".join(TARGETS)
        raise InputError(f"`runtime` must be one of {known}: got {plan.runtime!r}.")
    target = TARGETS[plan.runtime]
    words = {
        "dtype": (get_args(Stored), target.dtypes),
        "mode": ((*get_args(Mode), None), (*target.modes, None)),
        "ranges": (get_args(RangeKind), get_args(RangeKind)),
    }
    for name, (known, fit) in words.items():
        value = getattr(plan, name)
        if value not in fit:
            listed = ", ".join(word for word in fit if word)
            where = f" for {plan.runtime}" if value in known else ""
            raise InputError(f"`{name}` must be one of {listed}{where}: got {value!r}.")
