"""Peers compute the same weights, and those that are missing are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from exports import tiny_source

from distilbert import export
from distilbert.benchmarking import peers as module
from distilbert.benchmarking.contenders import Subject, find_ways
from distilbert.benchmarking.peers import _groups, find_peers
from distilbert.exported import find_exported
from distilbert.load_options import LoadOptions
from distilbert.opening import find_model

TEXTS = ["the cat sat on the mat", "a dog", "paris is the capital of france"]


def subject_of(source: Path, head: str) -> Subject:
    found = find_model(source, options=LoadOptions())
    return Subject(name=str(source), head=head, found=found, options={}, num_threads=1)


def test_every_installed_peer_answers(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    source = tiny_source(tmp_path / "m", "token_classification")
    subject = subject_of(source, "token_classification")
    files = find_ways(subject, tmp_path, frameworks=False).files
    found, left_out = find_peers(subject, tmp_path, files, TEXTS, is_wide=True)
    names = [f"{one.name} {one.dtype}" for one in found]
    assert names[:4] == [
        "transformers, defaults float32",
        "transformers, batches of 32 float32",
        "transformers, defaults bfloat16",
        "transformers, batches of 32 bfloat16",
    ]
    assert "onnx alone, in order of arrival float32" in names
    assert "onnx alone, sorted float32" in names
    assert not any(one.startswith("transformers") for one in left_out)
    for one in found:
        assert one.pipe is None
        one.texts()
        assert one.batch(2, 8)() is not None
    narrow, _ = find_peers(subject, tmp_path / "2", files, TEXTS)
    assert all(one.dtype == "float32" and "sorted" not in one.name for one in narrow)


def test_missing_peers_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tiny_source(tmp_path / "m", "base")
    subject = subject_of(source, "base")
    monkeypatch.setattr(module, "is_available", lambda name: False)
    assert find_peers(subject, tmp_path, {}, TEXTS) == (
        [],
        [
            "transformers: it is not installed.",
            "onnx as a peer: there is no file for it.",
            "openvino as a peer: there is no file for it.",
        ],
    )
    answering = subject_of(source, "question_answering")
    assert "not question_answering" in find_peers(answering, tmp_path, {}, TEXTS)[1][0]


def test_an_exported_model_has_no_weights_for_transformers(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    folder = export(source, tmp_path / "m-onnx", to="onnx").folder
    exported = find_exported(folder)
    assert exported is not None
    found, left_out = find_peers(
        subject_of(folder, "base"), tmp_path, {"onnx": exported.file}, TEXTS
    )
    assert [one.name for one in found] == ["onnx alone, in order of arrival"]
    assert left_out[0].startswith("transformers: it needs a checkpoint")


def test_a_peer_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("another version")

    monkeypatch.setattr(module, "_transformers", broken)
    source = tiny_source(tmp_path / "m", "base")
    _, left_out = find_peers(subject_of(source, "base"), tmp_path, {}, TEXTS)
    assert left_out[0] == "transformers: RuntimeError: another version"


def test_batches_keep_the_order_of_arrival_or_are_sorted() -> None:
    assert [list(one) for one in _groups([3] * 40, is_sorted=False)] == [
        list(range(32)),
        list(range(32, 40)),
    ]
    assert [*_groups([2, 600, 500], is_sorted=True)] == [[1], [2, 0]]
