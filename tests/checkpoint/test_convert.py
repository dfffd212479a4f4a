"""`convert`: the Python side of `distilbert convert`."""

from __future__ import annotations

import json

import pytest

from distilbert.checkpoint.convert import convert
from distilbert.checkpoint.folder import open_checkpoint, save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.spec import parameter_spec
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError

CONFIG = DistilBertConfig(vocab_size=99, dim=32, n_heads=4, n_layers=2, hidden_dim=48)


def test_a_head_can_be_left_behind_and_the_note_says_so(tmp_path):
    weights = initial_weights(CONFIG, "token_classification", 0)
    save_checkpoint(tmp_path / "from", weights, CONFIG, head="token_classification")
    done = convert(tmp_path / "from", tmp_path / "to", head="base", max_shard_size="20KB")
    assert done.notes == ["Not carried over: classifier.bias, classifier.weight."]
    assert not done.from_bert
    assert done.describe().startswith("DistilBertModel rewritten, 2 layers of width 32, in model-0")
    assert set(open_checkpoint(tmp_path / "to")) == {
        parameter.name for parameter in parameter_spec(CONFIG, "base")
    }


def test_files_in_subfolders_are_listed_with_their_folder(tmp_path):
    weights = initial_weights(CONFIG, "base", 0)
    pooling = {"1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}'}
    save_checkpoint(tmp_path / "from", weights, CONFIG, head="base", extra_files=pooling)
    modules = [{"path": "", "type": "m.Transformer"}, {"path": "1_Pooling", "type": "m.Pooling"}]
    (tmp_path / "from" / "modules.json").write_text(json.dumps(modules))
    described = convert(tmp_path / "from", tmp_path / "to").describe()
    assert "1_Pooling/config.json" in described
    assert described.count(" config.json") == 1


def test_what_fine_tuning_remembers_goes_along_with_its_head(tmp_path):
    weights = initial_weights(CONFIG, "token_classification", 0)
    save_checkpoint(tmp_path / "from", weights, CONFIG, head="token_classification")
    text = json.dumps({"head": "token_classification", "max_length": 17})
    (tmp_path / "from" / "task.json").write_text(text)
    convert(tmp_path / "from", tmp_path / "h5", format="h5")
    assert (tmp_path / "h5" / "task.json").read_text() == text
    convert(tmp_path / "from", tmp_path / "base", head="base")
    assert not (tmp_path / "base" / "task.json").exists()


def test_a_head_that_is_not_there_is_refused_with_the_verdict(tmp_path):
    save_checkpoint(tmp_path / "from", initial_weights(CONFIG, "base", 0), CONFIG, head="base")
    with pytest.raises(CheckpointError, match="The head is newly initialized: qa_outputs"):
        convert(tmp_path / "from", tmp_path / "to", head="question_answering")
    with pytest.raises(InputError, match="are for BERT checkpoints"):
        convert(tmp_path / "from", tmp_path / "to", layers=[0])
