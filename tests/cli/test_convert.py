"""`distilbert convert`: BERT in, DistilBERT out; and every format from every other."""

from __future__ import annotations

import json

import numpy as np
import pytest

from distilbert.checkpoint.folder import open_checkpoint


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    import torch
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
    BertForMaskedLM(BertConfig(vocab_size=99, num_hidden_layers=4, **sizes)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"w{i}\n" for i in range(99)))
    return folder


def test_a_bert_becomes_a_distilbert_with_its_tokenizer(run, bert, tmp_path):
    ran = run("convert", bert, tmp_path / "out", "--layers", "0,3")
    assert ran.code == 0, ran.err
    assert "DistilBertForMaskedLM folded from BERT, 2 layers of width 32" in ran.out
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["model_type"], config["n_layers"]) == ("distilbert", 2)
    assert (tmp_path / "out" / "vocab.txt").read_bytes() == (bert / "vocab.txt").read_bytes()


@pytest.mark.parametrize("format_name", ["bin", "h5", "msgpack"])
def test_there_and_back_again_changes_no_bit(run, checkpoint, tmp_path, format_name):
    source = checkpoint("masked_lm")
    there = run("convert", source, tmp_path / "there", "--format", format_name, "--json")
    assert there.code == 0, there.err
    assert json.loads(there.out)["head"] == "masked_lm"
    assert run("convert", tmp_path / "there", tmp_path / "back").code == 0
    first, last = open_checkpoint(source), open_checkpoint(tmp_path / "back")
    assert first.keys() == last.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], last[name])
    assert (tmp_path / "back" / "vocab.txt").is_file()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--layers", "0,x"], "`--layers` must be layer numbers separated by commas: got '0,x'"),
        (["--layers", "0"], "`--layers` and `--segment` are for BERT checkpoints"),
        (["--format", "onnx"], "`--format` must be one of"),
        (["--head", "question_answering"], "must be complete"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(
    run, checkpoint, tmp_path, options, text
):
    ran = run("convert", checkpoint("masked_lm"), tmp_path / "out", *options)
    assert ran.code == 1
    assert text in ran.err
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_is_never_converted_onto_itself(run, checkpoint):
    ran = run("convert", checkpoint("base"), checkpoint("base"))
    assert ran.code == 1
    assert "`target` must not contain what is read" in ran.err


def test_a_conversion_is_replaced_on_request_but_nothing_else(run, checkpoint, tmp_path):
    out = tmp_path / "out"
    assert run("convert", checkpoint("base"), out).code == 0
    ran = run("convert", checkpoint("masked_lm"), out, "--format", "h5")
    assert "Replace a converted checkpoint with `--overwrite`" in ran.err
    assert run("convert", checkpoint("masked_lm"), out, "--format", "h5", "--overwrite").code == 0
    assert (out / "tf_model.h5").is_file()
    assert not (out / "model.safetensors").exists()
    (out / "README.md").touch()
    ran = run("convert", checkpoint("base"), out, "--overwrite")
    assert ran.code == 1
    assert "contains README.md. Choose another folder." in ran.err
