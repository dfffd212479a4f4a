"""Sentences of CoNLL files are read completely, and the lines that break them are reported."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from distilbert.data.conll import TOO_FEW, read_conll
from distilbert.data.problems import Problems
from distilbert.data.rows import Row


def read(text: str, **columns: str) -> tuple[list[Row], Problems]:
    problems = Problems()
    return list(read_conll(text.split("\n"), "x.conll", problems, **columns)), problems


def sentences(text: str, **columns: str) -> list[tuple[list[str], list[str]]]:
    rows, problems = read(text, **columns)
    assert not len(problems), problems.report()
    tokens, tags = columns.get("tokens", "tokens"), columns.get("tags", "tags")
    return [(row.values[tokens], row.values[tags]) for row in rows]


def test_blank_lines_separate_sentences_and_the_last_needs_none() -> None:
    rows, _ = read("New\tB-LOC\nYork\tI-LOC\n\n\n.\tO")
    assert [row.values for row in rows] == [
        {"tokens": ["New", "York"], "tags": ["B-LOC", "I-LOC"]},
        {"tokens": ["."], "tags": ["O"]},
    ]
    assert [row.place for row in rows] == ["x.conll line 1", "x.conll line 5"]


def test_the_first_column_is_the_token_and_the_last_its_tag() -> None:
    text = (
        "-DOCSTART- -X- -X- O\n\nU.N. NNP I-NP I-ORG\nsays  VBZ I-VP O\n-DOCSTART- -X- O O\n. . O O"
    )
    assert sentences(text) == [(["U.N.", "says"], ["I-ORG", "O"]), (["."], ["O"])]


def test_columns_can_be_chosen() -> None:
    text = "1\tthe\tDET\tx\n2\tend\tNOUN\ty"
    assert sentences(text, tokens="1", tags="2") == [(["the", "end"], ["DET", "NOUN"])]


def test_comments_have_one_column_and_a_hash_may_be_a_token() -> None:
    assert sentences("# id = 1\n#x\n#\tO\nA\tO") == [(["#", "A"], ["O", "O"])]
    assert sentences("#comment\nA O\n# O\n#tag O") == [(["A", "#", "#tag"], ["O", "O", "O"])]


def test_white_space_other_than_spaces_and_tabs_is_a_token_and_ends_of_lines_are_not() -> None:
    assert sentences("A\tO\r\n\u00a0\tO\r\na\u00a0b O\r\n\t\r\nB\tO\r\n") == [
        (["A", "\u00a0", "a\u00a0b"], ["O", "O", "O"]),
        (["B"], ["O"]),
    ]


@pytest.mark.parametrize("line", ["alone", "\tO", "token\t"])
def test_a_line_with_too_few_columns_drops_its_sentence(line: str) -> None:
    rows, problems = read(f"A\tO\n{line}\n\nB\tO")
    assert [row.values["tokens"] for row in rows] == [["B"]]
    assert problems.found == {TOO_FEW: [("x.conll line 2", repr(line))]}


@pytest.mark.parametrize(
    ("file", "n_sentences", "n_tokens"),
    [("wnut17/train", 3394, 62730), ("wikigold/train", 1471, 33760), ("masc_pos/dev", 4500, 69452)],
)
def test_real_files_have_the_published_sizes(
    shared: Path, file: str, n_sentences: int, n_tokens: int
) -> None:
    # WikiGold's 145 document starts are among the published 1616 sentences and 33905 tokens.
    with gzip.open(shared / "data" / f"{file}.conll.gz", "rt", encoding="utf-8") as stream:
        found = sentences(stream.read())
    assert (len(found), sum(len(tokens) for tokens, _ in found)) == (n_sentences, n_tokens)
