"""What fine-tuned models keep in bfloat16 and in int8: the metric against float32, with intervals.

    python benchmarks/precisions.py MODEL:EVAL:CALIBRATION[:OPTION=VALUE...] ...

MODEL is a folder, EVAL its labelled rows, CALIBRATION texts of its kind, and options are those of
`evaluate`. bfloat16 is PyTorch's; int8 is static, by `distilbert.quantize` with 0.5 points allowed,
for every runtime. A point is a percent of the metric's scale; an interval holds 95 % of resamples
of the rows. The layers that stay in float32 are chosen on the same rows. Writes
benchmarks/results/precisions.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from in_turns import write_results

from distilbert import quantize
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.matching import infer_head
from distilbert.config import DistilBertConfig
from distilbert.errors import DistilBertError
from distilbert.opening import open_model
from distilbert.quantizing.metric import interval_of_loss, points_lost, read_metric
from distilbert.quantizing.targets import TARGETS

Row = dict[str, Any]


def in_bfloat16(model: Path, data: str, head: str, options: dict[str, Any]) -> Row:
    """The metric in float32 and bfloat16, both in PyTorch."""
    opened = [open_model(model, head, framework="torch", dtype=one) for one in (None, "bfloat16")]
    how: dict[str, Any] = {"pooling": None, "card": None, "changes": options, "batch_tokens": None}
    metric = read_metric(opened[0], data, **how)
    before, after = (metric.score(one.runner) for one in opened)
    values = before.scores[metric.name], after.scores[metric.name]
    return {
        "metric": metric.name,
        "n_examples": metric.n_examples,
        "before": values[0],
        "after": values[1],
        "points_lost": points_lost(metric.name, head, *values),
        "interval": interval_of_loss(metric, head, before, after),
    }


def in_int8(model: Path, data: str, calibration: str, runtime: str, options: dict[str, Any]) -> Row:
    """The same in static int8 for a runtime, and how many layers stayed in float32."""
    given = {"eval_data": data, "calibration": calibration, "mode": "static", "runtime": runtime}
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = quantize(model, Path(folder) / "int8", **given, **options)
        except DistilBertError as error:
            return {"failed": str(error)}
    names = ("metric", "n_examples", "before", "after", "points_lost", "interval")
    assert done.checked is not None
    facts = {name: getattr(done.checked, name) for name in names}
    return {**facts, "n_layers": len(done.layers) + len(done.kept), "n_kept": len(done.kept)}


def line_of(name: str, how: str, row: Row) -> str:
    """A row of the table, in points."""
    if "failed" in row:
        return f"{name}, {how}: {row['failed']}"
    low, high = row["interval"]
    kept = f", {row['n_kept']} of {row['n_layers']} layers in float32" if "n_kept" in row else ""
    return (
        f"{name}, {row['metric']} of {row['n_examples']:,}: {row['before']:.4f} in float32, "
        f"{row['after']:.4f} in {how}: {row['points_lost']:+.2f} points lost "
        f"[{low:+.2f}, {high:+.2f}]{kept}"
    )


def measure(given: str) -> dict[str, Row]:
    """All precisions of one model."""
    folder, data, calibration, *more = given.split(":")
    options = dict(one.split("=") for one in more)
    config = DistilBertConfig.from_pretrained(folder)
    head = infer_head(open_checkpoint(folder, formats=("safetensors",)), config)
    found = {"bfloat16 (torch)": in_bfloat16(Path(folder), data, head, options)}
    print(line_of(Path(folder).name, *list(found.items())[-1]), flush=True)
    for runtime in TARGETS:
        how = f"int8 ({runtime})"
        found[how] = in_int8(Path(folder), data, calibration, runtime, options)
        print(line_of(Path(folder).name, how, found[how]), flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL:EVAL:CALIBRATION[:OPTION=VALUE]")
    models = parser.parse_args().models
    results = {Path(one.partition(":")[0]).name: measure(one) for one in models}
    print(write_results("precisions", [], models=results))
