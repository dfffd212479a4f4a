"""Settings, the forms of saving, uploads, and training with the settings of a tokenizer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import SECRET, FakeHub, serve

from distilbert import AutoTokenizer
from distilbert.errors import HubError, InputError, UnknownArgumentError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer

CLASSES = [DistilBertTokenizer, DistilBertTokenizerFast]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """An empty hub, named by the environment only."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serve(FakeHub()) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.mark.parametrize("cls", [*CLASSES, AutoTokenizer])
def test_max_len_of_old_files_is_the_limit(cls, uncased, tmp_path):
    (tmp_path / "vocab.txt").write_bytes((uncased / "vocab.txt").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true, "max_len": 512}')
    tokenizer = cls.from_pretrained(tmp_path)
    assert tokenizer.model_max_length == 512
    assert len(tokenizer("a " * 600, truncation=True)["input_ids"]) == 512
    assert cls.from_pretrained(tmp_path, model_max_length=9).model_max_length == 9
    tokenizer.save_pretrained(tmp_path / "new")
    saved = json.loads((tmp_path / "new" / "tokenizer_config.json").read_text())
    assert (saved["model_max_length"], "max_len" in saved) == (512, False)


@pytest.mark.parametrize("value", ["512", 0, -1, True, float("nan"), float("inf")])
def test_a_limit_that_is_no_length_is_refused(value, tokenizer, uncased):
    with pytest.raises(InputError, match="`model_max_length` must be a positive number of tokens"):
        type(tokenizer).from_pretrained(uncased, model_max_length=value)
    assert type(tokenizer).from_pretrained(uncased, model_max_length=5e1).model_max_length == 50


def test_what_the_constructor_was_given_is_kept(tokenizer, uncased):
    assert tokenizer.init_inputs == ()
    assert tokenizer.init_kwargs["do_lower_case"] is True
    assert tokenizer.init_kwargs["mask_token"] == "[MASK]"
    changed = type(tokenizer).from_pretrained(uncased, mask_token="[unused0]")
    assert changed.init_kwargs["mask_token"] == "[unused0]"


def test_a_special_token_that_was_unset_stays_unset_after_saving(tokenizer, tmp_path):
    tokenizer.mask_token = None
    tokenizer.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert "mask_token" not in saved


def test_the_legacy_format_has_no_tokenizer_json_and_the_other_no_vocabulary(uncased, tmp_path):
    fast = DistilBertTokenizerFast.from_pretrained(uncased)
    fast.add_tokens("newtok")
    fast.save_pretrained(tmp_path, True)
    older = {"added_tokens.json", "special_tokens_map.json", "tokenizer_config.json", "vocab.txt"}
    assert {path.name for path in tmp_path.iterdir()} == older
    fast.save_pretrained(tmp_path, legacy_format=False)
    newer = {"special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in tmp_path.iterdir()} == newer
    for cls in CLASSES:
        assert cls.from_pretrained(tmp_path)("a newtok")["input_ids"] == [5, 16, 205, 6]


def test_a_slow_tokenizer_has_only_the_legacy_format(slow, tmp_path):
    with pytest.raises(InputError, match="`legacy_format=False` needs a fast tokenizer"):
        slow.save_pretrained(tmp_path, False)
    assert len(slow.save_pretrained(tmp_path, True)) == 3


def test_positional_arguments_and_a_false_push_to_hub_are_taken(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    paths = tokenizer.save_pretrained(tmp_path, None, "my", False, token="t", repo_id="a/b")
    assert str(tmp_path / "my-vocab.txt") in paths
    with pytest.raises(UnknownArgumentError, match=r"`save_pretrained` takes .*: got file_prefix"):
        tokenizer.save_pretrained(tmp_path, file_prefix="my")


def test_saving_can_upload_and_the_upload_loads(tokenizer, hub, tmp_path):
    tokenizer.add_tokens("newtok")
    tokenizer.save_pretrained(tmp_path / "tiny", push_to_hub=True, token=SECRET)
    assert "tokenizer_config.json" in hub.repositories["ann/tiny"]
    again = type(tokenizer).from_pretrained("ann/tiny")
    assert again("a newtok")["input_ids"] == [5, 16, 205, 6]


def test_push_to_hub_needs_no_folder(tokenizer, hub):
    tokenizer.push_to_hub("ann/other", token=SECRET, commit_message="Tokens")
    assert hub.commit_messages == ["Tokens"]
    assert "vocab.txt" in hub.repositories["ann/other"]
    with pytest.raises(HubError, match="needs a `token` that may write"):
        tokenizer.push_to_hub("ann/other", token="wrong")


def test_a_new_vocabulary_keeps_settings_and_special_tokens(tokenizer):
    tokenizer.add_special_tokens({"additional_special_tokens": ["<e>"]})
    tokenizer.padding_side = "left"
    new = tokenizer.train_new_from_iterator(
        iter([["low lower lowest"] * 4, "new Newer"]),
        40,
        new_special_tokens=["<x>"],
        special_tokens_map={"[MASK]": "<m>"},
    )
    assert type(new) is type(tokenizer)
    assert new.convert_ids_to_tokens(range(7)) == [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "<m>", "<e>", "<x>")
    ]
    assert (new.mask_token, new.additional_special_tokens) == ("<m>", ["<e>", "<x>"])
    assert new.tokenize("lower <m> NEWER") == ["lower", "<m>", "newer"]
    assert (new.padding_side, new.model_max_length) == ("left", 512)
    assert len(new) <= 40


def test_other_keywords_of_a_training_are_refused(tokenizer):
    with pytest.raises(UnknownArgumentError, match=r"takes `min_frequency`.*: got alphabet"):
        tokenizer.train_new_from_iterator(["a"], 40, alphabet=[])
