"""Values of a report as pieces of HTML: numbers, tables of any shape, figures. All text is escaped.

Depends on the shapes of tables, not on their meaning.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from distilbert.training.plots import MOST_LABELS, Plot

# The page shows the beginning of very long tables; report.json has all rows.
MOST_ROWS = 200
NOTHING = "–"


def number(value: Any) -> str:
    """A value as text, not yet escaped: four digits of a float, groups of three in an integer."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(one, (str, int, float)) for one in value):
        return ", ".join(number(one) for one in value) or NOTHING
    return json.dumps(value, ensure_ascii=False)


def cell(value: Any) -> str:
    """A cell of a table; numbers are aligned to the right."""
    return f"<td{_side([value])}>{escape(number(value))}</td>"


def _side(values: Sequence[Any]) -> str:
    """The class of cells that contain only numbers."""
    numeric = all(
        value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        for value in values
    )
    return " class=n" if numeric else ""


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str | None = None
) -> str:
    """A table whose first column names the rows."""
    head = "".join(
        f"<th scope=col{_side([row[i] for row in rows]) if i else ''}>{escape(name)}</th>"
        for i, name in enumerate(columns)
    )
    body = "".join(
        f"<tr><th scope=row>{escape(number(row[0]))}</th>{''.join(map(cell, row[1:]))}</tr>"
        for row in rows[:MOST_ROWS]
    )
    more = ""
    if len(rows) > MOST_ROWS:
        more = f"<p class=note>{len(rows) - MOST_ROWS:,} more rows are in report.json.</p>"
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = f"<thead><tr>{head}</tr></thead>"
    return f"<div class=wide><table>{title}{head}<tbody>{body}</tbody></table></div>{more}"


def facts(values: Mapping[str, Any]) -> str:
    """Names and values, one below the other."""
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(number(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<div class=wide><table class=facts><tbody>{rows}</tbody></table></div>"


def of_any_shape(name: str, value: Any) -> str:
    """A table of a task: a confusion matrix, rows, rows by name, bins, or facts."""
    title = name.replace("_", " ")
    if isinstance(value, Mapping):
        if {"labels", "counts"} <= value.keys():
            return _confusion(title, value["labels"], value["counts"])
        if "bins" in value:
            caption = f"{title}, expected error {number(value.get('error'))}"
            return of_any_shape(caption, value["bins"])
        if value and all(isinstance(one, Mapping) for one in value.values()):
            return of_any_shape(name, [{"": key, **one} for key, one in value.items()])
        return f"<h4>{escape(title)}</h4>{facts(value)}" if value else ""
    columns = list(dict.fromkeys(key for row in value for key in row))
    rows = [[row.get(column) for column in columns] for row in value]
    return table([column.replace("_", " ") for column in columns], rows, caption=title)


def _confusion(title: str, labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """The matrix, shaded by shares of the true label; of many labels the most frequent mistakes."""
    if len(labels) > MOST_LABELS:
        wrong = [
            (true, predicted, counts[i][j])
            for i, true in enumerate(labels)
            for j, predicted in enumerate(labels)
            if i != j and counts[i][j]
        ]
        wrong.sort(key=lambda one: -one[2])
        return table(["true", "predicted", "count"], wrong[:MOST_LABELS], caption=title)
    head = "".join(f"<th scope=col class=n>{escape(label)}</th>" for label in labels)
    body = []
    for i, (label, row) in enumerate(zip(labels, counts, strict=True)):
        cells = "".join(_shaded(count, sum(row), hit=i == j) for j, count in enumerate(row))
        body.append(f"<tr><th scope=row>{escape(label)}</th>{cells}</tr>")
    caption = f"<caption>{escape(title)}: rows are true, columns predicted</caption>"
    head = f"<thead><tr><th scope=col>true</th>{head}</tr></thead>"
    matrix = f"{caption}{head}<tbody>{''.join(body)}</tbody>"
    return f"<div class=wide><table class=matrix>{matrix}</table></div>"


def _shaded(count: int, total: int, *, hit: bool) -> str:
    kind, share = "hit" if hit else "miss", 100 * count / max(1, total)
    return f'<td class="n {kind}" style="--share:{share:.0f}%">{count:,}</td>'


def figure(plot: Plot) -> str:
    """An image inside the page."""
    data = base64.b64encode(plot.png).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(plot.words)}">'
    return f"<figure>{image}<figcaption>{escape(plot.title)}</figcaption></figure>"
