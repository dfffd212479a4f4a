"""`report.html`: one page that needs nothing beside it, readable in light, dark and on paper.

No scripts, no fonts or pictures from elsewhere; all that comes from data is escaped.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6472; --line: #dfe3e8;
  --paper: #ffffff; --tint: #f4f6f9; --mark: #2563a8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #a0a8b5; --line: #363d48;
  --paper: #14181f; --tint: #1d232c; --mark: #7fb2ec; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 2.5rem 1.25rem 4rem; color: var(--ink);
  background: var(--paper); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .8rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .5rem; color: var(--soft); }
.lead { color: var(--soft); margin: 0 0 1.5rem; }
.best { display: inline-block; background: var(--tint); border-left: 4px solid var(--mark);
  padding: .7rem 1.2rem; border-radius: 4px; }
.best b { font-size: 1.8rem; display: block; color: var(--mark); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .4rem 0 1rem; font-size: .92rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 1rem; }
figure { margin: 0; background: #ffffff; border: 1px solid var(--line); border-radius: 6px;
  padding: .5rem; break-inside: avoid; }
figure img { width: 100%; height: auto; display: block; }
figcaption { color: #5b6472; font-size: .85rem; padding: .3rem; }
pre { background: var(--tint); padding: .8rem 1rem; border-radius: 6px; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } details { display: block; }
  tr, figure { break-inside: avoid; } }
"""
# Longer tables and lists stand in report.json only.
ROWS_SHOWN = 60
PICTURED = ("confusion", "calibration", "values")


def report_page(report: Mapping[str, Any], pictures: Mapping[str, tuple[str, bytes]]) -> str:
    """The page; `pictures` maps names to an alternative text and PNG bytes."""
    title = f"{report.get('task', 'Report')}"
    parts = [f"<h1>{escape(title)}</h1>", _lead(report), _best(report)]
    for name, split in report.get("splits", {}).items():
        parts.append(_split(name, split))
    if report.get("comparison"):
        parts.append(_comparison(report["comparison"]))
    if pictures:
        figures = "".join(_figure(alt, data) for alt, data in pictures.values())
        parts.append(f'<h2>Plots</h2><div class="plots">{figures}</div>')
    parts.append(_origin(report))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )


def _lead(report: Mapping[str, Any]) -> str:
    model = report.get("model") or report.get("card", {}).get("model") or ""
    said = [str(model), str(report.get("framework") or "")]
    if report.get("n_train"):
        said.append(f"{report['n_train']:,} training examples")
    if report.get("steps"):
        said.append(f"{report['steps']:,} updates in {report.get('seconds', 0):,.0f} s")
    if report.get("examples_per_second"):
        said.append(f"{report['examples_per_second']:,.0f} examples/s")
    if report.get("skipped_rows"):
        said.append(f"{report['skipped_rows']:,} bad rows left out")
    return f'<p class="lead">{escape(" · ".join(one for one in said if one))}</p>'


def _best(report: Mapping[str, Any]) -> str:
    metric, splits = report.get("metric"), report.get("splits", {})
    for name, split in splits.items():
        if metric in split.get("scores", {}):
            score = _number(split["scores"][metric])
            return f'<div class="best">{escape(f"{metric} on {name}")}<b>{score}</b></div>'
    return ""


def _split(name: str, split: Mapping[str, Any]) -> str:
    intervals = split.get("intervals", {})
    rows = [
        {"score": key, "value": value, **_bounds(intervals.get(key))}
        for key, value in split.get("scores", {}).items()
    ]
    parts = [f"<h2>{escape(name)} <small>({split.get('n', 0):,} examples)</small></h2>"]
    parts.append(_table(rows, "Scores with 95 % bootstrap intervals"))
    for key, table in split.get("tables", {}).items():
        if key not in PICTURED:
            parts.append(_any_table(key.replace("_", " "), table))
    for key, caption in (
        ("wrongest", "The most wrong answers"),
        ("slowest", "The slowest examples, each alone"),
    ):
        if split.get(key):
            parts.append(_table(split[key], caption))
    return "".join(parts)


def _bounds(interval: Sequence[float] | None) -> dict[str, Any]:
    return {} if interval is None else {"low": interval[0], "high": interval[1]}


def _any_table(caption: str, table: Any) -> str:
    """A table of rows, of named rows, or of single values."""
    if isinstance(table, Mapping):
        if table and all(isinstance(row, Mapping) for row in table.values()):
            return _table([{"": name, **row} for name, row in table.items()], caption)
        return _table([{"": name, "value": value} for name, value in table.items()], caption)
    if isinstance(table, list) and table and all(isinstance(row, Mapping) for row in table):
        return _table(table, caption)
    return f"<p>{escape(caption)}: {_cell(table)}</p>" if table not in ([], None) else ""


def _table(rows: Sequence[Mapping[str, Any]], caption: str) -> str:
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    numeric = {n for n in names if all(_is_number(row.get(n)) for row in rows)}
    mark = {name: ' class="n"' if name in numeric else "" for name in names}
    head = "".join(f'<th scope="col"{mark[n]}>{escape(str(n))}</th>' for n in names)
    body = "".join(
        "<tr>" + "".join(f"<td{mark[n]}>{_cell(row.get(n))}</td>" for n in names) + "</tr>"
        for row in rows[:ROWS_SHOWN]
    )
    more = len(rows) - ROWS_SHOWN
    note = f" ({more:,} more in report.json)" if more > 0 else ""
    return (
        f'<div class="scroll"><table><caption>{escape(caption + note)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return escape(value)
    return (
        _number(value)
        if _is_number(value)
        else escape(json.dumps(value, ensure_ascii=False, default=str))
    )


def _number(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if math.isfinite(value) and abs(value) >= 1e-3 else f"{value:.3g}"


def _comparison(comparison: Mapping[str, Any]) -> str:
    rows = [
        {
            "score": name,
            "difference": row["difference"],
            **_bounds(row["interval"]),
            "p": row["p_value"],
        }
        for name, row in comparison["differences"].items()
    ]
    caption = f"{comparison['against']} minus {comparison['model']}, paired bootstrap"
    return f"<h2>Comparison</h2>{_table(rows, caption)}"


def _figure(alt: str, data: bytes) -> str:
    source = base64.b64encode(data).decode("ascii")
    text = escape(alt)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{source}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _origin(report: Mapping[str, Any]) -> str:
    """How to repeat it: command, environment, card."""
    parts = ["<h2>How to repeat it</h2>"]
    if report.get("command"):
        parts.append(f"<pre>{escape(report['command'])}</pre>")
    machine = dict(report.get("environment", {}))
    packages = machine.pop("packages", {})
    parts.append(_any_table("Environment", machine) + _any_table("Packages", packages))
    if report.get("card"):
        card = json.dumps(report["card"], indent=2, ensure_ascii=False, default=str)
        parts.append(
            f"<details open><summary>Run card</summary><pre>{escape(card)}</pre></details>"
        )
    return "".join(parts)
