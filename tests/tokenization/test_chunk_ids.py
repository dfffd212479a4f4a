"""Ids put together from chunks are those the Rust tokenizer gives for the whole text."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from distilbert.tokenization import chunk_ids
from distilbert.tokenization.chunk_ids import ChunkIds, has_independent_chunks
from distilbert.tokenization.rust_engine import build

VOCABULARY = Path(__file__).resolve().parents[1] / "golden" / "tok" / "unc" / "vocab.txt"
SPECIAL = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
# Letters that change under normalisation, marks that attach, spaces of every kind, tokens.
CHARACTERS = "aAzéÀİΣσßǅ中文\u0301\u0327\u200b\u200d\ufffd\x00\t\n\r\u00a0\u2003\u2028\u0085.,-_«»"
PIECES = st.sampled_from(
    [*CHARACTERS, *SPECIAL, " ", "  ", "he", "##llo", "new", "tok", "word", "e\u0301"]
)


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def backend(request: pytest.FixtureRequest) -> Tokenizer:
    made = build(VOCABULARY, normalizers.BertNormalizer(lowercase=request.param), prefix=None)
    made.model.unk_token = "[UNK]"
    made.add_special_tokens(SPECIAL)
    made.add_tokens(["newtok", AddedToken("word", single_word=True), "tok"])
    return made


@given(st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=4))
def test_any_text_gives_the_ids_of_the_rust_tokenizer(backend, texts):
    whole = [row.ids for row in backend.encode_batch(texts, add_special_tokens=False)]
    chunks = ChunkIds(backend)
    assert chunks.encode(texts) == whole
    assert chunks.encode(texts) == whole  # now from memory


def test_many_new_chunks_go_into_several_texts(backend, monkeypatch):
    monkeypatch.setattr(chunk_ids, "GROUP", 2)
    text = "Hello my é dog  is cute中文. a"
    whole = backend.encode(text, add_special_tokens=False).ids
    word = backend.encode("my", add_special_tokens=False).ids
    assert ChunkIds(backend).encode([text, "my", ""]) == [whole, word, []]


@given(st.text())
def test_any_unicode_text_gives_the_ids_of_the_rust_tokenizer(backend, text):
    assert ChunkIds(backend).encode([text]) == [backend.encode(text, add_special_tokens=False).ids]


@pytest.mark.parametrize("lowercase", [True, False])
def test_real_text_in_many_languages_gives_the_ids_of_the_rust_tokenizer(shared, lowercase):
    data = shared / "data"
    vocabulary = data / "vocab" / "bert-base-multilingual-cased-vocab.txt"
    backend = build(vocabulary, normalizers.BertNormalizer(lowercase=lowercase), prefix=None)
    backend.add_special_tokens(SPECIAL)
    assert has_independent_chunks(backend)
    texts = (data / "blns" / "blns.txt").read_text(encoding="utf-8").split("\n")
    with gzip.open(data / "udhr" / "udhr.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts += [json.loads(line)["text"] for line in lines]
    whole = [row.ids for row in backend.encode_batch_fast(texts, add_special_tokens=False)]
    assert ChunkIds(backend).encode(texts) == whole


def test_words_are_joined(backend):
    words = [["Hello", "", "two words"], []]
    whole = backend.encode_batch(words, is_pretokenized=True, add_special_tokens=False)
    assert ChunkIds(backend).encode(words) == [row.ids for row in whole]


def test_the_memory_is_bounded_and_leaves_long_chunks_out(backend, monkeypatch):
    monkeypatch.setattr(chunk_ids, "CHUNK_LIMIT", 3)
    chunks = ChunkIds(backend)
    for text in ("a b", "c d e", "a " + "z" * 100, "a b c d e"):
        assert chunks.encode([text]) == [backend.encode(text, add_special_tokens=False).ids]
        assert len(chunks._known) <= 5
        assert all(len(chunk) <= chunk_ids.LONGEST_REMEMBERED for chunk in chunks._known)


def test_parts_of_another_kind_are_not_taken_for_berts(backend):
    assert has_independent_chunks(backend)
    assert not has_independent_chunks(Tokenizer(models.WordPiece({"a": 0}, unk_token="a")))
    other = build({"[UNK]": 0}, normalizers.BertNormalizer(), prefix=None)
    other.pre_tokenizer = pre_tokenizers.Whitespace()
    assert not has_independent_chunks(other)


@pytest.mark.parametrize(
    "token", ["New York", AddedToken("中文", normalized=True), AddedToken("x", lstrip=True)]
)
def test_a_token_that_may_reach_over_a_space_switches_the_shortcut_off(token):
    backend = build({"[UNK]": 0}, normalizers.BertNormalizer(), prefix=None)
    backend.add_tokens([token])
    assert not has_independent_chunks(backend)
