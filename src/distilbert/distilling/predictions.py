"""How a masked-LM predicts masked tokens of texts, and whether its head was trained at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from distilbert.batching import run_windows
from distilbert.data.corpus_files import Corpus
from distilbert.distilling.assembly import (
    FRAMEWORK,
    Teacher,
    losses_that_predict,
    need_of_head,
    request_of,
)
from distilbert.distilling.card import MASK_PROBABILITY, AdaptCard, DistillCard
from distilbert.errors import InputError
from distilbert.heads import IGNORED_LABEL
from distilbert.opening import framework_module
from distilbert.runner import Runner
from distilbert.tasks.masked_lm.masking import Vocabulary, mask
from distilbert.tasks.probability import log_softmax

# Tokens of held-out texts on which a teacher is tried; a few hundred of them are masked.
TRIED_TOKENS = 4096


def runner_of(of: Teacher, head: str, device: str | None) -> Runner:
    """A model in PyTorch, ready to evaluate."""
    module = framework_module(FRAMEWORK, "runner", "compare models")
    return module.load_runner(request_of(of.weights, head), device=device)


def masked_windows(
    tokenizer: Any, windows: Sequence[np.ndarray], seed: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Windows (S,) with masked tokens, and their true ids, -100 where none is masked."""
    seen, labels = mask(
        windows,
        [np.arange(len(ids)) for ids in windows],
        probability=MASK_PROBABILITY,
        vocabulary=Vocabulary.of(tokenizer),
        rngs=[np.random.default_rng((seed, number)) for number in range(len(windows))],
    )
    ends = np.cumsum([len(ids) for ids in windows])[:-1]
    return np.split(seen, ends), np.split(labels, ends)


def predict_masked(
    runner: Runner, seen: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest ids of all M masked tokens, and the cross entropies of the true ones (M,)."""
    positions = [np.flatnonzero(row != IGNORED_LABEL) for row in labels]

    def kept(number: int, outputs: Any) -> tuple[np.ndarray, np.ndarray]:
        logs, true = log_softmax(outputs["logits"]), labels[number][positions[number]]
        return logs.argmax(-1), -logs[np.arange(len(true)), true]

    found = run_windows(runner, seen, kept, positions=positions)
    best, losses = zip(*found, strict=True)
    return np.concatenate(best), np.concatenate(losses)


def check_predictions(
    card: DistillCard, teacher: Teacher, corpus: Corpus, held_out: np.ndarray
) -> None:
    """Check that the head of a teacher that is to teach predictions was trained.

    Names do not show a head with new weights, which some programs add to an encoder that they save.
    With the option `allow_untrained` of loading, nothing is checked.

    Args:
        held_out: numbers of sequences of the corpus, of which the first few are tried.

    Raises:
        InputError: it predicts masked tokens no better than their frequencies in the corpus do.
    """
    wanted = losses_that_predict(card)
    is_exempt = isinstance(card, AdaptCard) or teacher.found.options.allow_untrained
    if not wanted or is_exempt:
        return
    fits = np.cumsum(corpus.lengths[held_out].astype(np.int64)) <= TRIED_TOKENS
    windows = [corpus[n] for n in held_out[: max(1, fits.sum())]]
    seen, labels = masked_windows(teacher.tokenizer, windows, card.seed)
    runner = runner_of(teacher, "masked_lm", card.run.device)
    loss = float(predict_masked(runner, seen, labels)[1].mean())
    by_frequency = _by_frequency(corpus.counts, Vocabulary.of(teacher.tokenizer), labels)
    if not loss < by_frequency:
        raise InputError(
            f"{need_of_head(wanted)}: the cross entropy of masked tokens of held-out texts is "
            f"{loss:.2f} by {teacher.found.name}, and {by_frequency:.2f} by their frequencies "
            "alone. Train it with `distilbert adapt`, or set "
            f"{' and '.join(f'{name} = 0' for name in wanted)}. With `allow_untrained` it teaches "
            "as it is."
        )


def _by_frequency(
    counts: np.ndarray, vocabulary: Vocabulary, labels: Sequence[np.ndarray]
) -> float:
    """The mean cross entropy of labels by the frequencies of ids (V,) in a corpus."""
    frequencies = counts + 1.0  # none is impossible
    frequencies[vocabulary.special_ids[vocabulary.special_ids < len(counts)]] = 0.0
    true = np.concatenate(labels)
    true = true[true != IGNORED_LABEL]
    return float(-np.log(frequencies[true] / frequencies.sum()).mean())
