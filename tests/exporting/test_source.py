"""What an export reads, and what it refuses to read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from exports import tiny_source

from distilbert.checkpoint import format_safetensors
from distilbert.checkpoint.sentence_modules import read_embedding_options
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.exporting.source import ExportSource, read_export_source
from distilbert.opening import find_model
from distilbert.task_file import TASK_FILE


def read(
    folder: Path,
    *,
    head: str | None = None,
    pooling: str | None = None,
    normalize: bool | None = None,
) -> ExportSource:
    return read_export_source(find_model(folder), head=head, pooling=pooling, normalize=normalize)


def test_the_head_is_that_of_the_checkpoint_or_the_encoder_inside(tmp_path: Path) -> None:
    folder = tiny_source(tmp_path, "masked_lm")
    source = read(folder)
    assert source.head == "masked_lm"
    assert "vocab_projector.weight" not in source.arrays  # tied
    assert read(folder, head="base").head == "base"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"head": "token_classification"}, CheckpointError, "The head is newly initialized"),
        ({"head": "lm"}, InputError, "`head` must be one of base"),
        ({"pooling": "mean"}, InputError, "`pooling` and `normalize` are for encoders"),
        ({"head": "base", "pooling": "sum"}, InputError, "`pooling` must be one of mean"),
        ({"head": "base", "normalize": True}, InputError, "`normalize` needs `pooling`"),
    ],
)
def test_what_the_checkpoint_does_not_have_is_refused(tmp_path, options, error, text) -> None:
    with pytest.raises(error, match=text):
        read(tiny_source(tmp_path, "masked_lm"), **options)


def test_a_bert_is_to_be_converted_first(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match=r"is a BERT. Convert it first: distilbert convert"):
        read(tmp_path)


def test_a_sinusoid_table_that_a_file_leaves_out_is_computed(tmp_path: Path) -> None:
    folder = tiny_source(tmp_path, "base", sinusoidal_pos_embds=True)
    stored, metadata = format_safetensors.read(folder / "model.safetensors")
    table = np.array(stored[POSITION_EMBEDDINGS])
    rest = {name: np.array(array) for name, array in stored.items() if name != POSITION_EMBEDDINGS}
    format_safetensors.write(folder / "model.safetensors", rest, metadata)
    np.testing.assert_array_equal(read(folder).arrays[POSITION_EMBEDDINGS], table)


def test_an_incomplete_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = tiny_source(tmp_path, "base")
    stored, metadata = format_safetensors.read(folder / "model.safetensors")
    rest = {name: np.array(array) for name, array in stored.items() if "lin2" not in name}
    format_safetensors.write(folder / "model.safetensors", rest, metadata)
    with pytest.raises(CheckpointError, match="needs every weight of DistilBertModel"):
        read(folder)


def test_settings_of_task_and_data_come_along(tmp_path: Path) -> None:
    folder = tiny_source(tmp_path / "m", "sequence_classification")
    (folder / TASK_FILE).write_text('{"head": "sequence_classification", "max_length": 32}')
    (folder / "card.toml").write_text("seed = 3\n")
    (tmp_path / "out").mkdir()
    read(folder).write_settings(tmp_path / "out")
    assert (tmp_path / "out" / TASK_FILE).read_text() == (folder / TASK_FILE).read_text()
    assert (tmp_path / "out" / "card.toml").is_file()
    assert (tmp_path / "out" / "tokenizer.json").is_file()  # the source has only vocab.txt
    config = DistilBertConfig.from_pretrained(tmp_path / "out")
    assert config.architectures == ["DistilBertForSequenceClassification"]
    (tmp_path / "encoder").mkdir()
    read(folder, head="base").write_settings(tmp_path / "encoder")
    assert not (tmp_path / "encoder" / TASK_FILE).exists()
    assert not (tmp_path / "encoder" / "card.toml").exists()


def test_pooling_that_is_asked_for_is_stored_as_a_sentence_encoder_does(tmp_path: Path) -> None:
    folder = tiny_source(tmp_path / "m", "base")
    assert (read(folder).pooling, read(folder).normalize) == (None, False)
    (tmp_path / "out").mkdir()
    read(folder, pooling="cls", normalize=True).write_settings(tmp_path / "out")
    assert read_embedding_options(tmp_path / "out", 64) == {"pooling": "cls", "normalize": True}
    kinds = [one["type"] for one in json.loads((tmp_path / "out" / "modules.json").read_text())]
    assert [kind.rpartition(".")[2] for kind in kinds] == ["Transformer", "Pooling", "Normalize"]
