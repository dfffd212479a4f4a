"""`quantize`: a smaller model that keeps its metric, or a sentence that says what it reached."""

from __future__ import annotations

import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert._lazy import require
from distilbert.checkpoint.output_folder import check_output
from distilbert.data.memory import names_sources, sources_of
from distilbert.errors import InputError
from distilbert.load_options import LoadOptions, take_load_options
from distilbert.quantizing.metric import first_windows, read_metric
from distilbert.quantizing.plan import Mode, Plan, take_plan
from distilbert.quantizing.result import Quantized
from distilbert.quantizing.source import Wanted
from distilbert.quantizing.targets import TARGETS
from distilbert.quantizing.texts import read_texts
from distilbert.quantizing.writing import QUANTIZED, write_quantized
from distilbert.training.card_file import AnyCard, as_card, with_changes
from distilbert.training.run_card import RunCard


def quantize(
    model: str | PathLike[str],
    output: str | PathLike[str],
    *,
    runtime: str = "onnx",
    mode: Mode | None = None,
    eval_data: Any = None,
    max_drop: float | None = None,
    texts: Any = None,
    calibration: Any = None,
    overwrite: bool = False,
    card: AnyCard = None,
    **changes: Any,
) -> Quantized:
    """Write a model in int8, or in float16, that loses at most `max_drop` points of its metric.

    The metric is that of `evaluate`, or Spearman's correlation of cosines for an encoder. If it
    does not hold with all layers quantized, those that change the outputs most stay in float32.

    Args:
        model: a checkpoint of any head, which is exported first, or an exported model.
        output: a new or empty folder, for the model (`onnx/model_quantized.onnx`,
            `openvino/openvino_model.xml` and `.bin`), config, tokenizer, settings, `export.json`,
            `report.json`, and a plot if matplotlib is installed.
        runtime: a key of `distilbert.quantizing.targets.TARGETS`: "onnx", "openvino".
        mode: of int8. "dynamic", the default, finds the range of activations at each call;
            "static" once, on `calibration`.
        eval_data: labelled rows, as `data` of `evaluate`; for an encoder pairs of texts with their
            similarity.
        max_drop: points, percent of the scale of the metric; 0.5 by default. For a loss, by how
            many percent it may grow.
        texts: on which agreement with float32 is measured; by default those of `eval_data`. Without
            `eval_data` no metric is checked.
        calibration: texts for the ranges, as `texts`; not those of `eval_data`.
        overwrite: replace an earlier quantized model in `output`.
        card, changes: as for `evaluate`; also the fields of `distilbert.quantizing.plan.Plan`,
            such as `dtype` ("int8", "float16" or "bfloat16"), `head`, `pooling`, `normalize` and
            `framework` as for `export`, and `num_threads`.

    Raises:
        DataError: rows or texts break rules, or calibration texts have only unknown tokens.
        InputError: an option breaks a rule, or the model is quantized already.
        QuantizationError: the metric does not hold; nothing was written.
        Others as `export`.
    """
    plan = take_plan(changes, runtime=runtime, mode=mode, max_drop=max_drop)
    _check_data(plan, eval_data, max_drop, texts, calibration)
    loading = take_load_options(changes)
    given = {"eval": eval_data, "texts": texts, "calibration": calibration}
    files = [one for data in given.values() if names_sources(data) for one in sources_of(data)]
    check_output(Path(output), QUANTIZED, overwrite=overwrite, sources=[model, *files])
    return _quantize(model, Path(output), plan, loading, given, card=card, changes=changes)


def _quantize(
    model: str | PathLike[str],
    output: Path,
    plan: Plan,
    loading: LoadOptions,
    given: dict[str, Any],
    *,
    card: AnyCard,
    changes: dict[str, Any],
) -> Quantized:
    exporting = {name: changes.pop(name, None) for name in ("pooling", "normalize", "framework")}
    head, batch_tokens = changes.pop("head", None), changes.pop("batch_tokens", None)
    wanted = Wanted(model=model, head=head, loading=loading, export_options=exporting)
    reading = with_changes(RunCard() if card is None else as_card(card, {}), changes).data
    with tempfile.TemporaryDirectory() as place:
        job = TARGETS[plan.runtime].open_job(wanted, plan, Path(place))
        opened, metric, sequences = job.model, None, []
        if given["eval"] is not None:
            options: dict[str, Any] = {"card": card, "changes": changes}
            options |= {"pooling": job.source.pooling, "batch_tokens": batch_tokens}
            metric = read_metric(opened, given["eval"], **options)
            sequences = metric.sequences
        if given["texts"] is not None:
            sequences = first_windows(opened, read_texts(given["texts"], "texts", reading))
        if given["calibration"] is not None:
            calibrated = read_texts(given["calibration"], "calibration", reading)
            job.calibrate(first_windows(opened, calibrated))
        done = write_quantized(job, output, metric, sequences)
        opened.runner.close()
        return done


def _check_data(
    plan: Plan, eval_data: Any, max_drop: float | None, texts: Any, calibration: Any
) -> None:
    for package in TARGETS[plan.runtime].packages:
        require(package, f"quantize for {plan.runtime}")
    if eval_data is None and texts is None:
        raise InputError(
            "`eval_data` must be given, labelled rows on which the metric must hold: got none. To "
            "quantize without checking a metric, give `texts` on which agreement is measured."
        )
    if eval_data is None and max_drop is not None:
        raise InputError("`max_drop` needs `eval_data`: without it no metric is checked.")
    if plan.mode == "static" and calibration is None:
        raise InputError(
            "`calibration` must be given with the mode 'static': texts on which the ranges of "
            "activations are measured. Got none."
        )
    if plan.mode != "static" and calibration is not None:
        raise InputError(
            f"`calibration` is only for the mode 'static': got it with "
            f"{plan.mode or plan.dtype!r}. Leave it out."
        )
