"""What a quantization reached: its table, its report and its plot."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from distilbert._lazy import is_available
from distilbert.quantizing.agreement import Agreement
from distilbert.quantizing.measuring import Line
from distilbert.tasks.task import higher_is_better
from distilbert.training.environment import environment
from distilbert.training.plots import BLUE, GRAY, new_figure, png_of
from distilbert.training.report import plain

REPORT_FILE, PLOT_FILE = "report.json", "quantization.png"
# Below this many examples, one of them is worth more than a point of accuracy.
FEW_EXAMPLES = 100


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The metric before and after, how many points were lost, and the 95 % interval of that.

    `scores` are all scores before and after.
    """

    metric: str
    data: str
    n_examples: int
    before: float
    after: float
    points_lost: float
    interval: tuple[float, float]
    max_drop: float
    scores: Mapping[str, Mapping[str, float]]

    @property
    def caution(self) -> str:
        """Why the metric says little here, as a sentence; "" if it does not."""
        if higher_is_better(self.metric) and self.before <= 0:
            return (
                f"This says nothing: {self.metric} is {number(self.before)} in float32 and cannot "
                f"drop. Use a model that was trained, or other rows."
            )
        if self.n_examples < FEW_EXAMPLES:
            return f"So few examples say little, whatever the interval: use {FEW_EXAMPLES} or more."
        return ""


@dataclass(frozen=True, kw_only=True)
class Quantized:
    """A quantized model; `checked` is None where no metric was checked.

    `layers` are in `dtype`, `kept` stayed in float32; `errors` has the effect of each layer alone
    on the outputs where it was measured. `mode` is that of int8.
    """

    folder: Path
    file: Path
    runtime: str
    head: str
    dtype: str
    mode: str | None
    layers: list[str]
    kept: list[str]
    errors: Mapping[str, float] = field(default_factory=dict)
    lines: list[Line]
    agreement: Agreement
    checked: Checked | None

    def table(self) -> str:
        """Sizes, speed, metric and agreement before and after, in Markdown."""
        rows = [["", "float32", self.dtype, f"{self.dtype} / float32"]]
        for line in self.lines:
            name = f"{line.name} ({line.unit})" if line.unit else line.name
            before = "" if line.before is None else number(line.before)
            ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
            rows.append([name, before, number(line.after), ratio])
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
        padded = (
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
            for row in rows
        )
        return "".join(f"| {' | '.join(cells)} |\n" for cells in padded)

    def describe(self) -> str:
        """What was done, in one sentence or two."""
        n_layers = len(self.layers) + len(self.kept)
        what = f"{len(self.layers)} of {n_layers} layers in {self.dtype}"
        if self.kept:
            what += f"; in float32: {', '.join(self.kept)}"
        if self.checked is None:
            return f"{what}. No metric was checked: there were no labelled rows."
        checked = self.checked
        said = (
            f"{what}. {checked.metric} was {number(checked.before)} and is "
            f"{number(checked.after)} on {checked.n_examples:,} "
            f"example{'s'[: checked.n_examples != 1]}: {_in_words(checked.points_lost)}"
        )
        best, worst = checked.interval
        if math.isfinite(best) and math.isfinite(worst):
            ends = dict.fromkeys([_in_words(worst), _in_words(best)])
            said += f" (95 % interval: {' to '.join(ends)})"
        said += f", where {checked.max_drop:g} points are allowed to be lost."
        return f"{said} {checked.caution}".rstrip()

    def report(self) -> dict[str, Any]:
        """All of it as plain values."""
        checked = self.checked and {**asdict(self.checked), "caution": self.checked.caution}
        return {
            "kind": "quantization",
            "runtime": self.runtime,
            "head": self.head,
            "dtype": self.dtype,
            "mode": self.mode,
            "layers": self.layers,
            "float32": self.kept,
            "layer_errors": dict(self.errors),
            "table": [{**asdict(line), "ratio": line.ratio} for line in self.lines],
            "agreement": asdict(self.agreement),
            "metric": checked,
            "environment": environment(),
        }

    def write(self, folder: Path) -> None:
        """Write `report.json` and, with matplotlib, the plot."""
        text = json.dumps(plain(self.report()), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")
        if is_available("matplotlib"):
            (folder / PLOT_FILE).write_bytes(self.plot())

    def plot(self) -> bytes:
        """The ratios of the table as bars, and the effect of each layer where it was measured.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        ratios = {line.name: line.ratio for line in self.lines if line.ratio is not None}
        n_bars = max(len(ratios), len(self.errors))
        figure = new_figure(width=12 if self.errors else 7, height=1.2 + 0.3 * n_bars)
        axes = figure.subplots(1, 2 if self.errors else 1, squeeze=False)[0]
        _bars(axes[0], ratios, [BLUE] * len(ratios), f"{self.dtype} / float32")
        axes[0].axvline(1, color=GRAY, linewidth=1)
        if self.errors:
            colors = [GRAY if name in self.kept else BLUE for name in self.errors]
            title = "effect of each layer on the outputs (gray: in float32)"
            _bars(axes[1], self.errors, colors, title)
        return png_of(figure)


def _in_words(points_lost: float) -> str:
    """Points as worse or better, without a sign that has to be explained."""
    rounded = round(points_lost, 2)
    if not rounded:
        return "no change"
    return f"{abs(rounded):.2f} points {'worse' if rounded > 0 else 'better'}"


def _bars(axis: Any, values: Mapping[str, float], colors: list[str], title: str) -> None:
    axis.barh(list(values), list(values.values()), color=colors)
    axis.invert_yaxis()
    axis.set_title(title, fontsize=10)
    axis.tick_params(labelsize=8)


def number(value: float) -> str:
    """A number with about four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
