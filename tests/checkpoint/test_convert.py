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


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_weights_can_be_stored_in_another_type(tmp_path, dtype):
    weights = initial_weights(CONFIG, "base", 0)
    save_checkpoint(tmp_path / "from", weights, CONFIG, head="base")
    convert(tmp_path / "from", tmp_path / "to", dtype=dtype)
    assert {array.dtype.name for array in open_checkpoint(tmp_path / "to").values()} == {dtype}
    assert DistilBertConfig.from_pretrained(tmp_path / "to").dtype_name == dtype


def test_int8_takes_a_quarter_and_comes_back_as_float32(tmp_path):
    weights = initial_weights(CONFIG, "masked_lm", 0)
    save_checkpoint(tmp_path / "from", weights, CONFIG, head="masked_lm")
    (small,) = (
        p
        for p in convert(tmp_path / "from", tmp_path / "8", dtype="int8").files
        if "model" in p.name
    )
    whole = tmp_path / "from" / "model.safetensors"
    assert small.stat().st_size < 0.35 * whole.stat().st_size
    read = open_checkpoint(tmp_path / "8")
    assert read.quantization == "int8-rows"
    convert(tmp_path / "8", tmp_path / "back")
    assert open_checkpoint(tmp_path / "back").quantization is None
    for name, array in open_checkpoint(tmp_path / "back").items():
        assert array.dtype == "float32"
        assert abs(array - weights[name]).max() <= abs(weights[name]).max() / 250


def test_shards_can_be_in_int8(tmp_path):
    weights = initial_weights(CONFIG, "base", 0)
    save_checkpoint(tmp_path / "one", weights, CONFIG, head="base", dtype="int8")
    save_checkpoint(
        tmp_path / "more", weights, CONFIG, head="base", dtype="int8", max_shard_size="20KB"
    )
    one, more = open_checkpoint(tmp_path / "one"), open_checkpoint(tmp_path / "more")
    assert len(more.files) > 1
    assert all((one[name] == more[name]).all() for name in weights)


def test_types_that_cannot_hold_the_weights_are_refused(tmp_path):
    weights = initial_weights(CONFIG, "base", 0)
    weights["embeddings.LayerNorm.weight"][3] = 1e6
    save_checkpoint(tmp_path / "from", weights, CONFIG, head="base")
    with pytest.raises(
        CheckpointError, match=r"LayerNorm.weight` are too large for float16\. Use bfloat16"
    ):
        convert(tmp_path / "from", tmp_path / "to", dtype="float16")
    with pytest.raises(InputError, match=r"`dtype` must be one of float32, .*int8: got 'int4'"):
        convert(tmp_path / "from", tmp_path / "to", dtype="int4")
    with pytest.raises(
        InputError, match="`dtype` 'int8' needs the format 'safetensors': got 'bin'"
    ):
        convert(tmp_path / "from", tmp_path / "to", dtype="int8", format="bin")
    assert not (tmp_path / "to").exists()
