"""Scores of simple baselines on the data of run cards.

Prints, for each card, the score of the card's metric on its last split (test, else dev) for
predictions that ignore the input (majority) and for predictions from word counts: multinomial
naive Bayes for labels, the most frequent tag of a word, the overlap of words for values and
choices. The only baseline for question answering is the empty answer.

    python benchmarks/baselines.py recipes/small/*.toml
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from distilbert.finetuning.datasets import read_examples
from distilbert.finetuning.tasks import task_of
from distilbert.tasks.multiple_choice.train import MultipleChoiceTask
from distilbert.tasks.question_answering.train import QuestionAnsweringTask
from distilbert.tasks.sequence_classification.rows import MULTI, REGRESSION
from distilbert.tasks.token_classification.train import TokenClassificationTask
from distilbert.training.card_file import read_card

WORD = re.compile(r"\w+|[^\w\s]")
SMOOTHING = 1.0


def words(text: str) -> list[str]:
    """Lower-case words and marks."""
    return WORD.findall(text.lower())


def overlap(first: str, second: str) -> float:
    """The fraction of all distinct words that occur in both texts."""
    a, b = set(words(first)), set(words(second))
    return len(a & b) / max(1, len(a | b))


class NaiveBayes:
    """Multinomial naive Bayes over words with add-one smoothing; one label out of N."""

    def __init__(self, texts: Sequence[list[str]], truths: Sequence[int], n_labels: int) -> None:
        found = dict.fromkeys(word for text in texts for word in text)
        self.index = {word: i for i, word in enumerate(found)}
        counts = np.full((n_labels, len(self.index)), SMOOTHING)
        for text, truth in zip(texts, truths, strict=True):
            np.add.at(counts[truth], [self.index[word] for word in text], 1)
        self.words = np.log(counts / counts.sum(1, keepdims=True))
        seen = np.bincount(truths, minlength=n_labels) + SMOOTHING
        self.prior = np.log(seen / seen.sum())

    def probabilities(self, text: list[str]) -> np.ndarray:
        """(N,)"""
        known = [self.index[word] for word in text if word in self.index]
        scores = self.prior + self.words[:, known].sum(1)
        found = np.exp(scores - scores.max())
        return found / found.sum()


def of_texts(task: Any, train: Sequence[Any], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Predictions for text classification by the majority and by words."""
    if task.problem_type == REGRESSION:
        mean = float(np.mean([one.truth for one in train]))
        shared = [{"value": overlap(one.text, one.text_pair or "")} for one in rows]
        return {"mean": [{"value": mean}] * len(rows), "overlap of words": shared}
    tokens = [
        [words(f"{one.text} {one.text_pair or ''}") for one in part] for part in (train, rows)
    ]
    if task.problem_type != MULTI:
        truths = [one.truth for one in train]
        usual = np.eye(len(task.labels))[Counter(truths).most_common(1)[0][0]].tolist()
        bayes = NaiveBayes(tokens[0], truths, len(task.labels))
        said = [{"probabilities": bayes.probabilities(text).tolist()} for text in tokens[1]]
        return {"majority": [{"probabilities": usual}] * len(rows), "naive Bayes": said}
    shares = np.mean([np.isin(np.arange(len(task.labels)), one.truth) for one in train], axis=0)
    columns = []
    for label in range(len(task.labels)):
        holds = [int(label in one.truth) for one in train]
        bayes = NaiveBayes(tokens[0], holds, 2)
        columns.append([bayes.probabilities(text)[1] for text in tokens[1]])
    said = [{"probabilities": row.tolist()} for row in np.array(columns).T]
    return {"majority": [{"probabilities": shares.tolist()}] * len(rows), "naive Bayes": said}


def of_tokens(task: Any, train: Sequence[Any], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Predictions for tokens by the most frequent tag, overall and of each word."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    every: Counter[str] = Counter()
    for one in train:
        every.update(one.tags)
        for word, tag in zip(one.words, one.tags, strict=True):
            seen[word][tag] += 1
    usual = every.most_common(1)[0][0]
    best = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    return {
        "majority": [{"tags": [usual] * len(one.words)} for one in rows],
        "usual tag of a word": [{"tags": [best.get(w, usual) for w in one.words]} for one in rows],
    }


def of_choices(train: Sequence[Any], rows: Sequence[Any]) -> dict[str, list[Any]]:
    """Predictions for multiple choice by the most frequent index and by overlap of words."""
    usual = Counter(one.truth for one in train).most_common(1)[0][0]
    shared = [[overlap(one.prompt, choice) for choice in one.choices] for one in rows]
    return {
        "majority": [{"index": usual}] * len(rows),
        "overlap of words": [{"index": int(np.argmax(row))} for row in shared],
    }


def baselines(path: str) -> dict[str, float]:
    """The baselines of one card, scored with its metric."""
    card = read_card(path)
    found = read_examples(card, task_of(card))
    task: Any = found.task
    rows = found.test or found.dev
    match task:
        case TokenClassificationTask():
            answers = of_tokens(task, found.train, rows)
        case MultipleChoiceTask():
            answers = of_choices(found.train, rows)
        case QuestionAnsweringTask():
            nothing = {"text": "", "start": 0, "end": 0, "score": 0.0, "null_score": 1.0}
            answers = {"no answer": [{"id": one.id, "n_best": [], **nothing} for one in rows]}
        case _:
            answers = of_texts(task, found.train, rows)
    scores = {}
    for name, said in answers.items():
        fitted = task.tuned(rows, said) if getattr(task, "problem_type", None) == MULTI else task
        scores[name] = round(fitted.scorer(rows, said)()[task.metric], 6) + 0.0  # not -0.0
    return scores


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(json.dumps({"card": path, **baselines(path)}), flush=True)
