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


@pytest.mark.parametrize("loader", CLASSES)
def test_added_tokens_match_alike_after_saving(loader, tokenizer, tmp_path):
    exact = AddedToken("Us", normalized=False)
    tokenizer.add_tokens(["COVID", exact, "Café"])
    text = "a covid Covid COVID us Us US cafe CAFÉ b"
    encoded = tokenizer(text, return_offsets_mapping=True)
    tokenizer.save_pretrained(tmp_path)
    again = loader.from_pretrained(tmp_path)
    assert again(text, return_offsets_mapping=True).data == encoded.data
    assert again.get_added_vocab() == tokenizer.get_added_vocab()
    assert encoded["input_ids"].count(205) == 3  # COVID in any case
    assert encoded["input_ids"].count(206) == 1  # only "Us" itself
    assert encoded["input_ids"].count(207) == 2  # with and without the accent


@pytest.mark.parametrize("saver", CLASSES)
@pytest.mark.parametrize("loader", CLASSES)
def test_ids_with_gaps_survive_every_load_and_save(saver, loader, uncased, tmp_path):
    (tmp_path / "vocab.txt").write_bytes((uncased / "vocab.txt").read_bytes())
    (tmp_path / "added_tokens.json").write_text('{"zzx": 300, "aab": 205}')
    tokenizer = saver.from_pretrained(tmp_path)
    assert tokenizer("a zzx aab")["input_ids"] == [5, 16, 300, 205, 6]
    assert (tokenizer.vocab_size, len(tokenizer)) == (205, 301)
    tokenizer.add_tokens("newtok")
    assert tokenizer.convert_tokens_to_ids("newtok") == 301
    tokenizer.save_pretrained(tmp_path / "saved")
    again = loader.from_pretrained(tmp_path / "saved")
    assert again("a zzx aab newtok")["input_ids"] == [5, 16, 300, 205, 301, 6]
    assert (again.vocab_size, len(again)) == (205, 302)
    assert again.decode([300, 205]) == "zzx aab"
    assert again.get_added_vocab() == tokenizer.get_added_vocab()


@pytest.mark.parametrize("cls", CLASSES)
def test_new_ids_begin_after_the_last_line_of_a_vocabulary_with_repeated_ones(cls, tmp_path):
    lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "a", "b"]
    (tmp_path / "vocab.txt").write_text("\n".join(lines) + "\n")
    tokenizer = cls.from_pretrained(tmp_path)
    tokenizer.add_tokens("new")
    assert tokenizer("a b new")["input_ids"] == [2, 6, 7, 8, 3]
    assert len(tokenizer) == 9
    tokenizer.save_pretrained(tmp_path / "saved")
    for loader in CLASSES:
        again = loader.from_pretrained(tmp_path / "saved")
        assert again("a b new")["input_ids"] == [2, 6, 7, 8, 3]
