"""`runtime="fastest"` opens what was measured and stored, and says what to do where it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from exports import tiny_source

from distilbert import DistilBertConfig, evaluate, export, pipeline
from distilbert.checkpoint.hub import EMBEDDED_FOLDER
from distilbert.errors import DataError, InputError
from distilbert.fastest import Ranked, store, with_fastest
from distilbert.load_options import LoadOptions

TORCH, HALF = Ranked("torch", "float32", True, 10), Ranked("torch", "bfloat16", False, 20)
ONNX = Ranked("onnx", "float32", True, 30)
HEAD = "sequence_classification"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("DISTILBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_source(tmp_path_factory.mktemp("fastest") / "m", HEAD)


@pytest.fixture(scope="module")
def exported(source: Path) -> Path:
    return export(source, source.parent / "m-onnx", to="onnx").folder


def stored(folder: Path, *ranking: Ranked, threads: int | None = None, head: str = HEAD) -> Path:
    config = DistilBertConfig.from_pretrained(folder)
    return store(folder, config, head, threads, ranking)


def opened(model: Path, **options: Any) -> Any:
    return pipeline("text-classification", model, runtime="fastest", **options)


def test_without_a_measurement_the_error_names_the_command(source: Path, exported: Path) -> None:
    message = f"Measure it first: distilbert benchmark {source} --head {HEAD} --num-threads 2"
    with pytest.raises(InputError, match=message):
        opened(source, num_threads=2)
    with pytest.raises(InputError, match=f"distilbert benchmark {exported}"):
        opened(exported)
    stored(source, TORCH, threads=1)  # of another number of threads
    with pytest.raises(InputError, match="Measure it first"):
        opened(source)


def test_a_checkpoint_is_run_by_the_framework_that_is_first(source: Path, cache: Path) -> None:
    path = stored(source, HALF, TORCH, ONNX)
    assert path.parent == cache / "fastest"
    pipe = opened(source)
    assert type(pipe.runner).__name__ == "TorchRunner"  # the first with the answers of float32
    assert opened(source, dtype="float32")("the cat") == pipe("the cat")
    assert str(opened(source, dtype="bfloat16").model.dtype) == "torch.bfloat16"
    assert pipeline(model=source, runtime="fastest")("the cat") == pipe("the cat")
    with pytest.raises(InputError, match="a measurement in float16: those of this model are of"):
        opened(source, dtype="float16")


def test_another_model_of_the_same_shape_shares_the_answer(source: Path, tmp_path: Path) -> None:
    stored(source, TORCH)
    assert opened(tiny_source(tmp_path / "same", HEAD))("the cat")
    with pytest.raises(InputError, match="Measure it first"):
        opened(tiny_source(tmp_path / "deeper", HEAD, n_layers=3))


def test_where_a_file_is_fastest_the_error_says_how_to_write_it(
    source: Path, exported: Path
) -> None:
    stored(source, ONNX, TORCH)
    with pytest.raises(InputError, match=f"distilbert export {source} OUTPUT --to onnx --head"):
        opened(source)
    pipe = opened(exported)  # what the command has written
    assert type(pipe.runner).__name__ == "FileRunner"
    file = exported / "onnx" / "model.onnx"
    assert opened(file, tokenizer=exported)("the cat") == pipe("the cat")


def test_an_exported_model_is_not_run_by_what_it_has_no_files_for(
    source: Path, exported: Path
) -> None:
    stored(source, TORCH, ONNX)
    with pytest.raises(InputError, match="Take the checkpoint that it was exported from, or pass"):
        opened(exported)
    stored(source, Ranked("openvino", "float32", True, 40))
    with pytest.raises(InputError, match="to export it with `--to openvino`, or pass `runtime='on"):
        opened(exported)
    stored(exported, ONNX)  # a measurement of the folder itself comes first
    assert opened(exported)("the cat")


def test_evaluation_opens_the_fastest_too(source: Path) -> None:
    rows = [{"text": "the cat", "label": "LABEL_0"}, {"text": "a dog", "label": "LABEL_1"}]
    stored(source, TORCH)
    assert evaluate(source, rows, runtime="fastest").n_examples == 2


def test_a_framework_and_a_damaged_file_are_errors(source: Path) -> None:
    with pytest.raises(InputError, match="`framework` must be left out with `runtime='fastest'`"):
        opened(source, framework="torch")
    path = stored(source, TORCH)
    row = {"name": "torch", "dtype": "float32", "is_exact": True, "texts_per_second": 1.0}
    rankings: list[Any] = [[], None, 5, [5], [{"name": "torch"}], [{**row, "name": "abacus"}]]
    for text in ("{", "[]", "{}", *(json.dumps({"ranking": one}) for one in rankings)):
        path.write_text(text)
        with pytest.raises(DataError, match=f"must have a ranking .*: {path} has none. Delete it"):
            opened(source)
    path.write_bytes(b"\xff")
    with pytest.raises(DataError, match="Delete it and measure again"):
        opened(source)


def test_the_variable_is_the_number_of_threads_where_none_is_given(
    source: Path, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    stored(source, TORCH, threads=1)
    assert opened(source)("the cat") == opened(source, num_threads=1)("the cat")
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert opened(source, num_threads=1).runner.num_threads == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    stored(source, ONNX)
    options = with_fastest(exported, None, LoadOptions(runtime="fastest"), head=HEAD)[1]
    assert (options.runtime, options.num_threads) == ("onnx", 1)


def test_the_embedded_model_is_a_checkpoint() -> None:
    stored(EMBEDDED_FOLDER, ONNX, head="base")
    with pytest.raises(InputError, match="distilbert export embedded OUTPUT --to onnx"):
        pipeline("sentence-embedding", "embedded", runtime="fastest")
