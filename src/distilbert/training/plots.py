"""Pictures of a run as PNG bytes: curves, confusions, calibration, values against truth.

matplotlib draws into memory, without a screen and without its global state.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from distilbert._lazy import require

SIZE, DPI = (6.4, 3.6), 130
BLUE, ORANGE, GRAY = "#2563a8", "#c2570c", "#8a8f98"
# Above so many labels, cells are too small to hold their numbers.
MANY_LABELS = 12


def plots(report: Mapping[str, Any]) -> dict[str, tuple[str, bytes]]:
    """File name -> what the picture shows in a sentence, and its PNG bytes.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    require("matplotlib", "draw plots (or set `report = false`)")
    found = _curves(report.get("history", ()))
    for name, split in report.get("splits", {}).items():
        tables = split.get("tables", {})
        for kind, draw in (
            ("confusion", confusion_plot),
            ("calibration", calibration_plot),
            ("values", values_plot),
        ):
            if tables.get(kind):
                found[f"{name}_{kind}.png"] = (f"{ALT[kind]} ({name})", draw(tables[kind]))
    return found


ALT = {
    "confusion": "True labels in rows against predicted labels in columns",
    "calibration": "How often answers of a given confidence are right",
    "values": "Predicted values against true ones",
}


def _curves(history: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, bytes]]:
    found: dict[str, tuple[str, bytes]] = {}
    for kind, prefix in (("train", ""), ("scores", "dev_")):
        lines = [line for line in history if line.get("kind") == kind]
        names = dict.fromkeys(name for line in lines for name in line["values"])
        for name in names:
            points = [
                (line["step"], line["values"][name])
                for line in lines
                if line["values"].get(name) is not None
            ]
            if points:
                where = "training" if kind == "train" else "dev"
                caption = f"{name} on {where} by update, from {points[0][1]:.4g} to "
                caption += f"{points[-1][1]:.4g}"
                safe = "".join(c if c.isalnum() else "_" for c in name)
                found[f"{prefix}{safe}.png"] = caption, curve_plot(points, name)
    return found


def _axes(size: tuple[float, float] = SIZE) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e4e6ea", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def curve_plot(points: Sequence[tuple[float, float]], name: str) -> bytes:
    """A line of (step, value) points."""
    figure, axes = _axes()
    steps, values = zip(*points, strict=True)
    axes.plot(steps, values, color=BLUE, linewidth=1.6, marker="o" if len(points) < 30 else "")
    axes.set(xlabel="update", ylabel=name)
    return _png(figure)


def confusion_plot(table: Mapping[str, Any]) -> bytes:
    """Counts of `labels` (true, predicted), shaded by the share of the true label."""
    labels, counts = [str(one) for one in table["labels"]], table["counts"]
    side = max(3.6, min(10.0, 1.8 + 0.5 * len(labels)))
    figure, axes = _axes((side, side))
    shares = [[cell / max(1, sum(row)) for cell in row] for row in counts]
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_xticks(range(len(labels)), [_plain(one) for one in labels], rotation=90)
    axes.set_yticks(range(len(labels)), [_plain(one) for one in labels])
    if len(labels) <= MANY_LABELS:
        for i, row in enumerate(counts):
            for j, cell in enumerate(row):
                color = "white" if shares[i][j] > 0.5 else "black"
                axes.text(j, i, str(cell), ha="center", va="center", color=color)
    return _png(figure)


def calibration_plot(table: Mapping[str, Any]) -> bytes:
    """Accuracy against confidence per bin, beside the diagonal of a perfectly sure model."""
    figure, axes = _axes((4.2, 4.2))
    bins = table["bins"]
    largest = max(one["n"] for one in bins)
    axes.plot([0, 1], [0, 1], color=GRAY, linestyle="--", linewidth=1)
    axes.scatter(
        [one["confidence"] for one in bins],
        [one["accuracy"] for one in bins],
        s=[20 + 180 * one["n"] / largest for one in bins],
        color=ORANGE,
        alpha=0.85,
    )
    axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.05))
    axes.set_title(f"expected calibration error {table['error']:.3f}", fontsize=10)
    return _png(figure)


def values_plot(rows: Sequence[Mapping[str, float]]) -> bytes:
    """Predicted against true values."""
    figure, axes = _axes((4.2, 4.2))
    axes.scatter(
        [row["truth"] for row in rows],
        [row["predicted"] for row in rows],
        s=8,
        color=BLUE,
        alpha=0.5,
    )
    axes.axline((0, 0), slope=1, color=GRAY, linestyle="--", linewidth=1)
    axes.set(xlabel="true", ylabel="predicted")
    return _png(figure)


def _plain(label: str) -> str:
    """A dollar sign would begin a formula."""
    return label.replace("$", r"\$")
