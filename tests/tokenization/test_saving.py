"""What is saved loads again with the same behaviour, in both classes."""

from __future__ import annotations

import json

import pytest
from tokenizers import AddedToken

from distilbert.errors import CheckpointError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer

CLASSES = [DistilBertTokenizer, DistilBertTokenizerFast]


@pytest.mark.parametrize("loader", CLASSES)
def test_both_classes_read_what_either_writes(loader, tokenizer, uncased, tmp_path):
    mask = AddedToken("[MASK]", lstrip=True)
    tokenizer = type(tokenizer).from_pretrained(uncased, mask_token=mask)
    tokenizer.add_tokens("newtok")
    tokenizer.add_special_tokens({"additional_special_tokens": ["[unused0]"]})
    tokenizer.padding_side = "left"
    tokenizer.model_input_names = ["input_ids"]
    tokenizer.save_pretrained(tmp_path)
    again = loader.from_pretrained(tmp_path)
    text = "a newtoks [MASK] b [unused0]"
    assert again(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert again.padding_side == "left"
    assert list(again("a")) == ["input_ids"]
    assert again.model_max_length == 512
    assert again.additional_special_tokens == ["[unused0]"]
    assert again.added_tokens_decoder[7].lstrip


def test_the_config_names_the_slow_class_and_keeps_unknown_options(tokenizer, uncased, tmp_path):
    tokenizer = type(tokenizer).from_pretrained(uncased, our_option=3)
    paths = tokenizer.save_pretrained(tmp_path / "new" / "folder")
    assert all(str(tmp_path / "new" / "folder") in path for path in paths)
    config = json.loads((tmp_path / "new" / "folder" / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "DistilBertTokenizer"
    assert config["our_option"] == 3
    assert config["added_tokens_decoder"]["7"]["content"] == "[MASK]"


def test_added_tokens_have_a_file_of_their_own_only_when_there_are_some(tokenizer, tmp_path):
    tokenizer.add_tokens("newtok")
    tokenizer.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "added_tokens.json").read_text()) == {"newtok": 205}
    type(tokenizer).from_pretrained(tmp_path / "vocab.txt").save_pretrained(tmp_path)
    assert not (tmp_path / "added_tokens.json").exists()


def test_files_of_the_model_beside_stay(tokenizer, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    tokenizer.save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_text() == "{}"


def test_a_prefix_goes_before_every_name(tokenizer, uncased, tmp_path):
    paths = tokenizer.save_pretrained(tmp_path, filename_prefix="my")
    assert (tmp_path / "my-vocab.txt").read_bytes() == (uncased / "vocab.txt").read_bytes()
    assert sorted(paths) == sorted(str(path) for path in tmp_path.iterdir())


def test_the_vocabulary_alone_needs_a_folder(tokenizer, uncased, tmp_path):
    (path,) = tokenizer.save_vocabulary(tmp_path)
    assert path == str(tmp_path / "vocab.txt")
    assert (tmp_path / "vocab.txt").read_bytes() == (uncased / "vocab.txt").read_bytes()
    with pytest.raises(CheckpointError, match="`save_directory` must be an existing folder"):
        tokenizer.save_vocabulary(tmp_path / "nowhere")
