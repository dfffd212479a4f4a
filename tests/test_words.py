"""Plain English: docstrings, comments, messages, names and documentation avoid private metaphors.

The list holds words that once stood here for terms of the field, with the term to use instead.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Pattern -> what to say. Ordinary uses are excluded by the pattern: "room for", "make room".
INSTEAD = {
    r"(?<!make )rooms?(?! for\b)": "framework, framework package, backend; capacity",
    r"(house|door)s?": "package; entry point, interface",
    r"citizens?": "supported by",
    r"told": "named, given, configured, reported",
    r"(give|gives|gave|given|giving) (\w+ )?values": "materialize, initialize",
    r"let(s|ting)? go": "release",
    r"not to be had": "not available, not supported",
    r"shall count": "is used",
    r"is no \w+( \w+)? here": "there is no ...; was not found",
    r"afresh|anew": "again, from the beginning",
    r"fresh(ly)?": "new, newly initialized, initial",
    r"whoever": "code that, callers that",
    r"teach(es)? nothing": "has no label, is ignored by the loss",
    r"so many (?!\w+ that\b)": "that number of, the first n",
    r"the way to": "how to",
    r"settle[sd]?|settling": "check, decide",
    r"beside": "next to, in addition to",
    r"(has|have) not(?=[.,;:]|$)": "does not have",
    r"which (nothing|nobody) (reads|can)": "that no code ...",
    r"what is to be": "the ... to load, to do",
    r"unasked": "by default",
    r"bad(e)? (it|them) to|bidden": "asked to",
    r"[Ss]pec \d[\d.]*": "a reference that is part of the repository",
}
WORDS = {
    re.compile(rf"(?<![\w`])(?:{words})(?!\w)", re.IGNORECASE): INSTEAD[words] for words in INSTEAD
}
NAMES = re.compile(r"(?:^|_)(?:rooms?|doors?|houses?|told|fresh|afresh|anew|settle|whoever)(?:_|$)")

PYTHON = sorted(
    path for folder in ("src", "examples", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Texts of data sets and of answers, not of this project: file -> words.
ALLOWED: dict[str, set[str]] = {}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """The line and text of every string, comment and suspicious name of a file; a page's lines."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from enumerate(source.splitlines(), start=1)
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
        elif token.type == tokenize.NAME and NAMES.search(token.string):
            yield token.start[0], token.string.replace("_", " ")


def findings(path: Path) -> list[str]:
    """Every word of the list in a file, with what to say instead."""
    allowed = ALLOWED.get(path.relative_to(ROOT).as_posix(), set())
    found = []
    for line, text in texts(path):
        plain = " ".join(text.split())
        for pattern, instead in WORDS.items():
            found += [
                f"{path.relative_to(ROOT)}:{line}: {match[0]!r} in "
                f"{plain[max(0, match.start() - 30) : match.end() + 30]!r}; say: {instead}"
                for match in pattern.finditer(plain)
                if match[0].lower() not in allowed
            ]
    return found


def test_the_code_speaks_plain_english() -> None:
    assert [line for path in PYTHON for line in findings(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_speaks_plain_english(page: Path) -> None:
    assert findings(page) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the framework's room", ["room"]),
        ("make room for the weights", []),
        ("Problems are told at once; weights start afresh.", ["told", "afresh"]),
        ("`told` is code, untold is another word", []),
    ],
)
def test_words_are_found_and_ordinary_uses_are_not(text: str, words: list[str]) -> None:
    assert [match[0] for pattern in WORDS for match in pattern.finditer(text)] == words
