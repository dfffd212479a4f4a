"""What is particular to the fast class: its signature, the Rust tokenizer, its refusals."""

from __future__ import annotations

import warnings
from itertools import pairwise

import pytest
from tokenization.test_slow import plain_signature

from distilbert.errors import InputError
from distilbert.tokenization.fast import DistilBertTokenizerFast

SIGNATURE = (
    "vocab_file=None, tokenizer_file=None, do_lower_case=True, unk_token='[UNK]', "
    "sep_token='[SEP]', pad_token='[PAD]', cls_token='[CLS]', mask_token='[MASK]', "
    "tokenize_chinese_chars=True, strip_accents=None, **kwargs"
)
VOCAB = {"[UNK]": 0, "[SEP]": 1, "[PAD]": 2, "[CLS]": 3, "[MASK]": 4, "a": 5, "@@b": 6, "\u200d": 7}


def test_the_constructor_has_the_signature_of_the_page():
    assert plain_signature(DistilBertTokenizerFast) == SIGNATURE


def test_the_documented_options_of_the_normaliser_work(tmp_path):
    plain = DistilBertTokenizerFast(vocab=VOCAB)
    assert plain.tokenize("a\u200d") == ["a"]
    raw = DistilBertTokenizerFast(VOCAB, clean_text=False, wordpieces_prefix="@@")
    assert raw.tokenize("\u200d ab") == ["\u200d", "a", "@@b"]
    raw.save_pretrained(tmp_path)
    assert DistilBertTokenizerFast.from_pretrained(tmp_path).tokenize("\u200d") == ["\u200d"]


@pytest.mark.parametrize(
    ("options", "named"),
    [({"never_split": ["a"]}, "`never_split`"), ({"do_basic_tokenize": False}, "`do_basic_token")],
)
def test_options_of_the_slow_class_are_not_ignored_in_silence(uncased, options, named):
    with pytest.warns(UserWarning, match=f"cannot honour {named}"):
        DistilBertTokenizerFast.from_pretrained(uncased, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DistilBertTokenizerFast.from_pretrained(uncased, never_split=None, do_basic_tokenize=True)


def test_unknown_keywords_are_a_type_error(fast):
    with pytest.raises(TypeError, match="only the documented keywords: got shade"):
        fast("a", shade=3)


def test_the_rust_tokenizer_is_never_reconfigured_by_a_call(fast):
    fast(["a b c", "a"], padding=True, truncation=True, max_length=4, pad_to_multiple_of=2)
    assert fast.backend_tokenizer.padding is None
    assert fast.backend_tokenizer.truncation is None


def test_an_empty_second_text_is_dropped_alone_and_kept_in_a_batch(fast):
    assert fast("a", "")["input_ids"] == [5, 16, 6]
    assert fast(["a"], [""])["input_ids"] == [[5, 16, 6, 6]]


def test_windows_cover_the_text_and_overlap(fast):
    text = "Jim Henson was a nice puppet who lived in a small house near the river"
    options = {"truncation": True, "max_length": 12, "stride": 3, "return_overflowing_tokens": True}
    encoded = fast(text, **options)
    windows = encoded["input_ids"]
    assert [len(window) for window in windows[:-1]] == [12] * (len(windows) - 1)
    for before, after in pairwise(windows):
        assert before[-4:-1] == after[1:4]
    joined = windows[0][1:-1] + [i for window in windows[1:] for i in window[4:-1]]
    assert joined == fast.encode(text, add_special_tokens=False)
    assert encoded[1].offsets[1][0] > 0
    assert encoded.sequence_ids(0) == [None] + [0] * 10 + [None]


def test_windows_of_pairs_keep_the_first_text(fast):
    texts = ["Who was Jim Henson?"] * 2, ["Jim Henson was a nice puppet who lived", "a"]
    options = {"truncation": "only_second", "max_length": 20, "stride": 4}
    encoded = fast(*texts, **options, return_overflowing_tokens=True)
    question = fast.encode(texts[0][0])
    assert encoded["overflow_to_sample_mapping"] == [0, 0, 0, 1]
    assert all(row[: len(question)] == question for row in encoded["input_ids"])
    assert encoded.sequence_ids(3) == [None] + [0] * 8 + [None, 1, None]


def test_windows_of_words_know_their_word(fast):
    options = {"truncation": True, "max_length": 4, "return_overflowing_tokens": True}
    encoded = fast(["Hello", "dog", "cute"], is_split_into_words=True, **options)
    assert [encoded.word_ids(i) for i in (0, 1)] == [[None, 0, 0, None], [None, 1, 2, None]]


@pytest.mark.parametrize("side", ["right", "left"])
def test_cut_rows_are_those_of_the_rust_library(uncased, side):
    ours = DistilBertTokenizerFast.from_pretrained(uncased, truncation_side=side)
    rust = DistilBertTokenizerFast.from_pretrained(uncased).backend_tokenizer
    rust.enable_truncation(9, stride=2, strategy="only_second", direction=side)
    texts = ("Hello dog", "Jim Henson was a nice puppet")
    main = rust.encode(*texts)
    encoded = ours(
        *texts,
        truncation="only_second",
        max_length=9,
        stride=2,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        return_token_type_ids=True,
    )
    rows = [main, *main.overflowing]
    assert encoded["input_ids"] == [row.ids for row in rows]
    assert encoded["token_type_ids"] == [row.type_ids for row in rows]
    assert encoded["special_tokens_mask"] == [row.special_tokens_mask for row in rows]
    assert encoded["offset_mapping"] == [row.offsets for row in rows]
    assert encoded["overflow_to_sample_mapping"] == [0] * len(rows)
    assert [encoded.word_ids(i) for i in range(len(rows))] == [row.word_ids for row in rows]


def test_a_cut_first_text_beside_a_whole_second_keeps_its_sequence(fast):
    encoded = fast("short", "b", truncation=True, max_length=5)
    assert encoded.sequence_ids() == [None, 0, None, 1, None]


def test_windows_of_both_texts_are_combined_as_in_the_rust_library(fast, uncased):
    rust = DistilBertTokenizerFast.from_pretrained(uncased).backend_tokenizer
    rust.enable_truncation(8, stride=0, strategy="longest_first")
    texts = ("Hello dog is cute", "Jim Henson was a nice puppet")
    main = rust.encode(*texts)
    encoded = fast(*texts, truncation=True, max_length=8, return_overflowing_tokens=True)
    assert encoded["input_ids"] == [row.ids for row in (main, *main.overflowing)]
    assert encoded.tokens(3) == main.overflowing[2].tokens


def test_calls_that_the_memory_of_chunks_cannot_serve_give_the_same_ids(fast, uncased):
    other = DistilBertTokenizerFast.from_pretrained(uncased)
    for tokenizer in (fast, other):
        tokenizer.add_tokens("two")
    other.add_tokens("never here")  # a token with a space: chunks are no longer independent
    assert other._engine._chunk_ids is None
    options = {"truncation": True, "max_length": 7, "return_special_tokens_mask": True}
    for text in ("one two three", ("Hello two", "words"), [("a", ""), ("b two", "c")]):
        args = text if isinstance(text, tuple) else (text,)
        kwargs = {**options, "return_token_type_ids": True, "padding": "max_length"}
        assert fast(*args, **kwargs).data == other(*args, **kwargs).data
        bare = {**kwargs, "add_special_tokens": False}
        assert fast(*args, **bare).data == other(*args, **bare).data


def test_a_template_without_its_tokens_leaves_them_out(fast):
    fast.sep_token = None
    assert fast("a")["input_ids"] == [5, 16]


def test_a_long_stride_is_refused_even_for_short_texts(fast):
    with pytest.raises(InputError, match="got stride=5 for windows of 4 tokens"):
        fast("a", truncation=True, max_length=6, stride=5)


def test_a_missing_token_decodes_to_nothing(fast):
    assert fast.convert_ids_to_tokens([999]) == [None]
    assert fast.decode([16, 999]) == "a"


def test_a_decoded_text_has_spaces_around_added_tokens_either_way(fast):
    fast.add_tokens("newtok")
    ids = fast.encode("a newtok b", add_special_tokens=False)
    assert fast.decode(ids, spaces_between_special_tokens=False) == "a newtok b"


def test_split_special_tokens_is_an_option_of_the_slow_class(fast, uncased):
    with pytest.raises(TypeError, match="only the documented keywords: got split_special_tokens"):
        fast("a", split_special_tokens=True)
    with pytest.warns(UserWarning, match="cannot honour `split_special_tokens`"):
        DistilBertTokenizerFast.from_pretrained(uncased, split_special_tokens=True)
