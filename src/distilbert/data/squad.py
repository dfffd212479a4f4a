"""Rows of SQuAD documents (1.1 and 2.0): articles, their paragraphs and the questions on them.

Knows the structure of the document; whether an answer is at its offset is checked by the task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from distilbert.data.problems import Problems
from distilbert.data.rows import Row

NOT_SQUAD = 'A SQuAD document needs "data", a list of articles that have "paragraphs".'
NO_CONTEXT = 'A paragraph needs "context", a text, and "qas", a list of questions.'
NOT_A_QUESTION = 'A question needs "id", "question" and "answers", a list of {text, answer_start}.'
ANSWER = ("text", "answer_start")


def read_squad(document: Any, name: str, problems: Problems) -> Iterator[Row]:
    """One row per question: `id`, `question`, `context`, `answers`, `is_impossible`.

    `answers` is {text: [...], answer_start: [...]}, with offsets in characters. A question without
    `is_impossible` (SQuAD 1.1) is impossible if it has no answers, as in the official script. A
    place is the path of the question in the document.
    """
    articles = document.get("data") if isinstance(document, Mapping) else document
    if not isinstance(articles, list):
        problems.add(NOT_SQUAD, name, _kind(document))
        return
    for i, article in enumerate(articles):
        paragraphs = article.get("paragraphs") if isinstance(article, Mapping) else None
        if not isinstance(paragraphs, list):
            problems.add(NOT_SQUAD, f"{name} data[{i}]", _kind(article))
            continue
        for j, paragraph in enumerate(paragraphs):
            yield from _questions(paragraph, f"{name} data[{i}].paragraphs[{j}]", problems)


def _questions(paragraph: Any, place: str, problems: Problems) -> Iterator[Row]:
    match paragraph:
        case {"context": str(context), "qas": list(questions)}:
            for k, question in enumerate(questions):
                row = _row(question, context)
                if row is None:
                    problems.add(NOT_A_QUESTION, f"{place}.qas[{k}]", question)
                else:
                    yield Row(row, f"{place}.qas[{k}]")
        case _:
            problems.add(NO_CONTEXT, place, _kind(paragraph))


def _row(question: Any, context: str) -> dict[str, Any] | None:
    if not isinstance(question, Mapping) or not {"id", "question"} <= set(question):
        return None
    answers = question.get("answers", [])
    if not isinstance(answers, list) or not all(map(_is_answer, answers)):
        return None
    return {
        "id": question["id"],
        "question": question["question"],
        "context": context,
        "answers": {name: [answer[name] for answer in answers] for name in ANSWER},
        "is_impossible": bool(question.get("is_impossible", not answers)),
    }


def _is_answer(answer: Any) -> bool:
    return isinstance(answer, Mapping) and set(ANSWER) <= set(answer)


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"an object with {', '.join(map(str, value)) or 'no keys'}"
    return f"a {type(value).__name__}"
