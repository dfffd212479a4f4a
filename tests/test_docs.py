"""The Python in the documentation runs, page by page, on small checkpoints."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recorded import GOLDEN

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "frameworks").glob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HUB_NAME = re.compile(r"""(["'])distilbert-base-uncased\1""")


def run(text: str) -> dict[str, Any]:
    """Run every block of a page in one namespace, with a local folder for the hub's name."""
    folder = repr(str(GOLDEN / "doc" / "uncased"))
    variables: dict[str, Any] = {}
    for block in BLOCK.findall(text):
        exec(compile(HUB_NAME.sub(lambda _: folder, block), "page", "exec"), variables)
    return variables


def test_every_framework_has_its_page() -> None:
    assert [page.stem for page in PAGES] == ["flax", "tensorflow", "torch"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_of_a_framework_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    variables = run(page.read_text(encoding="utf-8"))
    assert tuple(variables["logits"].shape) == (2, 2)
    losses = variables["losses"] if "losses" in variables else variables["history"].history["loss"]
    assert all(0 < float(loss) < 10 for loss in losses)
    assert (tmp_path / "mine" / "config.json").is_file()


def test_the_page_of_tokenizers_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables = run((ROOT / "docs" / "tokenizers.md").read_text(encoding="utf-8"))
    assert variables["encoded"]["input_ids"].shape[0] == 2
    assert (tmp_path / "my-tokenizer" / "vocab.txt").is_file()


def test_the_page_of_inference_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables = run((ROOT / "docs" / "inference.md").read_text(encoding="utf-8"))
    np.testing.assert_allclose(variables["same"], variables["vectors"], atol=2e-5)


def test_the_page_of_fine_tuning_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    variables = run((ROOT / "docs" / "fine-tuning.md").read_text(encoding="utf-8"))
    assert variables["again"].n_examples == 16
    assert (tmp_path / "mine" / "report.html").is_file()


def test_the_readme_shows_three_frameworks_that_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Three frameworks")[2].partition("\n## ")[0]
    assert len(BLOCK.findall(section)) == 3
    monkeypatch.chdir(tmp_path)
    variables = run(section)
    rows = [np.ravel(variables[name]).tolist() for name in ("of_torch", "of_tensorflow", "of_flax")]
    assert len(rows[0]) == 2
    assert rows[1] == pytest.approx(rows[0], abs=2e-5)
    assert rows[2] == pytest.approx(rows[0], abs=2e-5)
