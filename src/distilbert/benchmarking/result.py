"""What a benchmark measured: its rows, its table, its report and its plot. Measures nothing."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert._lazy import is_available
from distilbert.checkpoint.output_folder import Contents, new_result
from distilbert.training.plots import BLUE, GRAY, ORANGE, new_figure, png_of
from distilbert.training.report import plain

REPORT_FILE, TABLE_FILE, PLOT_FILE = "report.json", "report.md", "benchmark.png"
MEASURED = Contents("benchmark", mark=REPORT_FILE, others=(TABLE_FILE, PLOT_FILE))
# Root mean square of the differences from the reference, as a fraction of its outputs: rounding of
# float32 stays below, bfloat16 and int8 are far above.
EXACT = 1e-4


@dataclass(frozen=True)
class Spread:
    """The median and the quartiles of measurements in seconds, and their number."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """Of at least one measurement."""
        if len(seconds) == 1:
            return cls(seconds[0], seconds[0], seconds[0], 1)
        low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
        return cls(median, low, high, len(seconds))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A framework, runtime or peer in one precision.

    Attributes:
        is_peer: another program than this package.
        single: tokens of one input -> the time that it takes.
        texts: the time that all texts take, tokenization included.
        memory_mib: by how much the process grew while the model was loaded and used once.
        difference: of the outputs from the reference, as in `EXACT`; None for peers.
        same: the fraction of decisions that are the reference's; None where there are none.
        cosine: the mean cosine of the vectors of texts; None if the model is no encoder.
        steps: commands and options that give this row.
    """

    name: str
    dtype: str
    is_peer: bool = False
    single: Mapping[int, Spread]
    texts: Spread
    memory_mib: float | None = None
    difference: float | None = None
    same: float | None = None
    cosine: float | None = None
    steps: tuple[str, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether the answers are those of float32 up to rounding."""
        return self.difference is not None and self.difference <= EXACT

    @property
    def label(self) -> str:
        """The name and the precision."""
        return f"{self.name} {self.dtype}"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What was measured for one model on one machine.

    Attributes:
        reference: the label of the row with whose answers the others are compared.
        sample: where the texts are from, how many they are, and how many tokens they have.
        left_out: what was not measured, and why.
        warnings: what makes the numbers doubtful.
        advice: what to use, one sentence or command per line.
        stored: the file from which `runtime="fastest"` reads.
    """

    model: str
    head: str
    rows: tuple[Row, ...]
    reference: str
    sample: Mapping[str, Any]
    machine: Mapping[str, Any]
    left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    stored: Path | None = field(default=None)

    def per_second(self, row: Row) -> tuple[float, float]:
        """Texts and tokens per second of a row."""
        seconds = row.texts.median
        return self.sample["n_texts"] / seconds, self.sample["n_tokens"] / seconds

    def table(self) -> str:
        """The rows in Markdown."""
        lengths = list(self.rows[0].single) if self.rows else []
        head = ["", *(f"1 input of {n} tokens (ms)" for n in lengths)]
        head += ["texts/s", "tokens/s", "memory (MiB)", "difference", "same answers"]
        rows = [head, *(self._cells(row) for row in self.rows)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
        padded = (
            [r[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(r[1:], widths[1:], strict=True))]
            for r in rows
        )
        return "".join(f"| {' | '.join(cells)} |\n" for cells in padded)

    def _cells(self, row: Row) -> list[str]:
        texts, tokens = self.per_second(row)
        n = self.sample["n_texts"]
        between = f"{n / row.texts.high:,.1f} to {n / row.texts.low:,.1f}"
        singles = [
            f"{1e3 * one.median:.3g} ({1e3 * one.low:.3g} to {1e3 * one.high:.3g})"
            for one in row.single.values()
        ]
        memory = "" if row.memory_mib is None else f"{row.memory_mib:,.0f}"
        difference = "" if row.difference is None else f"{row.difference:.1e}"
        same = "" if row.same is None else f"{100 * row.same:.2f} %"
        if row.cosine is not None:
            same = f"cosine {row.cosine:.5f}"
        speed = [f"{texts:,.1f} ({between})", f"{tokens:,.0f}"]
        return [row.label, *singles, *speed, memory, difference, same]

    def describe(self) -> str:
        """The table with what it needs to be understood: machine, sample, warnings, advice."""
        machine, sample = self.machine, self.sample
        threads = machine["num_threads"] or "as many as each program takes"
        facts = (
            f"{self.model} ({self.head}) on {machine['processor']}, {machine['cores']} cores, "
            f"threads: {threads}, load average {machine['load_average']}. Texts: "
            f"{sample['source']}, {sample['n_texts']:,} of {sample['n_tokens']:,} tokens. "
            f"Medians and quartiles of measurements in turns; answers are compared with those of "
            f"{self.reference}: difference is the root mean square, as a fraction of its outputs."
        )
        parts = [
            facts,
            self.table().rstrip(),
            "\n".join(f"Not measured: {one}" for one in self.left_out),
            "\n".join(f"Warning: {one}" for one in self.warnings),
            "\n".join(self.advice),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def report(self) -> dict[str, Any]:
        """All of it as plain values."""
        rows = []
        for row in self.rows:
            texts, tokens = self.per_second(row)
            speed = {"texts_per_second": texts, "tokens_per_second": tokens}
            rows.append({**asdict(row), "is_exact": row.is_exact, **speed})
        found = {name: getattr(self, name) for name in ("model", "head", "reference", "advice")}
        found |= {name: getattr(self, name) for name in ("sample", "machine", "left_out")}
        return plain({"kind": "benchmark", **found, "warnings": self.warnings, "rows": rows})

    def write(self, folder: str | PathLike[str]) -> None:
        """Write `report.json`, `report.md` and, with matplotlib, the plot to a folder."""
        with new_result(Path(folder), MEASURED) as staging:
            text = json.dumps(self.report(), indent=1, ensure_ascii=False, allow_nan=False)
            (staging / REPORT_FILE).write_text(text + "\n", encoding="utf-8")
            picture = is_available("matplotlib")
            shown = f"\n![{PLOT_FILE}]({PLOT_FILE})\n" if picture else ""
            (staging / TABLE_FILE).write_text(self.describe() + shown, encoding="utf-8")
            if picture:
                (staging / PLOT_FILE).write_bytes(self.plot())

    def plot(self) -> bytes:
        """Tokens per second and latencies of every row as bars; a PNG file.

        Raises:
            MissingDependencyError: matplotlib is not installed.
        """
        names = [row.label for row in self.rows]
        colors = [GRAY if row.is_peer else BLUE if row.is_exact else ORANGE for row in self.rows]
        panels = {"tokens/s of texts": [self.per_second(row)[1] for row in self.rows]}
        for length in self.rows[0].single:
            title = f"1 input of {length} tokens (ms)"
            panels[title] = [1e3 * row.single[length].median for row in self.rows]
        figure = new_figure(width=4.5 * len(panels), height=1.4 + 0.35 * len(names))
        figure.suptitle("blue: answers of float32, orange: with small differences, gray: peers")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, (title, values) in zip(axes, panels.items(), strict=True):
            axis.barh(range(len(names)), values, color=colors)
            axis.set_yticks(range(len(names)), names)
            axis.set_title(title, fontsize=10)
        axes[0].invert_yaxis()
        return png_of(figure)
