"""What an export reads: the complete weights of a checkpoint, its config and its small files."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from distilbert.checkpoint.bert import is_bert
from distilbert.checkpoint.bert_folder import CARRIED, carried_files
from distilbert.checkpoint.convert import task_file
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.int8_rows import ranges_in
from distilbert.checkpoint.loading import fill_missing
from distilbert.checkpoint.matching import infer_head, match_parameters
from distilbert.checkpoint.sentence_modules import read_embedding_options, sentence_files
from distilbert.config import DistilBertConfig
from distilbert.config_file import CONFIG_NAME
from distilbert.digests import files_digest
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS
from distilbert.opening import FoundModel, open_tokenizer
from distilbert.task_file import TASK_FILE
from distilbert.tasks.embedding import PoolingMode
from distilbert.training.run_folder import CARD_FILE

# Patterns of the names of what `write_settings` writes.
SETTINGS = (CONFIG_NAME, *CARRIED, TASK_FILE, CARD_FILE)


@dataclass(frozen=True, kw_only=True)
class ExportSource:
    """A checkpoint with one head.

    Attributes:
        arrays: every parameter by its canonical name, without tied ones.
        pooling, normalize: how a sentence encoder makes one vector of a text; None and False for
            any other model.
        sha256: of the files of the weights.
    """

    found: FoundModel
    head: str
    config: DistilBertConfig
    arrays: Mapping[str, np.ndarray]
    pooling: str | None
    normalize: bool
    sha256: str

    def write_settings(self, folder: Path) -> None:
        """Write all that an exported folder has next to the model: config, tokenizer, settings."""
        sentences = None if self.pooling is None else (self.pooling, self.normalize)
        write_settings(self.found.folder, folder, self.config, self.head, sentences=sentences)


def write_settings(
    source: Path,
    folder: Path,
    config: DistilBertConfig,
    head: str,
    *,
    sentences: tuple[str, bool] | None,
) -> None:
    """Write config, tokenizer and settings of the model in `source` into another folder.

    Args:
        sentences: for a sentence encoder, its pooling and whether its vectors are normalized.
    """
    config = copy.deepcopy(config)
    config.architectures = [HEADS[head].class_name]
    files = carried_files(source, config.max_position_embeddings)
    if sentences is not None:
        files |= sentence_files(*sentences, config.dim)
    task = task_file(source, head)
    if task and (source / CARD_FILE).is_file():  # remembers the columns of the data
        task[CARD_FILE] = (source / CARD_FILE).read_bytes()
    files |= {**task, CONFIG_NAME: config.to_json_string().encode()}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    open_tokenizer(folder).save_pretrained(folder)  # adds tokenizer.json where it is missing


def read_export_source(
    found: FoundModel, *, head: str | None, pooling: str | None, normalize: bool | None
) -> ExportSource:
    """Read a checkpoint completely.

    Args:
        head: by default that of the checkpoint.
        pooling, normalize: by default as the folder of a sentence encoder says.

    Raises:
        CheckpointError: weights are missing, damaged or of another head, or the source is a BERT.
        InputError: an exported or quantized model, an unknown head, or pooling for another head
            than base.
    """
    found.weights_framework()
    if ranges_in(found.folder, found.formats, found.options.variant):
        raise InputError(
            f"`model` must not be quantized: {found.name} is already. Use the model that it was "
            f"made from."
        )
    if is_bert(found.folder):
        raise CheckpointError(
            f"`export` takes a DistilBERT: {found.name} is a BERT. Convert it first: distilbert "
            f"convert {found.name} TARGET"
        )
    config = DistilBertConfig.from_pretrained(found.folder)
    options = found.options
    checkpoint = open_checkpoint(found.folder, formats=found.formats, variant=options.variant)
    head = head or infer_head(checkpoint, config)
    if head not in HEADS:
        raise InputError(f"`head` must be one of {', '.join(HEADS)}: got {head!r}.")
    config.check_buildable(head)
    matched, report = match_parameters(checkpoint, config, head)
    faults = [*report.encoder_faults(), *report.head_faults()]
    if faults:
        raise CheckpointError(
            f"`export` needs every weight of {HEADS[head].class_name}: {found.name} cannot be "
            f"exported. {' '.join(faults)}"
        )
    return ExportSource(
        found=found,
        head=head,
        config=config,
        # The positions of a sinusoid table are computed where a file leaves them out.
        arrays=fill_missing(matched, config, head, seed=lambda: 0),
        sha256=files_digest(checkpoint.files),
        **_sentence_settings(found, config, head, pooling, normalize),
    )


def _sentence_settings(
    found: FoundModel,
    config: DistilBertConfig,
    head: str,
    pooling: str | None,
    normalize: bool | None,
) -> dict[str, Any]:
    modes = get_args(PoolingMode)
    if pooling is not None and pooling not in modes:
        raise InputError(f"`pooling` must be one of {', '.join(modes)}: got {pooling!r}.")
    if head != "base":
        if pooling is not None or normalize:
            raise InputError(
                f"`pooling` and `normalize` are for encoders: got a model with the head {head!r}. "
                f"To export its encoder, pass `head='base'`."
            )
        return {"pooling": None, "normalize": False}
    stored = read_embedding_options(found.folder, config.max_position_embeddings)
    pooling = pooling or stored.get("pooling")
    if normalize and pooling is None:
        raise InputError("`normalize` needs `pooling`: the model is no sentence encoder.")
    scaled = stored.get("normalize", False) if normalize is None else normalize
    return {"pooling": pooling, "normalize": pooling is not None and scaled}
