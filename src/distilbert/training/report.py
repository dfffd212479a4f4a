"""The report of a run or an evaluation: `report.json` for programs, a page and plots for people.

A report is a mapping of plain values, assembled in `distilbert.finetuning` and
`distilbert.distilling`. What may be in it: `kind`, `task`, `model`, `data`, `framework`, `metric`,
`command`, `card`, `n_train`, `skipped_rows`, `steps`, `seconds`, `best_step`, `n_parameters`,
`history` (lines of the log), `splits` (name -> `n`, `scores`, `intervals`, `tables`, `wrongest`,
`slowest`), `comparison`, `environment`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import is_available
from distilbert.training.plots import Plot, plots
from distilbert.training.report_html import page

REPORT_FILE, PAGE_FILE, PLOTS_FOLDER = "report.json", "report.html", "plots"


def write_report(folder: Path, report: Mapping[str, Any], *, pages: bool) -> None:
    """Write `report.json`, and with `pages` also `report.html` and `plots/*.png`, into a folder.

    Without matplotlib the page has no plots and names the install command. The folder should be a
    staging area of `distilbert.checkpoint.atomic`: files are written one after the other.
    """
    report = plain(report)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")
    if not pages:
        return
    drawn: dict[str, Plot] = {}
    if is_available("matplotlib"):
        drawn = plots(report)
    if drawn:
        (folder / PLOTS_FOLDER).mkdir()
    for name, plot in drawn.items():
        (folder / PLOTS_FOLDER / f"{name}.png").write_bytes(plot.png)
    (folder / PAGE_FILE).write_text(page(report, drawn), encoding="utf-8")


def plain(value: Any) -> Any:
    """`value` with JSON's types: mappings with text keys, lists, None for nan and infinity."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return plain(value.item()) if isinstance(value, np.generic) else value
