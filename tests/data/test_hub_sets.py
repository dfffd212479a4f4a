"""Data sets of the hub become rows with the names of their labels."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from distilbert.data.hub_sets import read_hub_set
from distilbert.data.rows import Row
from distilbert.errors import DataError, MissingDependencyError

NAMED = SimpleNamespace(names=["neg", "pos"])
FEATURES = {
    "text": SimpleNamespace(dtype="string"),
    "label": NAMED,
    "tags": SimpleNamespace(feature=NAMED),
    "answers": {"text": None},
}


@dataclass(frozen=True)
class FakeSet:
    features: dict[str, Any]
    rows: list[dict[str, Any]]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the fake package `datasets` was asked for."""
    calls: list[tuple[Any, ...]] = []

    def load_dataset(path: str, name: str | None, *, split: str) -> FakeSet:
        calls.append((path, name, split))
        if path == "no/such":
            raise FileNotFoundError("404")
        return FakeSet(
            FEATURES,
            [
                {"text": "a", "label": 1, "tags": [0, 1], "answers": {"text": ["x"]}},
                {"text": "b", "label": -1, "tags": None, "answers": {"text": []}},
            ],
        )

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return calls


@pytest.mark.parametrize(
    ("source", "call"),
    [
        ("hub:owner/name:train", ("owner/name", None, "train")),
        ("hub:owner/name/config:test[:10]", ("owner/name", "config", "test[:10]")),
        ("hub:name:validation", ("name", None, "validation")),
    ],
)
def test_a_source_names_set_config_and_split(
    asked: list[tuple[Any, ...]], source: str, call: tuple[Any, ...]
) -> None:
    list(read_hub_set(source))
    assert asked == [call]


@pytest.mark.usefixtures("asked")
def test_numbers_of_labels_become_names() -> None:
    source = "hub:owner/name:train"
    assert list(read_hub_set(source)) == [
        Row(
            {"text": "a", "label": "pos", "tags": ["neg", "pos"], "answers": {"text": ["x"]}},
            f"{source} row 1",
        ),
        Row({"text": "b", "label": -1, "tags": None, "answers": {"text": []}}, f"{source} row 2"),
    ]


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("source", ["hub:owner/name", "hub::train", "hub:a/b/c/d:x", "hub:a//b:x"])
def test_another_form_of_source_is_reported(source: str) -> None:
    with pytest.raises(DataError, match=r"must look like hub:owner/name\[/config\]:split: got"):
        read_hub_set(source)


@pytest.mark.usefixtures("asked")
def test_what_the_hub_does_not_have_is_reported() -> None:
    with pytest.raises(DataError, match="hub:no/such:train must be a data set of the hub: 404"):
        read_hub_set("hub:no/such:train")


def test_without_datasets_the_command_that_installs_it_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingDependencyError, match=r"data sets of the hub.*: pip install"):
        read_hub_set("hub:a/b:train")


def test_datasets_itself_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    label = datasets.ClassLabel(names=["neg", "pos"])
    features = {
        "text": datasets.Value("string"),
        "label": label,
        "tags": datasets.Sequence(label),
        "answers": datasets.Sequence({"text": datasets.Value("string")}),
    }
    held = datasets.Dataset.from_dict(
        {
            "text": ["a", "b"],
            "label": [1, 0],
            "tags": [[0, 1], []],
            "answers": [{"text": ["x"]}, {"text": []}],
        },
        features=datasets.Features(features),
    )
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, split: held)
    assert [row.values for row in read_hub_set("hub:a/b:train")] == [
        {"text": "a", "label": "pos", "tags": ["neg", "pos"], "answers": {"text": ["x"]}},
        {"text": "b", "label": "neg", "tags": [], "answers": {"text": []}},
    ]
