"""Names for others: those of hubs and indexes stay, folders and hashes do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.training.public_names import hub_model, public_name


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("owner/name", "owner/name"),
        ("pypi:x==1#sha256=00", "pypi:x==1"),
        ("hub:owner/set:train", "hub:owner/set:train"),
        ("memory:DataFrame", "rows passed in Python (DataFrame)"),
        ("/home/me/texts.txt", "texts.txt"),
        ("embedded", "embedded"),
        (r"C:\me\model\\", "model"),
    ],
)
def test_folders_and_hashes_are_left_out(source: str, shown: str) -> None:
    assert public_name(source) == shown


def test_a_folder_is_no_name_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hub_model("owner/name") == "owner/name"
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert hub_model("owner/name") is None
    assert public_name("owner/name") == "name"


def test_the_embedded_model_is_no_name_of_the_hub() -> None:
    assert hub_model("embedded") is None
