"""Text to pieces: equal to what the reference's slow class gave, with offsets and word numbers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.tokenization import wordpiece
from distilbert.tokenization.encoding import TextPieces
from distilbert.tokenization.wordpiece import WordPieceEncoder

SPECIAL = ("[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]")
WORDS = (
    *SPECIAL,
    *("un", "##aff", "##able", "caf", "##e", "new", "york", "!", "-", "##s", "中", "i", "##z"),
    *("ᄒ", "##ᅡ", "##ᆫ", "##é", "é", "ab"),
)
VOCAB = {word: index for index, word in enumerate(WORDS)}


def engine(**options: Any) -> WordPieceEncoder:
    added = {
        VOCAB[token]: AddedToken(token, special=True, normalized=False) for token in SPECIAL
    } | options.pop("added", {})
    special = [token.content for token in added.values() if token.special]
    return WordPieceEncoder(VOCAB, special_tokens=special, added_tokens=added, **options)


def spans(pieces: TextPieces) -> list[tuple[str, tuple[int, int], int]]:
    return list(zip(pieces.tokens, pieces.offsets, pieces.word_ids, strict=True))


@pytest.fixture(scope="module")
def recorded(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "slow_pieces.json").read_text(encoding="utf-8"))


def test_every_option_gives_the_recorded_pieces(recorded: dict[str, Any]) -> None:
    vocab = {token: index for index, token in enumerate(recorded["vocab"])}
    added = {vocab[s]: AddedToken(s, special=True, normalized=False) for s in SPECIAL}
    assert len(recorded["options"]) == 8
    for case in recorded["options"]:
        tested = WordPieceEncoder(
            vocab, special_tokens=SPECIAL, added_tokens=added, **case["kwargs"]
        )
        assert [tested.tokens(text) for text in recorded["texts"]] == case["tokens"]
        assert [tested.ids(text) for text in recorded["texts"]] == case["ids"]
        pieces = [tested.pieces(text) for text in recorded["texts"]]
        assert [p.tokens for p in pieces] == case["tokens"]
        assert [p.ids for p in pieces] == case["ids"]


def ignores_normalized(text: str, added: Iterable[AddedToken]) -> bool:
    """Whether the recorded software took no account of `normalized=False` for this text.

    It looks for such tokens in the lower-cased text; the fast tokenizer in the text as it is.
    """
    exact = [token for token in added if not token.normalized and not token.special]
    return any(token.content.lower() in text.lower() for token in exact)


def test_added_tokens_are_found_as_recorded(recorded: dict[str, Any]) -> None:
    vocab = {token: index for index, token in enumerate(recorded["vocab"])}
    for case in recorded["added"]:
        added = {index: AddedToken(text, **facts) for index, text, facts in case["decoder"]}
        tested = WordPieceEncoder(
            vocab,
            do_lower_case=case["do_lower_case"],
            special_tokens=case["special"],
            added_tokens=added,
        )
        for text, tokens, ids in zip(case["texts"], case["tokens"], case["ids"], strict=True):
            if case["do_lower_case"] and ignores_normalized(text, added.values()):
                continue
            pieces = tested.pieces(text)
            assert (pieces.tokens, pieces.ids, tested.ids(text)) == (tokens, ids, ids)


def test_offsets_are_characters_of_the_given_text() -> None:
    pieces = engine().pieces("Unaffable  Café, [MASK]new-York!")
    assert spans(pieces) == [
        ("un", (0, 2), 0),
        ("##aff", (2, 5), 0),
        ("##able", (5, 9), 0),
        ("caf", (11, 14), 1),
        ("##e", (14, 15), 1),
        ("[UNK]", (15, 16), 2),
        ("[MASK]", (17, 23), 3),
        ("new", (23, 26), 4),
        ("-", (26, 27), 5),
        ("york", (27, 31), 6),
        ("!", (31, 32), 7),
    ]


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        # An accent as a character of its own belongs to the letter only inside the word.
        ("cafe\u0301", {}, [("caf", (0, 3), 0), ("##e", (3, 4), 0)]),
        ("cafe\u0301s", {}, [("caf", (0, 3), 0), ("##e", (3, 4), 0), ("##s", (5, 6), 0)]),
        # Composed (NFC) where accents stay: one piece out of two characters.
        ("e\u0301 ab", {"strip_accents": False}, [("é", (0, 2), 0), ("ab", (3, 5), 1)]),
        # A letter that becomes two in lower case keeps its one place.
        ("İz", {}, [("i", (0, 1), 0), ("##z", (1, 2), 0)]),
        ("İ [MASK] new", {}, [("i", (0, 1), 0), ("[MASK]", (2, 8), 1), ("new", (9, 12), 2)]),
        # Dropped characters leave holes; ideographs stand alone; a syllable becomes letters.
        ("a\x00b\u200b中!", {}, [("ab", (0, 3), 0), ("中", (4, 5), 1), ("!", (5, 6), 2)]),
        ("한", {}, [("ᄒ", (0, 1), 0), ("##ᅡ", (0, 1), 0), ("##ᆫ", (0, 1), 0)]),
        # Nothing but dropped characters is no word.
        ("\u200b \u0301 new", {}, [("new", (4, 7), 0)]),
        ("", {}, []),
    ],
)
def test_offsets_survive_changes_of_length(
    text: str, options: dict[str, Any], expected: list[tuple[str, tuple[int, int], int]]
) -> None:
    assert spans(engine(**options).pieces(text)) == expected


def test_reordered_accents_do_not_shorten_a_word() -> None:
    # NFC sorts the two marks: the last character of the word is then not its last one in the text.
    pieces = engine(do_lower_case=False).pieces("x \u0633\u0651\u064e")
    assert spans(pieces)[1] == ("[UNK]", (2, 5), 1)


def test_an_added_token_takes_the_space_it_strips() -> None:
    token = AddedToken("<x>", lstrip=True, rstrip=True, special=True, normalized=False)
    pieces = engine(added={len(VOCAB): token}).pieces("new  <x> york")
    assert spans(pieces) == [("new", (0, 3), 0), ("<x>", (3, 9), 1), ("york", (9, 13), 2)]
    assert pieces.ids[1] == len(VOCAB)


def test_with_lower_case_an_entry_of_never_split_with_capitals_never_matches() -> None:
    lowered = engine(never_split=["New-York", "caf-caf"])
    assert lowered.tokens("New-York caf-caf") == ["new", "-", "york", "caf-caf"]
    assert lowered.ids("caf-caf") == [VOCAB["[UNK]"]]
    cased = engine(do_lower_case=False, never_split=["New-York"])
    assert cased.tokens("New-York") == ["New-York"]
    assert spans(cased.pieces("x New-York")) == [("[UNK]", (0, 1), 0), ("New-York", (2, 10), 1)]


def test_without_basic_tokenization_only_spaces_split() -> None:
    plain = engine(do_basic_tokenize=False, never_split=["new"])
    assert plain.tokens("new Unaffable new!") == ["new", "[UNK]", "[UNK]"]
    assert plain.tokens("unaffable") == ["un", "##aff", "##able"]


def test_a_word_of_more_than_100_characters_is_unknown() -> None:
    vocab = {"[UNK]": 0, "a": 1, "##a": 2}
    tested = WordPieceEncoder(vocab)
    assert tested.tokens("a" * 100) == ["a"] + ["##a"] * 99
    assert spans(tested.pieces("a" * 101)) == [("[UNK]", (0, 101), 0)]


def test_a_vocabulary_without_the_unknown_token_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        WordPieceEncoder({"a": 0}, unk_token="[UNK]")
    assert str(caught.value) == (
        "`unk_token` must be in the vocabulary: got '[UNK]', which is not among its 1 tokens. "
        "Pass the unknown token that this vocabulary uses."
    )


def test_an_added_unknown_token_serves_as_the_unknown_one() -> None:
    tested = WordPieceEncoder({"a": 0}, unk_token="<u>", added_tokens={7: AddedToken("<u>")})
    assert tested.ids("a b") == [0, 7]


def test_memory_of_chunks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpiece, "CHUNK_LIMIT", 10)
    tested = engine()
    for number in range(100):
        tested.ids(f"new{number}")
    tested.ids("x" * (wordpiece.LONGEST_REMEMBERED + 1))
    assert len(tested._chunks) <= 10
    assert all(len(chunk) <= wordpiece.LONGEST_REMEMBERED for chunk in tested._chunks)


def test_threads_sharing_an_engine_get_right_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordpiece, "CHUNK_LIMIT", 8)  # so that clearing happens all the time
    choose = random.Random(1).choices
    texts = [
        " ".join(choose(["new", "Café", "unaffables", "york!", "中"], k=9)) for _ in range(200)
    ]
    expected = [engine().ids(text) for text in texts]
    shared_engine = engine()
    calls: list[Callable[[str], list[int]]] = [
        shared_engine.ids,
        lambda text: shared_engine.pieces(text).ids,
    ]
    with ThreadPoolExecutor(8) as pool:
        for call in calls * 3:
            assert list(pool.map(call, texts)) == expected
