"""`distilbert export`: a checkpoint as a file that other programs and runtimes read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from distilbert._lazy import RUNTIMES
from distilbert.cli import options
from distilbert.cli.outputs import json_line
from distilbert.heads import HEADS


@dataclass(frozen=True)
class FileOptions:
    """What is written, as the arguments of `distilbert.export`."""

    to: Annotated[
        str,
        typer.Option(
            "--to", help=f"One of {', '.join(RUNTIMES)}.", autocompletion=options.words(*RUNTIMES)
        ),
    ] = "onnx"
    head: Annotated[
        str | None,
        typer.Option(
            help="Head to export: base, masked_lm, ...; by default that of the checkpoint.",
            autocompletion=options.words(*HEADS),
        ),
    ] = None
    opset: Annotated[
        int | None, typer.Option(help="Version of the ONNX operators, 18 to 23; by default 20.")
    ] = None
    dtype: Annotated[
        str,
        typer.Option(
            help="Of the weights in the file, float32 or, in some kinds, float16; computation "
            "is in float32.",
            autocompletion=options.words("float32", "float16"),
        ),
    ] = "float32"
    pooling: Annotated[
        str | None,
        typer.Option(
            help="Add one vector per text to an encoder: mean, cls or max; by default as a "
            "sentence encoder says.",
            autocompletion=options.words("mean", "cls", "max"),
        ),
    ] = None
    normalize: Annotated[
        bool | None,
        typer.Option(help="Scale these vectors to length 1; by default as the checkpoint says."),
    ] = None
    external_data: Annotated[
        bool,
        typer.Option(
            "--external-data",
            help="Write the weights of ONNX to a second file; always done above 2 GB.",
        ),
    ] = False
    buckets: Annotated[
        str | None,
        typer.Option(
            help="Rows and tokens of batches, such as 1x32,8x128, for devices that need fixed "
            "sizes: one file for each."
        ),
    ] = None


@options.command()
def export(
    model: Annotated[str, typer.Argument(help=options.CHECKPOINT)],
    output: Annotated[str, typer.Argument(help="A new or empty folder.")],
    file: FileOptions,
    framework: Annotated[
        str | None,
        typer.Option(
            help="Runs the source for the comparison: torch, tensorflow or flax; by default the "
            "first that is installed.",
            autocompletion=options.words("torch", "tensorflow", "flax"),
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an earlier export in OUTPUT.")
    ] = False,
    as_json: options.AsJson = False,
    *,
    hub: options.HubOptions,
) -> None:
    """Export a model with any head; [dim]its answers to texts are compared with the source's.[/dim]

    Every command opens the folder: predict, embed, evaluate and info.

    [bold]Examples[/bold]

      distilbert export ./my-ner ./my-ner-onnx --to onnx

      distilbert export ./my-encoder ./encoder-onnx --pooling mean --normalize --dtype float16

      distilbert export ./my-ner ./my-ner-openvino --to openvino

      distilbert export ./my-ner ./my-ner-pt2 --to pt2

      distilbert export ./my-ner ./my-ner-tflite --to tflite --dtype float16

      distilbert export ./my-ner ./my-ner-static --to openvino --buckets 1x32,8x128

      distilbert predict ner -m ./my-ner-onnx "Ada lives in Paris."
    """
    from distilbert.exporting.export import export as export_checkpoint

    chosen = options.without_none(**vars(file), framework=framework)
    done = export_checkpoint(model, output, overwrite=overwrite, **chosen, **hub.given())
    if as_json:
        facts = {name: getattr(done, name) for name in ("head", "opset", "dtype", "outputs")}
        files = [str(path) for path in done.files]
        print(json_line({**facts, "files": files, **vars(done.agreement)}))
    else:
        print(f"{output}: {done.describe()}")
