"""What counts as one text, a pair or a batch."""

from __future__ import annotations

import pytest

from distilbert.errors import InputError
from distilbert.tokenization.inputs import (
    CallTypeError,
    Examples,
    read_batch,
    read_example,
    read_list,
    read_texts,
)

WORDS = ["two", "words"]


@pytest.mark.parametrize(
    ("text", "pair", "split", "expected"),
    [
        ("a", None, False, Examples(["a"], None, False)),
        ("a", "b", False, Examples(["a"], ["b"], False)),
        (["a", "b"], None, False, Examples(["a", "b"], None, True)),
        (["a"], ["b"], False, Examples(["a"], ["b"], True)),
        ([("a", "b"), ["c", "d"]], None, False, Examples(["a", "c"], ["b", "d"], True)),
        ([], None, False, Examples([], None, True)),
        (WORDS, None, True, Examples([WORDS], None, False)),
        (WORDS, WORDS, True, Examples([WORDS], [WORDS], False)),
        ([WORDS, WORDS], None, True, Examples([WORDS, WORDS], None, True)),
        ([], None, True, Examples([[]], None, False)),
    ],
)
def test_texts_are_read_as_the_page_says(text, pair, split, expected):
    assert read_texts(text, pair, split=split) == expected


@pytest.mark.parametrize("text", [5, [5, 6], None, ["a", 5], [("a", "b", "c")], {"a": 1}])
def test_anything_else_is_refused(text):
    with pytest.raises(InputError, match="`text` must be a string, a list of strings or a list of"):
        read_texts(text, None, split=False)


def test_words_must_be_words():
    with pytest.raises(InputError, match="must be a list of words"):
        read_texts("not split", None, split=True)
    with pytest.raises(InputError, match="must be a list of words"):
        read_texts([["a"], "b"], None, split=True)


def test_a_batch_with_one_second_text_is_a_type_error():
    with pytest.raises(TypeError, match="`text_pair` of a batch must be a list") as caught:
        read_texts(["a", "b"], "c", split=False)
    assert caught.type is CallTypeError


def test_both_lists_must_have_one_length():
    with pytest.raises(InputError, match="got 1 second texts for 2 first texts"):
        read_texts(["a", "b"], ["c"], split=False)


def test_a_batch_may_mix_texts_and_pairs():
    examples = read_batch(["a", ("b", "c")], split=False)
    assert (examples.first, examples.second) == (["a", "b"], [None, "c"])
    assert read_batch([(WORDS, WORDS), WORDS], split=True).second == [WORDS, None]


def test_a_batch_must_be_a_list():
    with pytest.raises(InputError, match="A batch must be a list of texts or of pairs: got str"):
        read_batch("a", split=False)


def test_a_long_wrong_value_is_shown_shortened():
    with pytest.raises(InputError) as caught:
        read_example(list(range(100)), None, split=False)
    assert "..." in str(caught.value)
    assert len(str(caught.value)) < 250


def test_results_for_all_texts_are_sorted_into_pairs():
    examples = read_batch(["a", ("b", "c")], split=False)
    calls = []

    def upper(texts):
        calls.append(texts)
        return [text.upper() for text in texts]

    assert examples.map(upper) == [("A", None), ("B", "C")]
    assert calls == [["a", "b", "c"]]
    assert read_batch(["a"], split=False).map(upper) == [("A", None)]


def test_a_list_of_texts_has_no_pairs():
    assert read_list(["a", "b"], split=False) == ["a", "b"]
    with pytest.raises(InputError, match="`texts` must be a string"):
        read_list([("a", "b")], split=False)
