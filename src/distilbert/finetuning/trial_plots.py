"""A search as one picture: scores over updates, and the score over each field that was varied.

matplotlib is optional and used without its global state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from distilbert.finetuning.search_space import Choice, Dimension
from distilbert.finetuning.trials import FINISHED, Trial, best_trial, value_text
from distilbert.training.plots import BLUE, GRAY, ORANGE, Plot, new_figure, png_of

COLUMNS, WIDTH, HEIGHT = 3, 4.2, 3.2


def trials_plot(trials: Sequence[Trial], space: Mapping[str, Dimension], metric: str) -> Plot:
    """A panel of scores over updates and one per field; finished trials are blue, the best is
    orange.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    best = best_trial(trials, metric)
    n_panels = 1 + len(space)
    n_columns = min(COLUMNS, n_panels)
    n_rows = math.ceil(n_panels / n_columns)
    figure = new_figure(width=WIDTH * n_columns, height=HEIGHT * n_rows)
    panels = [figure.add_subplot(n_rows, n_columns, 1 + place) for place in range(n_panels)]
    _draw_courses(panels[0], trials, best)
    for axes, (name, dimension) in zip(panels[1:], space.items(), strict=True):
        _draw_field(axes, trials, best, name, dimension)
    for axes in panels:
        axes.set_ylabel(f"{metric} on dev")
        axes.grid(alpha=0.25)
    return Plot(png_of(figure), "Trials of the search", _words(trials, best, metric))


def _color(trial: Trial, best: Trial | None) -> str:
    if best is not None and trial.id == best.id:
        return ORANGE
    return BLUE if trial.status == FINISHED else GRAY


def _draw_courses(axes: Any, trials: Sequence[Trial], best: Trial | None) -> None:
    for one in trials:
        if one.scores:
            steps, scores = zip(*one.scores, strict=True)
            on_top = 3 if _color(one, best) == ORANGE else 2
            axes.plot(
                steps, scores, color=_color(one, best), marker="o", markersize=3, zorder=on_top
            )
    axes.set(xlabel="updates", title="Course of all trials")


def _draw_field(
    axes: Any, trials: Sequence[Trial], best: Trial | None, name: str, dimension: Dimension
) -> None:
    scored = [one for one in trials if one.score is not None]
    colors = [_color(one, best) for one in scored]
    if isinstance(dimension, Choice):
        places = [dimension.values.index(one.values[name]) for one in scored]
        axes.set_xlim(-0.5, len(dimension.values) - 0.5)
        axes.set_xticks(range(len(dimension.values)), [value_text(v) for v in dimension.values])
    else:
        places = [one.values[name] for one in scored]
        if dimension.log:
            axes.set_xscale("log")
    axes.scatter(places, [one.score for one in scored], c=colors, s=18)
    axes.set(xlabel=name)


def _words(trials: Sequence[Trial], best: Trial | None, metric: str) -> str:
    n_finished = sum(one.status == FINISHED for one in trials)
    words = f"{metric} on dev of {len(trials)} trials, of which {n_finished} finished"
    if best is None or best.score is None:
        return f"{words}."
    values = ", ".join(f"{name} {value_text(value)}" for name, value in best.values.items())
    return f"{words}; the best reached {best.score:.4g} with {values}."
