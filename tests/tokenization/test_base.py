"""The calls of the page, alike on both classes."""

from __future__ import annotations

import copy
import inspect
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

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


def test_ids_and_located_tokens_are_those_of_a_call(tokenizer):
    texts = [SENTENCES[3], "", "é Hello"]
    located = tokenizer.located_tokens(texts)
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    for number, ids in enumerate(tokenizer.token_ids(texts)):
        assert (ids.dtype, ids.tolist()) == (np.int64, encoded["input_ids"][number])
        assert located[number].ids.tolist() == ids.tolist()
        assert list(map(tuple, located[number].offsets)) == encoded["offset_mapping"][number]
        assert located[number].words.tolist() == encoded.word_ids(number)
    assert located[1].offsets.shape == (0, 2)


def test_tokens_of_words_know_their_word(tokenizer):
    words = [["Hello", "dog", "cute"], []]
    located, empty = tokenizer.located_tokens(words, is_split_into_words=True)
    assert located.words.tolist() == [0, 0, 1, 2]
    assert located.offsets.tolist() == [[0, 2], [2, 5], [0, 3], [0, 4]]
    assert empty.ids.tolist() == []
    ids, _ = tokenizer.token_ids(words, is_split_into_words=True)
    assert ids.tolist() == located.ids.tolist()


def test_pairs_are_not_a_list_of_texts(tokenizer):
    for method in (tokenizer.token_ids, tokenizer.located_tokens):
        with pytest.raises(InputError, match="`texts` must be a string"):
            method([("a", "b")])


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


def test_lengths_that_fit_leave_room_for_the_template(tokenizer):
    assert (tokenizer.max_len_single_sentence, tokenizer.max_len_sentences_pair) == (510, 509)


def test_prepared_ids_are_cut_and_padded(tokenizer):
    row = tokenizer.prepare_for_model([16, 17, 18], max_length=4, truncation=True)
    assert row["input_ids"] == [5, 16, 17, 6]
    row = tokenizer.prepare_for_model([16], padding="max_length", max_length=4, return_length=True)
    assert dict(row) == {"input_ids": [5, 16, 6, 0], "attention_mask": [1, 1, 1, 0], "length": 4}
    row = tokenizer.prepare_for_model([16], return_tensors="np", prepend_batch_axis=True)
    assert row["input_ids"].shape == (1, 3)


def test_ids_encode_like_text(tokenizer):
    assert tokenizer.encode([16, 17]) == [5, 16, 17, 6]
    assert tokenizer.encode([16], [17]) == [5, 16, 6, 17, 6]


def test_padding_leaves_the_input_as_it_was(tokenizer):
    given = {"input_ids": [[5, 6], [5]], "labels": [0, 1]}
    padded = tokenizer.pad(given)
    assert padded["input_ids"] == [[5, 6], [5, 0]]
    assert padded["labels"] == [0, 1]
    assert given == {"input_ids": [[5, 6], [5]], "labels": [0, 1]}


def test_padding_takes_tensors_and_gives_tensors_back(tokenizer):
    rows = [{"input_ids": torch.tensor([5, 6])}, {"input_ids": torch.tensor([5])}]
    assert tokenizer.pad(rows)["input_ids"].tolist() == [[5, 6], [5, 0]]
    one = tokenizer.pad({"input_ids": np.array([5, 6])}, padding="max_length", max_length=4)
    assert one["input_ids"].tolist() == [5, 6, 0, 0]
    block = tokenizer.pad({"input_ids": np.array([[5, 6]])}, pad_to_multiple_of=4)
    assert block["input_ids"].shape == (1, 4)


def test_padding_left_and_without_a_mask(uncased, tokenizer):
    left = type(tokenizer).from_pretrained(uncased, padding_side="left")
    padded = left.pad({"input_ids": [[5, 6], [5]]}, return_attention_mask=False)
    assert dict(padded) == {"input_ids": [[5, 6], [0, 5]]}


def test_nothing_to_pad_stays_nothing(tokenizer):
    assert dict(tokenizer.pad({"input_ids": []})) == {"input_ids": [], "attention_mask": []}
    assert dict(tokenizer.pad([])) == {"input_ids": [], "attention_mask": []}


def test_a_text_beyond_the_model_is_announced(tokenizer):
    tokenizer.model_max_length = 3
    with pytest.warns(UserWarning, match="A text has 4 tokens but the model takes 3"):
        tokenizer("a b")


def test_an_unknown_truncation_strategy_is_refused(tokenizer):
    with pytest.raises(InputError, match="`truncation_strategy` must be one of"):
        tokenizer.truncate_sequences([1], None, 1, truncation_strategy="shortest")


def test_a_lone_surrogate_is_dropped_by_both_classes(tokenizer):
    text = "a \ud83d b\udc00 Hello"
    expected = tokenizer("a b Hello")["input_ids"]
    encoded = tokenizer([text, "a"], return_offsets_mapping=True)
    assert encoded["input_ids"][0] == expected
    assert encoded["offset_mapping"][0][2] == (4, 5)
    assert tokenizer.tokenize(text) == tokenizer.tokenize("a b Hello")
    assert tokenizer.token_ids([text])[0].tolist() == expected[1:-1]
    words = tokenizer(text.split(), is_split_into_words=True)
    assert words["input_ids"] == expected
    assert words.word_ids() == [None, 0, 2, *[3] * (len(expected) - 4), None]
    assert tokenizer("b", text)["input_ids"] == tokenizer("b", "a b Hello")["input_ids"]
    assert tokenizer.convert_tokens_to_ids("\ud83d") == tokenizer.unk_token_id
    assert tokenizer.convert_tokens_to_string(["a", "\ud83d"]) == "a \ufffd"
    with pytest.raises(InputError, match="A token must be text or an AddedToken"):
        tokenizer.add_tokens("\ud83d")


def test_none_in_the_place_of_a_text_is_refused_by_name(tokenizer):
    for call in (
        lambda: tokenizer(["a", None]),
        lambda: tokenizer(["a"], [None]),
        lambda: tokenizer.tokenize(None),
        lambda: tokenizer.encode(None),
        lambda: tokenizer.token_ids([None]),
        lambda: tokenizer([["a", None]], is_split_into_words=True),
    ):
        with pytest.raises(InputError, match=r"must be a .*: got \w+ "):
            call()


def test_padding_goes_by_the_first_input_name(tokenizer):
    tokenizer.model_input_names = ["ids", "attention_mask"]
    assert dict(tokenizer.pad({"ids": [[1, 2], [3]]})) == {
        "ids": [[1, 2], [3, 0]],
        "attention_mask": [[1, 1], [1, 0]],
    }
    with pytest.raises(InputError, match=r"`pad` needs a column `ids`: got \['input_ids'\]"):
        tokenizer.pad({"input_ids": [[1]]})
    with pytest.raises(InputError, match="columns of the first: example 1 lacks ids"):
        tokenizer.pad([{"ids": [1]}, {"id": [1]}])


def test_the_options_of_older_versions_pad_and_truncate(tokenizer):
    with pytest.warns(FutureWarning, match="`pad_to_max_length` is deprecated"):
        padded = tokenizer("a b", max_length=6, pad_to_max_length=True)
    assert padded["input_ids"] == [5, 16, 17, 6, 0, 0]
    with pytest.warns(FutureWarning, match="`truncation_strategy` is deprecated"):
        cut = tokenizer.encode(
            "a b a", padding=True, max_length=4, truncation_strategy="only_first"
        )
    assert cut == [5, 16, 17, 6]


def test_a_batch_for_sequence_to_sequence_has_labels(tokenizer):
    with pytest.warns(FutureWarning, match="`prepare_seq2seq_batch` is deprecated"):
        batch = tokenizer.prepare_seq2seq_batch(
            ["a b a", "a"], ["b b", "b"], max_length=4, max_target_length=3, return_tensors="np"
        )
    assert batch["input_ids"].tolist() == [[5, 16, 17, 6], [5, 16, 6, 0]]
    assert batch["labels"].tolist() == [[5, 17, 6], [5, 17, 6]]
