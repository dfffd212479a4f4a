"""The engine of the slow class: ids, added tokens, and the text of ids."""

from __future__ import annotations

import pickle

import pytest
from tokenizers import AddedToken

from distilbert.tokenization.python_engine import PythonEngine
from distilbert.tokenization.special_tokens import SpecialTokens

VOCABULARY = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "he": 3, "##llo": 4, "a": 5}


@pytest.fixture
def engine() -> PythonEngine:
    special_tokens = SpecialTokens.take_from({}, "[UNK]", "[SEP]", None, "[CLS]", None)
    rules = {"do_lower_case": True}
    return PythonEngine(VOCABULARY, special_tokens, added_tokens={}, rules=rules)


def test_a_text_becomes_ids_tokens_and_pieces(engine):
    assert engine.ids(["Hello a"], split=False) == [[3, 4, 5]]
    assert engine.tokens("Hello a") == ["he", "##llo", "a"]
    (pieces,) = engine.pieces(["Hello a"], split=False)
    assert (pieces.ids, pieces.word_ids) == ([3, 4, 5], [0, 0, 1])


def test_offsets_of_words_count_from_each_word(engine):
    words = [["Hello", "a"]]
    assert engine.ids(words, split=True) == [[3, 4, 5]]
    (pieces,) = engine.pieces(words, split=True)
    assert pieces.offsets == [(0, 2), (2, 5), (0, 1)]
    assert pieces.word_ids == [0, 0, 1]


def test_every_change_is_counted(engine):
    revision = engine.revision
    assert engine.add(["new"], special=False) == 1
    assert engine.revision > revision
    assert engine.find_id("new") == 6
    assert (engine.n_tokens(with_added=False), engine.n_tokens(with_added=True)) == (6, 7)


def test_an_added_token_is_lower_cased_unless_it_is_special(engine):
    engine.add(["New", AddedToken("<X>", special=True)], special=False)
    assert [token.content for token in engine.added_tokens().values()][-2:] == ["new", "<X>"]
    assert [token.content for token in engine.special_tokens.additional] == ["<X>"]


def test_an_id_without_a_token_is_the_unknown_token(engine):
    assert engine.find_token(99) == "[UNK]"
    assert engine.find_id("nowhere") is None


def test_tokens_beyond_the_vocabulary_are_separate_words_of_decoded_text(engine):
    engine.add(["new"], special=False)
    assert engine.decode([3, 6, 4], skip_special_tokens=False, spaced=True) == "he new ##llo"
    assert engine.decode([3, 6, 5], skip_special_tokens=False, spaced=False) == "henewa"
    assert engine.join(["he", "##llo", "a"]) == "hello a"


def test_a_pickle_encodes_like_the_original(engine):
    engine.add(["new"], special=False)
    twin = pickle.loads(pickle.dumps(engine))
    assert twin.ids(["hello new"], split=False) == engine.ids(["hello new"], split=False)
