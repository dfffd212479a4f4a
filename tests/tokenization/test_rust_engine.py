"""The Rust tokenizer is built as BERT's, and files of another kind are refused."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, normalizers

from distilbert.errors import CheckpointError, InputError, TokenIdError
from distilbert.tokenization import rust_engine

VOCAB = {"[UNK]": 0, "a": 1, "@@b": 2, "##b": 3}
PLAIN = normalizers.BertNormalizer()


def test_a_vocabulary_is_given_as_a_path_or_as_a_dict(tmp_path):
    (tmp_path / "vocab.txt").write_text("[UNK]\na\n##b\n")
    for vocab in (tmp_path / "vocab.txt", {"[UNK]": 0, "a": 1, "##b": 2}):
        backend = rust_engine.build(vocab, PLAIN, prefix=None)
        assert backend.encode("ab").ids == [1, 2]


def test_the_prefix_of_inner_pieces_can_be_chosen():
    backend = rust_engine.build(VOCAB, PLAIN, prefix="@@")
    assert backend.encode("ab").tokens == ["a", "@@b"]
    assert backend.decode([1, 2]) == "ab"


def test_padding_and_truncation_of_a_file_are_dropped(tmp_path):
    backend = rust_engine.build(VOCAB, PLAIN, prefix=None)
    backend.enable_padding(length=9)
    backend.enable_truncation(1)
    backend.save(str(tmp_path / "tokenizer.json"))
    again = rust_engine.read(tmp_path / "tokenizer.json", PLAIN, prefix="@@")
    assert again.encode("ab").tokens == ["a", "@@b"]
    assert again.padding is None
    assert again.truncation is None


def test_a_normaliser_of_another_kind_is_left_alone(tmp_path):
    backend = rust_engine.build(VOCAB, PLAIN, prefix=None)
    backend.normalizer = normalizers.NFC()
    backend.save(str(tmp_path / "tokenizer.json"))
    again = rust_engine.read(tmp_path / "tokenizer.json", PLAIN, prefix=None)
    assert isinstance(again.normalizer, normalizers.NFC)


def test_another_model_or_a_broken_file_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(path))
    with pytest.raises(CheckpointError, match="needs a WordPiece tokenizer: got WordLevel"):
        rust_engine.read(path, PLAIN, prefix=None)
    path.write_text("{")
    with pytest.raises(CheckpointError, match=r"`tokenizer\.json` must be a JSON file"):
        rust_engine.read(path, PLAIN, prefix=None)
    path.write_text('{"model": {"type": "X"}}')
    with pytest.raises(CheckpointError, match="A tokenizer file must be readable"):
        rust_engine.read(path, PLAIN, prefix=None)


def test_a_template_token_that_is_not_set_is_left_out():
    backend = rust_engine.build(VOCAB, PLAIN, prefix=None)
    rust_engine.set_template(backend, "a", None, None)
    assert backend.encode("b").ids == [1, 0]


def test_a_template_token_may_have_spaces_but_no_colon(fast):
    fast.add_special_tokens({"cls_token": "< s >"})
    assert fast("a")["input_ids"] == [205, 16, 6]
    with pytest.raises(InputError, match="must not hold `:` or begin with `\\$`: got 'a:0'"):
        fast.sep_token = "a:0"
    assert fast("a")["input_ids"] == [205, 16, 6]


def test_a_negative_id_is_refused_by_name(fast):
    for refused in (fast.decode, fast.convert_ids_to_tokens):
        with pytest.raises(TokenIdError, match="must not be negative: got -100"):
            refused([16, -100])
