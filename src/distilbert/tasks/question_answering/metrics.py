"""Exact match and F1 of answers to questions, equal to the official scripts of SQuAD 1.1 and 2.0.

Scores of one answer are 0 to 1; those of a data set are percent, as the scripts print them.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)  # ASCII only, in any language
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def normalize(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and extra white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def span_scores(prediction: str, golds: Sequence[str], *, version: int = 2) -> tuple[float, float]:
    """Exact match and F1 of one answer: each the best over the true answers.

    In `version` 2 true answers of which nothing is left do not count, and where there is no other
    the empty answer is right. In `version` 1 they count, and F1 of an empty answer is always 0.
    """
    said, true = normalize(prediction), [normalize(gold) for gold in golds]
    if version == 2:
        true = [gold for gold in true if gold] or [""]
    exact = max((float(said == gold) for gold in true), default=0.0)
    return exact, max((_f1(said.split(), gold.split(), version) for gold in true), default=0.0)


def _f1(said: list[str], true: list[str], version: int) -> float:
    if version == 2 and not (said and true):
        return float(said == true)
    common = sum((Counter(said) & Counter(true)).values())
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(true)
    return 2 * precision * recall / (precision + recall)


def summarize(exact: np.ndarray, f1: np.ndarray, answerable: np.ndarray) -> dict[str, float]:
    """The mean scores (E,) in percent; where some questions have no answer, also of both kinds."""
    scores = {"exact": _percent(exact), "f1": _percent(f1)}
    if not answerable.all():
        for name, chosen in (("HasAns", answerable), ("NoAns", ~answerable)):
            if chosen.any():
                scores[f"{name}_exact"] = _percent(exact[chosen])
                scores[f"{name}_f1"] = _percent(f1[chosen])
    return scores


def _percent(scores: np.ndarray) -> float:
    return 100.0 * float(scores.mean()) if len(scores) else float("nan")


def squad_scores(
    golds: Mapping[str, Sequence[str]], predictions: Mapping[str, str], *, version: int = 2
) -> dict[str, float]:
    """Scores of a prediction per question; a question without prediction scores 0.

    `golds` maps the id of a question to its true answers, none where it has no answer.
    """
    pairs = [
        span_scores(predictions[key], true, version=version) if key in predictions else (0.0, 0.0)
        for key, true in golds.items()
    ]
    exact, f1 = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    answerable = np.array([bool(true) for true in golds.values()], dtype=bool)
    return summarize(exact, f1, answerable)
