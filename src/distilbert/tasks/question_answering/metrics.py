"""Exact match and F1 of answers to questions, equal to the official scripts of SQuAD 1.1 and 2.0.

Scores of one answer are between 0 and 1; those of a data set are percentages, as in the scripts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import numpy as np

from distilbert.tasks.metrics import ranked

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)  # ASCII only, in any language
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalize(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and extra white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def span_scores(prediction: str, golds: Sequence[str], *, version: int = 2) -> tuple[float, float]:
    """Exact match and F1 of one answer: each the best over the true answers.

    In `version` 2 true answers that are empty once normalized do not count, and without any other
    the empty answer is right. In `version` 1 they count, and F1 of an empty answer is always 0.
    """
    given, true = normalize(prediction), [normalize(gold) for gold in golds]
    if version == 2:
        true = [gold for gold in true if gold] or [""]
    exact = max((float(given == gold) for gold in true), default=0.0)
    return exact, max((_f1(given.split(), gold.split(), version) for gold in true), default=0.0)


def _f1(given: list[str], true: list[str], version: int) -> float:
    if version == 2 and not (given and true):
        return float(given == true)
    common = sum((Counter(given) & Counter(true)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(true)
    return 2 * precision * recall / (precision + recall)


def summarize(exact: np.ndarray, f1: np.ndarray, answerable: np.ndarray) -> dict[str, float]:
    """The mean scores (E,) in percent; also of both kinds if some questions have no answer."""
    scores = {"exact": _percent(exact), "f1": _percent(f1)}
    if not answerable.all():
        for name, chosen in (("HasAns", answerable), ("NoAns", ~answerable)):
            if chosen.any():
                scores[f"{name}_exact"] = _percent(exact[chosen])
                scores[f"{name}_f1"] = _percent(f1[chosen])
    return scores


def _percent(scores: np.ndarray) -> float:
    return 100.0 * float(scores.mean()) if len(scores) else float("nan")


def best_null_threshold(
    null_margin: np.ndarray, score: np.ndarray, null_score: np.ndarray
) -> tuple[float, float]:
    """From which margin on "no answer" is the better answer (SQuAD 2.0).

    Args:
        null_margin: the model's score of "no answer" minus that of the best answer, (E,).
        score: what the best answer is worth, (E,).
        null_score: what "no answer" is worth, (E,).

    Returns:
        The threshold with the highest mean worth, and that mean. An answer is given if
        `null_margin` <= threshold. Of equally good thresholds the lowest is returned, as by the
        official script. That script treats equal margins one by one; here they are decided
        together, as they are when the threshold is used.
    """
    if not len(null_margin):
        return 0.0, 0.0
    order, ends = ranked(-null_margin)
    totals = null_score.sum() + np.cumsum((score - null_score)[order])
    margins = null_margin[order]
    totals = np.append(null_score.sum(), totals[ends])
    thresholds = np.append(np.nextafter(margins[0], -np.inf), margins[ends])  # first: no answers
    best = int(totals.argmax())
    return float(thresholds[best]), float(totals[best]) / len(margins)
