"""A tokenizer loads from every form transformers 4.x and 5.x write, and says what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tokenizers import AddedToken

from distilbert import AutoTokenizer
from distilbert.errors import CheckpointError, InputError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.loading import find_tokenizer, normalizer_options
from distilbert.tokenization.slow import DistilBertTokenizer

TEXT = "Héllo [MASK] newtok World"
CLASSES = [DistilBertTokenizer, DistilBertTokenizerFast]
# What transformers 5.23 writes into tokenizer_config.json.
CONFIG_OF_5 = {
    "backend": "tokenizers",
    "cls_token": "[CLS]",
    "do_lower_case": False,
    "is_local": True,
    "local_files_only": False,
    "mask_token": "[MASK]",
    "model_max_length": 64,
    "pad_token": "[PAD]",
    "sep_token": "[SEP]",
    "strip_accents": None,
    "tokenize_chinese_chars": True,
    "tokenizer_class": "BertTokenizer",
    "unk_token": "[UNK]",
}


@pytest.fixture
def json_only(cased: Path, tmp_path: Path) -> Path:
    """A folder with tokenizer.json alone, one token added."""
    tokenizer = DistilBertTokenizerFast.from_pretrained(cased)
    tokenizer.add_tokens("newtok")
    tokenizer.save_pretrained(tmp_path / "saved")
    (tmp_path / "json").mkdir()
    shutil.copy(tmp_path / "saved" / "tokenizer.json", tmp_path / "json")
    return tmp_path / "json"


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("name", ["BertTokenizer", "DistilBertTokenizerFast"])
def test_a_folder_of_transformers_5_loads(cls, name, json_only):
    config = {**CONFIG_OF_5, "tokenizer_class": name, "extra_special_tokens": ["newtok"]}
    (json_only / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = cls.from_pretrained(json_only)
    assert tokenizer.tokenize(TEXT)[-2:] != ["[UNK]"]
    assert tokenizer.convert_tokens_to_ids("newtok") == 228
    assert tokenizer.model_max_length == 64
    assert not tokenizer.do_lower_case
    assert tokenizer.additional_special_tokens == ["newtok"]
    assert "is_local" not in tokenizer.init_kwargs


@pytest.mark.parametrize("cls", CLASSES)
def test_without_a_config_the_case_comes_from_tokenizer_json(cls, json_only):
    tokenizer = cls.from_pretrained(json_only)
    assert not tokenizer.do_lower_case
    assert "newtok" in tokenizer.tokenize(TEXT)
    assert cls.from_pretrained(json_only, do_lower_case=True).do_lower_case


@pytest.mark.parametrize("cls", CLASSES)
def test_a_file_alone_loads(cls, uncased, json_only):
    assert cls.from_pretrained(uncased / "vocab.txt").vocab_size == 205
    assert cls.from_pretrained(json_only / "tokenizer.json").vocab_size == 228


@pytest.mark.parametrize("cls", CLASSES)
def test_the_older_files_beside_the_vocabulary_are_read(cls, uncased, tmp_path):
    shutil.copy(uncased / "vocab.txt", tmp_path)
    (tmp_path / "added_tokens.json").write_text('{"<s>": 205, "plain": 206}')
    special = {"bos_token": {"content": "<s>", "lstrip": True}, "pad_token": "[unused1]"}
    (tmp_path / "special_tokens_map.json").write_text(json.dumps(special))
    tokenizer = cls.from_pretrained(tmp_path, model_max_length=9)
    assert (tokenizer.bos_token_id, tokenizer.pad_token_id) == (205, 2)
    assert tokenizer.tokenize("a plain <s>") == ["a", "plain", "<s>"]
    assert tokenizer.added_tokens_decoder[205].special
    assert not tokenizer.added_tokens_decoder[206].special
    assert tokenizer.model_max_length == 9


@pytest.mark.parametrize("cls", CLASSES)
def test_a_subfolder_may_be_named(cls, uncased):
    found = cls.from_pretrained(uncased.parent, subfolder="unc", local_files_only=True)
    assert found.vocab_size == 205


@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_missing_is_an_oserror(cls, tmp_path):
    with pytest.raises(OSError, match=r"needs vocab\.txt or tokenizer\.json"):
        cls.from_pretrained(tmp_path)
    with pytest.raises(OSError, match="must be an existing folder or file"):
        cls.from_pretrained(str(tmp_path / "nowhere" / "at" / "all"))


def test_a_constructor_without_a_vocabulary_says_how(tmp_path):
    with pytest.raises(InputError, match="got neither `vocab_file` nor `tokenizer_file`"):
        DistilBertTokenizerFast()
    with pytest.raises(ValueError, match="`vocab_file` must be a vocabulary file"):
        DistilBertTokenizer(str(tmp_path))


def test_broken_files_are_named(uncased, tmp_path):
    shutil.copy(uncased / "vocab.txt", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"`tokenizer_config\.json` must be a JSON file"):
        find_tokenizer(tmp_path, {})
    (tmp_path / "tokenizer_config.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"must be a JSON object: .* holds a list"):
        find_tokenizer(tmp_path, {})


def test_another_kind_of_vocabulary_is_refused_by_the_slow_class(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "BPE", "vocab": {}}}')
    with pytest.raises(CheckpointError, match="must hold a WordPiece model: got 'BPE'"):
        DistilBertTokenizer.from_pretrained(tmp_path)


def test_only_berts_normaliser_says_something_about_options():
    assert normalizer_options({"normalizer": {"type": "NFC"}}) == {}
    bert = {"type": "BertNormalizer", "lowercase": False, "strip_accents": None}
    assert normalizer_options({"normalizer": bert}) == {
        "do_lower_case": False,
        "strip_accents": None,
    }


@pytest.mark.parametrize("cls", [*CLASSES, AutoTokenizer])
def test_keywords_that_only_the_reference_needs_are_taken_and_not_saved(cls, uncased, tmp_path):
    given = {"config": object(), "trust_remote_code": True, "proxies": {}}
    cls.from_pretrained(uncased, **given).save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert given.keys() & saved.keys() == set()


@pytest.mark.parametrize("cls", CLASSES)
def test_added_tokens_of_transformers_5_match_in_any_case(cls, uncased, tmp_path):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(str(uncased))
    theirs.add_tokens(["COVID", AddedToken("Us", normalized=False)])
    theirs.save_pretrained(tmp_path)
    text = "a covid Covid us Us"
    ours = cls.from_pretrained(tmp_path)
    assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    assert ours.convert_tokens_to_ids(["COVID", "Us"]) == [205, 206]


@pytest.mark.parametrize("cls", CLASSES)
def test_ids_with_gaps_in_tokenizer_json_are_kept(cls, uncased, tmp_path):
    DistilBertTokenizerFast.from_pretrained(uncased).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    document = json.loads((tmp_path / "tokenizer.json").read_text())
    facts = {**document["added_tokens"][0], "special": False}
    document["added_tokens"].append({**facts, "id": 300, "content": "zzx"})
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    for source in (tmp_path, tmp_path / "tokenizer.json"):
        assert cls.from_pretrained(source)("a zzx")["input_ids"] == [5, 16, 300, 6]
