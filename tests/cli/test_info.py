"""`distilbert info`: facts about a checkpoint and about this environment."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import distilbert


def test_the_environment_is_named_with_what_is_missing(run, monkeypatch):
    monkeypatch.setattr("distilbert.cli.info.PACKAGES", ("numpy", "no-such-package"))
    found = json.loads(run("info", "--json").out)["environment"]
    assert found["distilbert"] == distilbert.__version__
    assert found["python"] == platform.python_version()
    assert found["no-such-package"] == "not installed"


def test_a_checkpoint_is_counted_without_building_it(run, checkpoint):
    ran = run("info", checkpoint("sequence_classification"), "--json")
    facts = json.loads(ran.out)["checkpoint"]
    assert facts["model"] == "DistilBertForSequenceClassification"
    assert facts["loads"] == "Complete: every parameter came from the checkpoint."
    assert facts["format"] == "safetensors (pt)"
    assert (facts["dtypes"], facts["quantization"]) == (["float32"], "none")
    # V=89: words + positions + norm; 2 blocks of D=32, F=48; two linear layers.
    vocabulary = facts["config"]["vocab_size"]
    embeddings = vocabulary * 32 + 64 * 32 + 2 * 32
    block = 4 * (32 * 32 + 32) + (32 * 48 + 48) + (48 * 32 + 32) + 4 * 32
    assert facts["embedding_parameters"] == embeddings
    assert facts["parameters"] == embeddings + 2 * block + (32 * 32 + 32) + (2 * 32 + 2)
    people = run("info", checkpoint("sequence_classification")).out
    assert "DistilBertForSequenceClassification" in people
    assert f"{facts['parameters']:,}" in people


def test_the_model_card_is_shown_without_its_front_matter(run, checkpoint):
    folder = Path(checkpoint("base"))
    (folder / "README.md").write_text("---\ntags: [x]\n---\n\n# A title\n\nMade by ---\nhand.\n")
    facts = json.loads(run("info", folder, "--json").out)["checkpoint"]
    assert facts["card"] == "# A title\n\nMade by ---\nhand.\n"
    people = run("info", folder).out
    assert "A title" in people
    assert "tags" not in people


def test_a_bert_is_sent_to_convert(run, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    ran = run("info", tmp_path)
    assert ran.code == 1
    assert "Convert it with: distilbert convert" in ran.err
