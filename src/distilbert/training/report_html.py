"""A report as one page without external files: no scripts, no fonts, no images from elsewhere.

Readable in dark mode, on paper and by a screen reader. See `report.py` for the contents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from distilbert._install import install_command
from distilbert.training.plots import Plot
from distilbert.training.report_tables import facts, figure, number, of_any_shape, table

# Keys of answers to show, the most informative first.
TELLING = ("label", "labels", "value", "choice", "text", "entities", "tags")
LONGEST_TEXT = 400


def page(report: Mapping[str, Any], plots: Mapping[str, Plot]) -> str:
    """The complete page; `plots` by the names that `distilbert.training.plots` gives them."""
    title = f"{report.get('task', 'report')}: {_model(report)}"
    kind = report.get("kind") or ("Fine-tuning" if "steps" in report else "Evaluation")
    parts = [
        f"<header><p class=kind>{kind}</p><h1>{escape(title)}</h1></header>",
        _tiles(report),
        _scores(report),
        _comparison(report.get("comparison")),
        _course(report, plots),
        *(_split(name, one, plots) for name, one in report.get("splits", {}).items()),
        _how(report),
        "<footer><p>report.json contains all numbers, including those omitted here.</p></footer>",
    ]
    return (
        '<!doctype html>\n<html lang=en>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style_sheet()}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def style_sheet() -> str:
    """The style sheet of all pages, `report.css`."""
    return (files("distilbert.training") / "report.css").read_text(encoding="utf-8")


def answer_text(answer: Any) -> str:
    """A model's answer in a few words."""
    if not isinstance(answer, Mapping):
        return number(answer)
    for name in TELLING:
        if name in answer:
            words = _entities(answer[name])
            sure = answer.get("probabilities")
            if name in ("label", "choice") and sure:
                words += f" ({max(sure):.0%})"
            return _short(words)
    rest = {name: one for name, one in answer.items() if name != "loss"}  # has a column
    return _short(", ".join(f"{name} {number(one)}" for name, one in rest.items()))


def _entities(value: Any) -> str:
    """An answer's text, or its entities each with its type."""
    if value in ("", []):
        return "(none)"
    if isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        return ", ".join(f"{one.get('text')}/{one.get('type')}" for one in value)
    return number(value)


def _model(report: Mapping[str, Any]) -> str:
    """The source without its hashes; the card below has them."""
    source = report.get("model") or report.get("card", {}).get("model") or "a model"
    return str(source).partition("#")[0]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _tiles(report: Mapping[str, Any]) -> str:
    """The numbers that most readers look for."""
    found = []
    metric = report.get("metric", "")
    for name, one in report.get("splits", {}).items():
        if one["scores"].get(metric) is not None:
            found.append((f"{metric} on {name}", *_with_interval(one, metric)))
    if report.get("n_train") is not None:
        found.append(("training examples", number(report["n_train"]), ""))
    if report.get("steps") is not None:
        best = report.get("best_step")
        found.append(("updates", number(report["steps"]), f"best after {best:,}" if best else ""))
    if report.get("seconds") is not None:
        rate = report.get("tokens_per_second")
        detail = f"{rate:,.0f} tokens per second" if rate else ""
        found.append(("training time", duration(report["seconds"]), detail))
    if report.get("n_parameters"):
        n = report["n_parameters"]
        found.append(("parameters", f"{n / 1e6:.1f} M" if n >= 100_000 else f"{n:,}", ""))
    tiles = "".join(
        f"<div class=tile><dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        f"<dd class=detail>{escape(detail)}</dd></div>"
        for name, value, detail in found
    )
    return f"<dl class=tiles>{tiles}</dl>"


def duration(seconds: float) -> str:
    """Seconds in the usual units: 40 ms, 42 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _with_interval(split: Mapping[str, Any], name: str) -> tuple[str, str]:
    low, high = split.get("intervals", {}).get(name) or (None, None)
    score = number(split["scores"].get(name))
    return score, "" if low is None else f"{number(low)} to {number(high)}"


def _scores(report: Mapping[str, Any]) -> str:
    splits = report.get("splits", {})
    if not splits:
        return ""
    names = list(dict.fromkeys(name for one in splits.values() for name in one["scores"]))
    # The score that chooses the best model comes first.
    names.sort(key=lambda name: name != report.get("metric"))
    columns, rows = ["score"], [[name.replace("_", " ")] for name in names]
    for split, one in splits.items():
        columns += [f"{split} ({one['n']:,})", "95 % interval"]
        for name, row in zip(names, rows, strict=True):
            row += _with_interval(one, name)
    note = "<p class=note>Intervals: percentiles of a bootstrap over examples. They show how much "
    note += "the scores depend on the examples, not on the seed of the training.</p>"
    has_intervals = any(one.get("intervals") for one in splits.values())
    text = table(columns, rows) + (note if has_intervals else "")
    return f"<section><h2>Scores</h2>{text}</section>"


def _comparison(comparison: Mapping[str, Any] | None) -> str:
    if not comparison:
        return ""
    rows = [
        [
            name.replace("_", " "),
            comparison["scores"].get(name),
            comparison["scores_against"].get(name),
            one["difference"],
            f"{number(one['interval'][0])} to {number(one['interval'][1])}",
            one["p_value"],
        ]
        for name, one in comparison["differences"].items()
    ]
    columns = ["score", comparison["model"], comparison["against"], "difference"]
    columns += ["95 % interval", "p (two-sided)"]
    note = "Differences are those of the second model from the first; intervals and p-values by a "
    note += "paired bootstrap: both models on the same draws of examples."
    text = table(columns, rows)
    return f"<section><h2>Comparison</h2>{text}<p class=note>{note}</p></section>"


def _course(report: Mapping[str, Any], plots: Mapping[str, Plot]) -> str:
    history = report.get("history") or []
    if not history:
        return ""
    drawn = figure(plots["curves"]) if "curves" in plots else _no_plots()
    scored = [line for line in history if line["kind"] == "scores"]
    names = list(dict.fromkeys(name for line in scored for name in line["values"]))
    rows = [
        [line["step"], line["epoch"], *(line["values"].get(name) for name in names)]
        for line in scored
    ]
    columns = ["updates", "epochs", *(name.replace("_", " ") for name in names)]
    listed = _details("Evaluations on dev", columns, rows)
    return f"<section><h2>Course of the run</h2>{drawn}{listed}</section>"


def _no_plots() -> str:
    command = escape(install_command("matplotlib"))
    return f"<p class=note>Plots need matplotlib: <code>{command}</code></p>"


def _split(name: str, split: Mapping[str, Any], plots: Mapping[str, Plot]) -> str:
    drawn = "".join(figure(plot) for key, plot in plots.items() if key.startswith(f"{name}."))
    tables = dict(split.get("tables", {}))
    if not drawn and tables.keys() & {"calibration", "values"}:
        drawn = _no_plots()
    if f"{name}.values" in plots:
        tables.pop("values")
    single = {
        key: tables.pop(key) for key in list(tables) if not isinstance(tables[key], (list, dict))
    }
    parts = [facts({key.replace("_", " "): one for key, one in single.items()}) if single else ""]
    parts += [of_any_shape(key, one) for key, one in tables.items() if one]
    speed = f"{split['n']:,} examples"
    if split.get("seconds") is not None:
        rate = number(split.get("examples_per_second"))
        speed += f" in {duration(split['seconds'])}, {rate} per second"
    wrongest = [
        [_short(one["example"]), answer_text(one["answer"]), one["loss"]]
        for one in split.get("wrongest", ())
    ]
    slowest = [
        [_short(one["example"]), one["tokens"], 1000 * one["seconds"]]
        for one in split.get("slowest", ())
    ]
    parts.append(_details("Wrongest answers", ["example and truth", "answer", "loss"], wrongest))
    parts.append(_details("Slowest examples", ["example", "tokens", "milliseconds alone"], slowest))
    return (
        f"<section><h2>{escape(name.capitalize())} examples</h2><p>{escape(speed)}</p>"
        f"<div class=figures>{drawn}</div>{''.join(parts)}</section>"
    )


def _details(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table that can be folded; nothing without rows."""
    if not rows:
        return ""
    return f"<details open><summary>{title}</summary>{table(columns, rows)}</details>"


def _how(report: Mapping[str, Any]) -> str:
    parts = ["<section><h2>How to repeat this</h2>"]
    if report.get("command"):
        parts.append(f"<pre><code>{escape(report['command'])}</code></pre>")
    known = {
        "framework": report.get("framework"),
        "data": report.get("data"),
        "bad rows left out": report.get("skipped_rows"),
    }
    known = {name: value for name, value in known.items() if value is not None}
    machine = dict(report.get("environment", {}))
    packages = machine.pop("packages", {})
    machine = {name.replace("_", " "): one for name, one in machine.items()}
    parts.append(facts({**known, **machine, **packages}))
    if report.get("card"):
        card = json.dumps(report["card"], indent=2, ensure_ascii=False)
        parts.append(f"<details><summary>Run card</summary><pre>{escape(card)}</pre></details>")
    return "".join(parts) + "</section>"
