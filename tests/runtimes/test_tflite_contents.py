"""What TF-Lite files compute is known before TensorFlow opens them."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from exports import graph_runner, tiny_weights
from stand_ins import small_config

from distilbert.errors import CheckpointError
from distilbert.runtimes.tflite_contents import CUSTOM, NAMES, read_contents

CONFIG = small_config()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    graph_runner(tmp_path, CONFIG, "base", tiny_weights(CONFIG, "base"), runtime="tflite")
    return tmp_path / "tflite" / "model.tflite"


def test_names_are_those_of_tensorflow() -> None:
    schema = importlib.import_module("tensorflow.lite.python.schema_py_generated")
    for code, name in {**NAMES, CUSTOM: "CUSTOM"}.items():
        assert getattr(schema.BuiltinOperator, name) == code


def test_operators_are_counted(path: Path) -> None:
    found = read_contents(path)
    counts = [found.operators[name] for name in ("GELU", "SOFTMAX", "FULLY_CONNECTED", "GATHER")]
    assert counts == [2, 2, 12, 1]
    assert (found.opset, found.foreign, found.locations) == (3, set(), set())


def test_another_file_is_one_sentence(path: Path) -> None:
    content = path.read_bytes()
    for changed in (content[:4] + b"XXXX" + content[8:], content[:100], b"", content[:8]):
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match="damaged or another kind of file"):
            read_contents(path)
    path.unlink()
    with pytest.raises(CheckpointError, match="must be readable"):
        read_contents(path)
