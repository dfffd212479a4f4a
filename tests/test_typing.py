"""A type checker resolves the public names although they are imported lazily."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import distilbert

PROBE = """\
import distilbert
from distilbert import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertTokenizerFast,
)

config = DistilBertConfig(n_layers=2)
reveal_type(config.n_layers)  # int
reveal_type(DistilBertConfig.from_pretrained("folder"))  # DistilBertConfig
reveal_type(DistilBertForMaskedLM(config))  # DistilBertForMaskedLM
reveal_type(DistilBertForMaskedLM.from_pretrained("folder"))  # DistilBertForMaskedLM
reveal_type(distilbert.DistilBertTokenizerFast)  # type[DistilBertTokenizerFast]
reveal_type(DistilBertTokenizerFast("vocab.txt").pad_token)  # str
"""
MISTAKE = """\
import distilbert
from distilbert import DistilBertForMaskedML
distilbert.DistilBertForMaskedML
distilbert.DistilBertConfig(2.5)
"""


def check(folder: Path, code: str) -> list[dict]:
    """What pyright says about `code`, in order."""
    file = folder / "probe.py"
    file.write_text(code)
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    ran = subprocess.run([*command, file], cwd=folder, capture_output=True, text=True, timeout=100)
    return json.loads(ran.stdout)["generalDiagnostics"]


def test_the_package_is_marked_as_typed() -> None:
    assert (Path(distilbert.__file__).parent / "py.typed").is_file()


@pytest.mark.timeout(110)
def test_public_names_have_precise_types(tmp_path: Path) -> None:
    said = check(tmp_path, PROBE)
    assert [message["message"] for message in said if message["severity"] != "information"] == []
    types = [message["message"].rsplit("is ", 1)[1].strip('"') for message in said]
    expected = [line.split("# ")[1] for line in PROBE.splitlines() if "# " in line]
    for got, wanted in zip(types, expected, strict=True):
        assert got.startswith(wanted), f"{got} is not {wanted}"


@pytest.mark.timeout(110)
def test_a_misspelled_name_is_an_error(tmp_path: Path) -> None:
    """A module-level `__getattr__` that checkers can see would accept any name."""
    lines = {
        message["range"]["start"]["line"]
        for message in check(tmp_path, MISTAKE)
        if message["severity"] == "error"
    }
    assert lines == {1, 2, 3}
