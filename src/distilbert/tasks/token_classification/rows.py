"""Rows of tagged text as sentences of words with a tag each, in the forms that data sets have.

Three forms are read: lists of words and of tags; a text with spans of characters, as annotation
tools write them; and one word per row. Does not know which tags a model has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.columns import (
    column_names,
    first_column,
    is_list,
    missing_columns,
    read_list,
)
from distilbert.tasks.token_classification.entities import OUTSIDE

# Usual names of columns: lists; words alone; spans of a text; numbers of sentences.
TOKENS, TAGS = ("tokens", "words"), ("tags", "ner_tags", "pos_tags", "labels", "label")
WORD, WORD_TAG = ("word", "token", "form"), ("tag", "ner_tag", "label", "ner", "pos")
TEXT, SPANS = "text", ("spans", "entities", "label", "labels", "annotations")
SENTENCES = ("sentence", "sentence_id", "sentence #", "sentence_idx", "sent_id", "sent")
# Keys of a span, as Prodigy, doccano, Label Studio and LightTag name them.
START, END = ("start", "start_offset", "begin"), ("end", "end_offset", "stop")
KIND = ("label", "labels", "type", "entity", "entity_group", "tag")
# A word of a text with spans: tokenizers never join two of these.
PIECES = re.compile(r"\w+|[^\w\s]")
PREFIXED = re.compile(r"[BIESLUM]-.+")
ZERO = "0"

NOT_TEXTS = "Tokens and tags must be lists of texts that are not empty."
NOT_A_TEXT = "A text with spans must be text that is not empty."
NOT_SPANS = "Spans must be a list of {start, end, label} or [start, end, label], in characters."
NOT_WORDS = "A span must begin and end where words of the text do, and overlap no other."
NOT_A_WORD = "A row with a word must have its tag."
NO_SENTENCES = (
    "Files with one word per row need a column that says which sentence each word is in: set "
    "`sentence`."
)


@dataclass(frozen=True, slots=True)
class TagColumns:
    """Names of columns, None to guess them."""

    tokens: str | None = None
    tags: str | None = None
    sentence: str | None = None


@dataclass(frozen=True, slots=True)
class Tagged:
    """Words and the tag of each as a row has them: their numbers may differ."""

    words: list[str]
    tags: list[str]
    place: str


def tagged_sentences(rows: Sequence[Row], columns: TagColumns, problems: Problems) -> list[Tagged]:
    """The sentences of valid rows; what is wrong with the others is added to `problems`.

    Tags that are numbers are texts of digits. The digit 0 among tags with prefixes is the letter O.
    """
    names = column_names(rows)
    tokens = columns.tokens or first_column(TOKENS, names)
    tags = columns.tags or first_column([name for name in TAGS if name != tokens], names)
    if tokens in names and tags in names and _has_lists(rows, tokens):
        found = _of_lists(rows, tokens, tags, problems)
    elif spans := _span_column(rows, names, columns):
        found = _of_spans(rows, spans, problems)
    elif words := _word_columns(names, columns):
        found = _of_words(rows, *words, problems)
    else:
        wanted = [("tokens", tokens), ("tags", tags)]
        missing_columns(rows, wanted, problems, task="token-classification")
        return []
    return _with_letters(list(found))


def _has_lists(rows: Sequence[Row], column: str | None) -> bool:
    """Whether the first value of a column is a list, or what should have been one."""
    values = (row.value(column) for row in rows)
    first = next((value for value in values if value is not None), None)
    return not isinstance(first, str) or _texts(first) is not None


def _of_lists(
    rows: Sequence[Row], tokens: str | None, tags: str | None, problems: Problems
) -> Iterator[Tagged]:
    for row in rows:
        given = {name: row.values.get(name) for name in (tokens or "", tags or "")}
        words, labels = _texts(given[tokens or ""]), _tags(given[tags or ""])
        if words is None or labels is None:
            problems.add(NOT_TEXTS, row.place, given)
        else:
            yield Tagged(words, labels, row.place)


def _texts(value: Any) -> list[str] | None:
    """A list of texts that are not empty; None for anything else."""
    items = read_list(value)
    if items is None or not all(isinstance(text, str) and text for text in items):
        return None
    return list(items)


def _tags(value: Any) -> list[str] | None:
    """A list of tags without white space around them, numbers as digits; None for anything else."""
    items = read_list(value)
    if items is not None and all(_is_integer(tag) for tag in items):
        return [str(int(tag)) for tag in items]
    texts = _texts(value)
    return None if texts is None else [text.strip() for text in texts]


def _is_integer(value: Any) -> TypeGuard[int]:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _span_column(rows: Sequence[Row], names: Sequence[str], columns: TagColumns) -> str | None:
    """The column of spans of a table with a column `text`; None if it has no lists of spans."""
    if TEXT not in names or columns.tokens is not None:
        return None
    name = columns.tags or first_column(SPANS, names)
    return name if any(is_list(row.value(name)) for row in rows) else None


def _of_spans(rows: Sequence[Row], column: str, problems: Problems) -> Iterator[Tagged]:
    for row in rows:
        text, given = row.values.get(TEXT), row.values.get(column)
        if not isinstance(text, str) or not text.strip():
            problems.add(NOT_A_TEXT, row.place, text)
            continue
        spans = [_span(one) for one in given] if is_list(given) else [None]
        words = [(match.start(), match.end()) for match in PIECES.finditer(text)]
        tags = [OUTSIDE] * len(words)
        for span, one in zip(spans, given if is_list(given) else [given], strict=True):
            if span is None:
                problems.add(NOT_SPANS, row.place, one)
                break
            if not _mark(tags, words, text, span):
                problems.add(NOT_WORDS, row.place, f"{text[span[0] : span[1]]} at {span[0]}")
                break
        else:
            yield Tagged([text[a:b] for a, b in words], tags, row.place)


def _span(value: Any) -> tuple[int, int, str] | None:
    """Start, end and label of a span; None if it has none."""
    if isinstance(value, Mapping):
        start, end, kind = (
            next((value[key] for key in keys if key in value), None) for keys in (START, END, KIND)
        )
        kind = kind[0] if is_list(kind) and len(kind) == 1 else kind
    elif is_list(value) and len(value) == 3:
        start, end, kind = value
    else:
        return None
    if not _is_integer(start) or not _is_integer(end) or not isinstance(kind, str):
        return None
    return (int(start), int(end), kind.strip()) if kind.strip() else None


def _mark(
    tags: list[str], words: Sequence[tuple[int, int]], text: str, span: tuple[int, int, str]
) -> bool:
    """Tag the words of a span; False if it ends inside a word, or if one has a tag already."""
    start, end, kind = span
    inside = [i for i, (a, b) in enumerate(words) if a < end and b > start]
    if not inside or start < 0 or any(tags[i] != OUTSIDE for i in inside):
        return False
    first, last = words[inside[0]][0], words[inside[-1]][1]
    if first < start or last > end or text[start:first].strip() or text[last:end].strip():
        return False
    for i in inside:
        tags[i] = f"I-{kind}" if i > inside[0] else f"B-{kind}"
    return True


def _word_columns(names: Sequence[str], columns: TagColumns) -> tuple[str, str, str | None] | None:
    """The columns of word, tag and sentence in a table with one word per row; None without them."""
    word = columns.tokens or first_column((*WORD, *TOKENS), names)
    tag = columns.tags or first_column((*WORD_TAG, *TAGS), names)
    if word not in names or tag not in names or word is None or tag is None:
        return None
    others = [name for name in names if name not in (word, tag)]
    return word, tag, columns.sentence or first_column(SENTENCES, others)


def _of_words(
    rows: Sequence[Row], word: str, tag: str, sentence: str | None, problems: Problems
) -> Iterator[Tagged]:
    """A sentence ends where the value of its column changes (an empty one does not), or at a row
    without word and tag."""
    before, found, complete = None, Tagged([], [], ""), True
    has_ends = sentence is not None or any(_is_blank(row, word, tag) for row in rows)
    if not has_ends or (sentence is not None and sentence not in column_names(rows)):
        problems.add_source(NO_SENTENCES, rows[0].columns_place)
        return
    for row in [*rows, Row({}, "")]:
        number = row.value(sentence)
        changes = number not in (None, "", before) and before is not None
        if (changes or _is_blank(row, word, tag)) and found.words:
            if complete:
                yield found
            found, complete = Tagged([], [], ""), True
        before = before if number in (None, "") else number
        if _is_blank(row, word, tag):
            continue
        text, label = (str(row.values.get(name) or "").strip() for name in (word, tag))
        if not found.words:
            found = Tagged([], [], row.place)
        if not text or not label:
            problems.add(NOT_A_WORD, row.place, {word: text, tag: label})
            complete = False
        found.words.append(text)
        found.tags.append(label)


def _is_blank(row: Row, word: str, tag: str) -> bool:
    return all(row.values.get(name) in (None, "") for name in (word, tag))


def _with_letters(sentences: list[Tagged]) -> list[Tagged]:
    """The sentences with O for the tag 0, where other tags have prefixes."""
    tags = {tag for sentence in sentences for tag in sentence.tags}
    if ZERO not in tags or not any(map(PREFIXED.fullmatch, tags)):
        return sentences
    return [
        Tagged(one.words, [OUTSIDE if tag == ZERO else tag for tag in one.tags], one.place)
        for one in sentences
    ]
