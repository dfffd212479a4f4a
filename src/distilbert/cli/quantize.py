"""`distilbert quantize`: a smaller model that keeps its metric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.card_options import card_options
from distilbert.cli.evaluate import TRAINING
from distilbert.cli.outputs import json_line
from distilbert.heads import HEADS


@dataclass(frozen=True)
class Gate:
    """What must hold, and on which rows and texts, as the arguments of `distilbert.quantize`."""

    eval_data: Annotated[
        str | None,
        typer.Option(
            "--eval",
            help="Labelled rows on which the metric must hold: a file, or "
            "hub:owner/name\\[/config]:split; for an encoder pairs with their similarity.",
        ),
    ] = None
    max_drop: Annotated[
        float | None, typer.Option(help="Points that the metric may lose; by default 0.5.")
    ] = None
    texts: Annotated[
        list[str] | None,
        typer.Option(
            help="Texts on which agreement with float32 is measured; without --eval no metric is "
            "checked. A file or data set; repeatable."
        ),
    ] = None
    repair: Annotated[
        bool,
        typer.Option(help="Keep the most sensitive layers in float32 if the metric needs it."),
    ] = True


@dataclass(frozen=True)
class Method:
    """How the model is quantized, as the arguments of `distilbert.quantize`."""

    runtime: Annotated[
        str,
        typer.Option(
            help="What will run it: onnx, openvino or torch (static int8 of a checkpoint).",
            autocompletion=options.words("onnx", "openvino", "torch"),
        ),
    ] = "onnx"
    dtype: Annotated[
        str,
        typer.Option(
            help="Of the weights: int8, or float16 or bfloat16, which halve the size only.",
            autocompletion=options.words("int8", "float16", "bfloat16"),
        ),
    ] = "int8"
    mode: Annotated[
        str | None,
        typer.Option(
            help="Of int8. dynamic (the default, not for torch): ranges of activations at each "
            "call; static: those of --calibration.",
            autocompletion=options.words("dynamic", "static"),
        ),
    ] = None
    calibration: Annotated[
        list[str] | None,
        typer.Option(help="Texts for static ranges: a file or data set; repeatable."),
    ] = None
    ranges: Annotated[
        str,
        typer.Option(
            help="Static ranges: minmax (all values) or percentile (all but 0.01 % at each end).",
            autocompletion=options.words("minmax", "percentile"),
        ),
    ] = "minmax"
    smooth: Annotated[
        bool | None,
        typer.Option(
            help="Move large channels of what static layers multiply into the weights, the default "
            "but for torch."
        ),
    ] = None
    bits: Annotated[
        int, typer.Option(help="Of the weights: 8, or 7 for x86 processors without VNNI.")
    ] = 8
    num_threads: Annotated[
        int | None, typer.Option(help="Threads that compute a batch; by default one per core.")
    ] = None
    batch_tokens: Annotated[
        int | None, typer.Option(help="Padded tokens per batch of the evaluation.", min=1)
    ] = None


@dataclass(frozen=True)
class Exporting:
    """How a checkpoint is exported first, as the arguments of `distilbert.export`."""

    head: Annotated[
        str | None,
        typer.Option(
            help="Head of a checkpoint: base, masked_lm, ...; by default its own.",
            autocompletion=options.words(*HEADS),
        ),
    ] = None
    pooling: Annotated[
        str | None,
        typer.Option(
            help="Vectors of a checkpoint's texts: mean, cls or max; by default its own.",
            autocompletion=options.words("mean", "cls", "max"),
        ),
    ] = None
    normalize: Annotated[
        bool | None, typer.Option(help="Scale these vectors to length 1; by default as it says.")
    ] = None
    framework: Annotated[
        str | None,
        typer.Option(
            help="Checks the export of a checkpoint: torch, tensorflow or flax.",
            autocompletion=options.words("torch", "tensorflow", "flax"),
        ),
    ] = None


@options.command(extra=card_options(without=TRAINING, defaults=False))
def quantize(
    model: Annotated[str, typer.Argument(help=options.CHECKPOINT)],
    output: Annotated[str, typer.Argument(help="A new or empty folder.")],
    gate: Gate,
    method: Method,
    exporting: Exporting,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier quantized model in OUTPUT.")
    ] = False,
    as_json: options.AsJson = False,
    *,
    hub: options.HubOptions,
    **fields: Any,
) -> None:
    """Store a model in int8, a quarter of its size, [dim]and check that its metric holds.[/dim]

    Where the metric drops by more than --max-drop, the most sensitive layers stay in float32. Every
    command opens the folder: predict, embed, evaluate and info, without a framework.

    [bold]Examples[/bold]

      distilbert quantize ./my-model ./my-model-int8 --eval dev.csv --max-drop 0.5

      distilbert quantize ./my-model ./int8 --eval dev.csv --mode static --calibration texts.txt

      distilbert quantize ./my-model ./my-model-int8 --eval dev.csv --runtime openvino

      distilbert quantize ./my-model ./int8 --eval dev.csv --runtime torch --calibration texts.txt

      distilbert quantize ./my-encoder ./encoder-float16 --texts texts.txt --dtype float16
    """
    from distilbert.quantizing.quantize import quantize as quantized

    fields.pop("task", None)  # that of the model's head
    given = {**vars(gate), **vars(method), **vars(exporting), **hub.given(), **fields}
    given = options.without_none(**given)
    done = quantized(model, output, overwrite=overwrite, **given)
    if as_json:
        print(json_line({"output": output, **done.report()}))
    else:
        print(done.table(), end="")
        print(f"{output}: {done.describe()}")
