"""The calls of the page, alike on both classes."""

from __future__ import annotations

import copy
import inspect
import pickle
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from distilbert.errors import InputError
from distilbert.tokenization.base import TokenizerBase

CALL = (
    "text text_pair text_target text_pair_target add_special_tokens padding truncation max_length "
    "stride is_split_into_words pad_to_multiple_of return_tensors return_token_type_ids "
    "return_attention_mask return_overflowing_tokens return_special_tokens_mask "
    "return_offsets_mapping return_length verbose kwargs"
)
SENTENCES = (
    "Who was Jim Henson?",
    "Hello, my dog is cute",
    "unaffable unwantedly tokenization antidisestablishmentarianism",
    "Jim Henson was a nice puppet who lived in a small house near the river",
)


def test_the_parameters_of_a_call_have_the_order_of_the_page():
    assert list(inspect.signature(TokenizerBase.__call__).parameters)[1:] == CALL.split()


def test_no_call_gives_token_types_unless_asked(tokenizer):
    assert "token_type_ids" not in tokenizer("a", "b")
    assert "token_type_ids" not in tokenizer(["a"], padding=True, return_tensors="np")
    assert tokenizer("a", "b", return_token_type_ids=True)["token_type_ids"] == [0, 0, 0, 1, 1]


def test_offsets_are_characters_of_the_text_in_both_classes(tokenizer):
    encoded = tokenizer(["é Hello", "a"], padding=True, return_offsets_mapping=True)
    assert encoded["offset_mapping"][1] == [(0, 0), (0, 1), (0, 0), (0, 0), (0, 0)]
    spans = encoded["offset_mapping"][0]
    assert ["é Hello"[start:stop] for start, stop in spans] == ["", "é", "He", "llo", ""]


def test_offsets_of_given_words_count_from_each_word(tokenizer):
    words = ["Hello", "dog"]
    encoded = tokenizer(words, is_split_into_words=True, return_offsets_mapping=True)
    assert encoded["offset_mapping"] == [(0, 0), (0, 2), (2, 5), (0, 3), (0, 0)]
    assert encoded.word_ids() == [None, 0, 0, 1, None]


def test_a_target_text_becomes_the_labels(tokenizer):
    encoded = tokenizer("a", text_target="b")
    assert encoded["labels"] == tokenizer("b")["input_ids"]
    assert tokenizer(text_target="b").data == tokenizer("b").data


def test_an_empty_batch_gives_empty_columns(tokenizer):
    assert dict(tokenizer([])) == {"input_ids": [], "attention_mask": []}
    assert tokenizer([], padding=True, return_tensors="pt")["input_ids"].shape == (0, 0)


def test_overflow_without_truncation_is_no_error(tokenizer):
    encoded = tokenizer(["a b"], return_overflowing_tokens=True)
    assert encoded["input_ids"] == [[5, 16, 17, 6]]


def test_a_call_without_text_is_refused(tokenizer):
    with pytest.raises(InputError, match="got neither `text` nor `text_target`"):
        tokenizer()


def test_a_wrong_side_is_refused(tokenizer, uncased):
    with pytest.raises(InputError, match="`padding_side` must be 'right' or 'left': got 'top'"):
        type(tokenizer).from_pretrained(uncased, padding_side="top")


def test_words_asked_for_after_a_change_are_refused(tokenizer):
    encoded = tokenizer("a b")
    tokenizer.add_tokens("b")
    with pytest.raises(InputError, match="a tokenizer that was changed since"):
        encoded.word_ids()


def test_encode_and_its_relatives_agree_with_the_call(tokenizer):
    text, pair = SENTENCES[0], SENTENCES[1]
    ids = tokenizer(text, pair)["input_ids"]
    assert tokenizer.encode(text, pair) == ids
    assert tokenizer.encode_plus(text, pair)["input_ids"] == ids
    assert tokenizer.batch_encode_plus([(text, pair)])["input_ids"] == [ids]
    assert tokenizer.tokenize(text, pair, add_special_tokens=True) == (
        tokenizer.convert_ids_to_tokens(ids)
    )
    assert tokenizer.tokenize(text) == tokenizer.convert_ids_to_tokens(
        tokenizer.encode(text, add_special_tokens=False)
    )


def test_windows_cover_the_text_and_overlap(tokenizer):
    (windows,) = tokenizer.encode_windows([SENTENCES[3]], max_length=12, stride=3)
    bare = tokenizer.encode(SENTENCES[3], add_special_tokens=False)
    assert [len(window.ids) for window in windows[:-1]] == [12] * (len(windows) - 1)
    for before, after in pairwise(windows):
        assert before.ids[-4:-1] == after.ids[1:4]
    joined = windows[0].ids[1:-1] + [i for window in windows[1:] for i in window.ids[4:-1]]
    assert joined == bare
    assert windows[1].offsets[1][0] > 0
    assert windows[0].sequence_ids == [None] + [0] * 10 + [None]


def test_windows_of_pairs_keep_the_whole_first_text(tokenizer):
    pairs = [SENTENCES[3], "a"]
    first, second = tokenizer.encode_windows([SENTENCES[0]] * 2, pairs, max_length=20, stride=4)
    question = tokenizer.encode(SENTENCES[0])
    assert len(first) > 2
    assert all(window.ids[: len(question)] == question for window in first)
    assert second[0].sequence_ids == [None] + [0] * 8 + [None, 1, None]
    assert [len(windows) for windows in tokenizer.encode_windows(["a", "b"])] == [1, 1]


def test_windows_of_words_know_their_word(tokenizer):
    words = [["Hello", "dog", "cute"]]
    (windows,) = tokenizer.encode_windows(words, max_length=4, is_split_into_words=True)
    assert [window.word_ids for window in windows] == [[None, 0, 0, None], [None, 1, 2, None]]


def test_windows_without_room_are_refused(tokenizer):
    with pytest.raises(InputError, match="room for text"):
        tokenizer.encode_windows([SENTENCES[0]], max_length=2)
    with pytest.raises(InputError, match="`stride` must be smaller"):
        tokenizer.encode_windows([SENTENCES[0]], max_length=6, stride=4)


def test_one_tokenizer_serves_many_threads(tokenizer):
    dice = random.Random(0)
    settings = [
        {
            "padding": dice.choice([False, True, "max_length"]),
            "truncation": dice.choice([True, "only_first"]),
            "max_length": dice.choice([8, 12, 40]),
            "return_overflowing_tokens": dice.random() < 0.3,
        }
        for _ in range(1000)
    ]
    texts = [dice.sample(SENTENCES, k=dice.randint(1, 4)) for _ in settings]

    def call(index: int) -> dict:
        return dict(tokenizer(texts[index], **settings[index]))

    serial = [call(index) for index in range(len(settings))]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(len(settings)))) == serial


def test_copies_and_pickles_are_equal_and_independent(tokenizer):
    tokenizer.add_tokens("newtok")
    expected = tokenizer("a newtok")["input_ids"]
    for twin in (pickle.loads(pickle.dumps(tokenizer)), copy.deepcopy(tokenizer)):
        assert twin("a newtok")["input_ids"] == expected
        twin.add_tokens("other")
        assert len(twin) == len(tokenizer) + 1


def test_a_tokenizer_prints_what_it_is(tokenizer, uncased):
    assert repr(tokenizer) == (
        f"{type(tokenizer).__name__}(name_or_path={str(uncased)!r}, "
        "vocab_size=205, model_max_length=512)"
    )
