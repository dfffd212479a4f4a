"""`distilbert info`: what a checkpoint contains, and what is installed here."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import distilbert
from distilbert._lazy import RUNTIMES
from distilbert.cli import options
from distilbert.cli.outputs import json_line

# The packages that matter in a bug report, in the order of the extras.
PACKAGES = ("numpy", "tokenizers", "huggingface-hub", "torch", "h5py", "msgpack")
PACKAGES += ("tensorflow", "keras", "jax", "flax", "onnxruntime", "openvino", "onnx")


@options.command()
def info(
    model: Annotated[
        str | None, typer.Argument(help="A checkpoint; without one, only the environment.")
    ] = None,
    as_json: options.AsJson = False,
    *,
    hub: options.HubOptions,
) -> None:
    """Show parameters, size, config and card of a checkpoint, and the versions installed here.

    [bold]Examples[/bold]

      distilbert info

      distilbert info embedded

      distilbert info ./my-model --json
    """
    sections: dict[str, Any] = {"environment": environment()}
    if model is not None:
        sections = {"checkpoint": facts_of(model, **hub.given()), **sections}
    if as_json:
        print(json_line(sections))
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    card = sections.get("checkpoint", {}).pop("card", "")
    for title, facts in sections.items():
        table = Table(title=title, show_header=False, title_justify="left", box=None)
        table.add_column(style="bold")
        for name, value in facts.items():
            table.add_row(name.replace("_", " "), _readable(value))
        console.print(table)
    if card:
        from rich.markdown import Markdown

        console.print(Markdown(card))


def environment() -> dict[str, Any]:
    """Versions and machine, without importing any framework."""
    from distilbert.machine import package_version

    facts: dict[str, Any] = {
        "distilbert": distilbert.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count() or 0,
        "executable": sys.executable,
    }
    return facts | {name: package_version(name) or "not installed" for name in PACKAGES}


def facts_of(source: str, **hub: Any) -> dict[str, Any]:
    """Facts of a checkpoint, or of the exported model that a folder holds instead of weights."""
    from distilbert.exported import choose_exported
    from distilbert.load_options import take_load_options

    found = choose_exported(source, None, take_load_options(dict(hub)))
    return checkpoint_facts(source, **hub) if found is None else exported_facts(found)


def exported_facts(found: Any) -> dict[str, Any]:
    """Facts of an exported model, read from its files; no runtime is imported."""
    from distilbert.config import DistilBertConfig

    found.check_files()
    contents = importlib.import_module(RUNTIMES[found.runtime].contents).read_contents(found.file)
    files = [found.file, *(found.file.parent / name for name in sorted(contents.locations))]
    return {
        "source": str(found.file),
        "runtime": found.runtime,
        "opset": contents.opset,
        "operators": dict(sorted(contents.operators.items())),
        "file_bytes": sum(path.stat().st_size for path in files if path.is_file()),
        "manifest": dict(found.manifest) or "none: another program wrote the file",
        "config": DistilBertConfig.from_pretrained(found.folder).to_diff_dict(),
    }


def checkpoint_facts(source: str, **hub: Any) -> dict[str, Any]:
    """Facts read from the files; no model is built and no framework is imported."""
    from distilbert.checkpoint.bert import is_bert
    from distilbert.checkpoint.folder import open_checkpoint
    from distilbert.checkpoint.hub import resolve
    from distilbert.checkpoint.matching import infer_head, match_parameters
    from distilbert.checkpoint.sharding import WEIGHT_FILES
    from distilbert.checkpoint.spec import tied_parameters
    from distilbert.config import DistilBertConfig
    from distilbert.errors import CheckpointError
    from distilbert.heads import HEADS

    folder = resolve(source, want="weights", formats=tuple(WEIGHT_FILES), **hub)
    if is_bert(folder):
        raise CheckpointError(
            f"`info` shows DistilBERT checkpoints: {source} is a BERT checkpoint. "
            f"Convert it with: distilbert convert {source} TARGET"
        )
    checkpoint = open_checkpoint(folder, formats=tuple(WEIGHT_FILES))
    config = DistilBertConfig.from_pretrained(folder)
    head = infer_head(checkpoint, config)
    arrays, report = match_parameters(checkpoint, config, head)
    tied = tied_parameters(config, head)
    sizes = {name: array.size for name, array in arrays.items() if name not in tied}
    return {
        "source": source,
        "model": HEADS[head].class_name,
        "loads": report.verdict(),
        "format": f"{checkpoint.format} ({checkpoint.flavour})",
        "quantization": checkpoint.quantization or "none",
        "dtypes": sorted({str(array.dtype) for array in arrays.values()}),
        "file_bytes": sum(path.stat().st_size for path in checkpoint.files),
        "parameters": sum(sizes.values()),
        "embedding_parameters": sum(n for name, n in sizes.items() if "embeddings" in name),
        "missing": report.missing_keys,
        "unexpected": report.unexpected_keys,
        "config": config.to_diff_dict(),
        "card": _model_card(folder),
    }


def _model_card(folder: Path) -> str:
    """The text of the model card, without the fields for the hub before it."""
    path = folder / "README.md"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return re.sub(r"\A---\n.*?\n---\n+", "", text, flags=re.DOTALL)


def _readable(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return "\n".join(f"{name} = {inner}" for name, inner in sorted(value.items()))
    return str(value)
