"""From which score on "there is no answer" is the better answer (SQuAD 2.0)."""

from __future__ import annotations

import numpy as np


def best_threshold(
    doubt: np.ndarray, score: np.ndarray, null_score: np.ndarray
) -> tuple[float, float]:
    """The threshold with the highest mean score, and that score.

    Args:
        doubt: how much better "no answer" is than the best answer, (E,).
        score: what the best answer scores, (E,).
        null_score: what "no answer" scores, (E,).

    Returns:
        An answer is given where `doubt` <= threshold. Among equally good thresholds the lowest
        counts, as in the official script. That script steps through equal doubts one by one; here
        they stand or fall together, as they do when the threshold is used.
    """
    if not len(doubt):
        return 0.0, 0.0
    order = np.argsort(doubt, kind="stable")
    sorted_doubt = doubt[order]
    totals = null_score.sum() + np.cumsum((score - null_score)[order])
    settled = np.append(sorted_doubt[1:] != sorted_doubt[:-1], True)
    totals = np.append(null_score.sum(), totals[settled])
    below = np.nextafter(sorted_doubt[0], -np.inf)  # no answer at all
    thresholds = np.append(below, sorted_doubt[settled])
    best = int(totals.argmax())
    return float(thresholds[best]), float(totals[best]) / len(doubt)
