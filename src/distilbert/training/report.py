"""The report of a run: `report.json` always; plots and one page for people where wanted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distilbert.checkpoint.atomic import atomic_file
from distilbert.training.plots import plots
from distilbert.training.report_html import report_page

PLOTS = "plots"


def write_report(folder: Path, report: Mapping[str, Any], *, pages: bool = True) -> None:
    """Write `report.json` to `folder`, and with `pages` also `report.html` and `plots/*.png`.

    Args:
        report: what `finetuning.result` gathers: splits with scores, intervals, tables and
            examples, history, environment, command and card.

    Raises:
        MissingDependencyError: `pages` without matplotlib; `report.json` is written before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(folder / "report.json") as temporary:
        text = json.dumps(_plain(report), indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    if not pages:
        return
    pictures = plots(report)
    (folder / PLOTS).mkdir(exist_ok=True)
    for name, (_, data) in pictures.items():
        with atomic_file(folder / PLOTS / name) as temporary:
            temporary.write_bytes(data)
    with atomic_file(folder / "report.html") as temporary:
        temporary.write_text(report_page(report, pictures), encoding="utf-8")


def _plain(value: Any) -> Any:
    """The same as JSON can hold it: lists for tuples, null for what is no finite number."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "item"):  # a NumPy number
        return _plain(value.item())
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)
