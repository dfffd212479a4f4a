"""Plots of a report as PNG images, each with a description for screen readers.

matplotlib is optional and used without its global state, so plots of a program that calls us stay
as they are.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilbert._lazy import require

# Distinguishable with red-green color blindness (Okabe and Ito 2008).
BLUE, ORANGE, GRAY = "#0072B2", "#D55E00", "#8A8F98"
DOTS_PER_INCH = 144
# More labels than this would be too small to read.
MOST_LABELS, MOST_COUNTED_LABELS = 40, 15


@dataclass(frozen=True)
class Plot:
    """An image, its title, and what it shows in words."""

    png: bytes
    title: str
    words: str


def plots(report: Mapping[str, Any]) -> dict[str, Plot]:
    """All plots that a report has numbers for, by file name without ending.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    found: dict[str, Plot | None] = {"curves": curves(report)}
    for split, one in report.get("splits", {}).items():
        tables = one.get("tables", {})
        if "confusion" in tables:
            found[f"{split}.confusion"] = confusion(tables["confusion"], split)
        if tables.get("calibration", {}).get("bins"):
            found[f"{split}.calibration"] = calibration(tables["calibration"], split)
        if tables.get("values"):
            found[f"{split}.values"] = scatter(tables["values"], split)
    return {name: plot for name, plot in found.items() if plot is not None}


def curves(report: Mapping[str, Any]) -> Plot | None:
    """Loss, the score that decides, and the learning rate over updates; None without a history."""
    history, metric = report.get("history") or [], report.get("metric", "")
    trained = [line for line in history if line["kind"] == "train"]
    scored = [line for line in history if line["kind"] == "scores"]
    if not trained and not scored:
        return None
    panels = [
        ("loss", {"training": _series(trained, "loss"), "dev": _series(scored, "loss")}),
        ("learning rate", {"learning rate": _series(trained, "learning_rate")}),
    ]
    if metric != "loss":
        panels.insert(1, (f"{metric} on dev", {metric: _series(scored, metric)}))
    panels = [panel for panel in panels if any(points for points in panel[1].values())]
    figure = new_figure(width=4.2 * len(panels), height=3.2)
    for number, (title, series) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), number)
        _draw_series(axes, title, series)
        if title.endswith("on dev") and report.get("best_step") is not None:
            axes.axvline(report["best_step"], color=GRAY, linestyle=":", linewidth=1)
    return Plot(png_of(figure), "Course of the run", _curves_words(trained, scored, metric))


def confusion(table: Mapping[str, Any], split: str) -> Plot | None:
    """A confusion matrix in fractions of each true label; None for too many labels."""
    labels, counts = table["labels"], table["counts"]
    if len(labels) > MOST_LABELS:
        return None
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    size = max(3.4, 0.42 * len(labels) + 2)
    figure = new_figure(width=size + 0.8, height=size)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [label.replace("$", r"\$") for label in labels]  # a dollar would begin a formula
    axes.set_xticks(range(len(labels)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), names)
    axes.set(xlabel="predicted", ylabel="true")
    if len(labels) <= MOST_COUNTED_LABELS:
        for i, row in enumerate(counts):
            for j, count in enumerate(row):
                color = "white" if shares[i][j] > 0.5 else "black"
                axes.text(j, i, f"{count}", ha="center", va="center", color=color, fontsize=8)
    figure.colorbar(image, ax=axes, label="share of the true label", shrink=0.8)
    right = sum(counts[i][i] for i in range(len(labels)))
    words = f"Confusion matrix of {len(labels)} labels on {split}: {right} of "
    words += f"{sum(map(sum, counts))} examples lie on the diagonal, where prediction and truth "
    return Plot(png_of(figure), f"Confusions on {split}", words + "agree. A table follows.")


def calibration(table: Mapping[str, Any], split: str) -> Plot:
    """The accuracy of decisions by their confidence."""
    bins = table["bins"]
    figure = new_figure(width=4.2, height=3.8)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=GRAY, linestyle="--", linewidth=1, label="perfect")
    n = sum(one["n"] for one in bins)
    axes.bar(
        [one["confidence"] for one in bins],
        [one["n"] / max(1, n) for one in bins],
        width=0.06,
        color=GRAY,
        alpha=0.35,
        label="share of decisions",
    )
    axes.plot(
        [one["confidence"] for one in bins],
        [one["accuracy"] for one in bins],
        color=BLUE,
        marker="o",
        label="this model",
    )
    axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=8)
    words = f"Confidence against the share of right decisions on {split}; the expected calibration "
    words += f"error is {table['error']:.3f}. A table follows."
    return Plot(png_of(figure), f"Calibration on {split}", words)


def scatter(values: Sequence[Mapping[str, float]], split: str) -> Plot:
    """Predicted values over true ones."""
    truth = [one["truth"] for one in values]
    predicted = [one["predicted"] for one in values]
    figure = new_figure(width=4.2, height=3.8)
    axes = figure.add_subplot()
    ends = [min(truth), max(truth)]
    axes.plot(ends, ends, color=GRAY, linestyle="--", linewidth=1)
    axes.scatter(truth, predicted, s=9, color=BLUE, alpha=0.4, linewidths=0)
    axes.set(xlabel="true", ylabel="predicted")
    words = f"Predicted over true values of {len(values)} examples on {split}, with the line where "
    return Plot(png_of(figure), f"Values on {split}", words + "both are equal.")


def _series(lines: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, float]]:
    pairs = [(line["step"], line["values"].get(name)) for line in lines]
    return [(step, value) for step, value in pairs if value is not None]


def _draw_series(axes: Any, title: str, series: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    drawn = {name: points for name, points in series.items() if points}
    for (name, points), color in zip(drawn.items(), (BLUE, ORANGE), strict=False):
        marker = "o" if len(points) < 30 else None
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, color=color, marker=marker, markersize=3, label=name)
    axes.set(xlabel="updates", title=title)
    axes.grid(alpha=0.25)
    if len(drawn) > 1:
        axes.legend(frameon=False, fontsize=8)


def _curves_words(
    trained: Sequence[Mapping[str, Any]], scored: Sequence[Mapping[str, Any]], metric: str
) -> str:
    parts = []
    curves = (("Training loss", trained, "loss"), (f"{metric} on dev", scored, metric))
    for name, lines, key in curves:
        points = _series(lines, key)
        if points:
            parts.append(f"{name} goes from {points[0][1]:.4g} to {points[-1][1]:.4g}")
    return "; ".join(parts) + "."


def new_figure(*, width: float, height: float) -> Any:
    """An empty white figure.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    require("matplotlib", "draw plots")
    from matplotlib.figure import Figure  # draws with Agg unless pyplot takes it over

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    figure.set_facecolor("white")
    return figure


def png_of(figure: Any) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
