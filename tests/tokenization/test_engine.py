"""Both engines implement the protocol and agree where the page does not tell them apart."""

from __future__ import annotations

import inspect

import pytest

from distilbert.tokenization.engine import Engine
from distilbert.tokenization.python_engine import PythonEngine
from distilbert.tokenization.rust_engine import RustEngine


@pytest.mark.parametrize("cls", [PythonEngine, RustEngine])
def test_an_engine_has_the_methods_of_the_protocol(cls):
    for name, member in vars(Engine).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            expected = list(inspect.signature(member).parameters)
            assert list(inspect.signature(getattr(cls, name)).parameters) == expected


def test_both_engines_agree(slow, fast):
    ours, theirs = slow._engine, fast._engine
    texts = ["Hello, my dog", "", "[MASK] a"]
    assert ours.ids(texts, split=False) == theirs.ids(texts, split=False)
    pieces = zip(ours.pieces(texts, split=False), theirs.pieces(texts, split=False), strict=True)
    for mine, other in pieces:
        assert (mine.ids, mine.tokens, mine.offsets, mine.word_ids) == (
            *(other.ids, other.tokens, other.offsets, other.word_ids),
        )
    assert ours.tokens(texts[0]) == theirs.tokens(texts[0])
    assert ours.vocabulary() == theirs.vocabulary()
    assert ours.n_tokens(with_added=True) == theirs.n_tokens(with_added=True)
    assert list(ours.added_tokens()) == list(theirs.added_tokens())
    assert ours.special_tokens == theirs.special_tokens
    assert ours.join(["he", "##llo"]) == theirs.join(["he", "##llo"])
    options = {"skip_special_tokens": True, "spaced": True}
    assert ours.decode([16, 17], **options) == theirs.decode([16, 17], **options)
    assert (ours.find_id("a"), ours.find_token(16)) == (theirs.find_id("a"), theirs.find_token(16))
