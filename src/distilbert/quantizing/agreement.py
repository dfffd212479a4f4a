"""How alike two runners answer the same sequences, for any head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilbert.batching import BatchPlan, padded_batch
from distilbert.heads import HEADS
from distilbert.runner import Runner
from distilbert.tasks.embedding import normalize, pool

# Padded tokens of the sample on which the effect of one layer is measured.
SAMPLE_TOKENS = 1024
Batch = dict[str, np.ndarray]
Outputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class Agreement:
    """How alike two models answer.

    Attributes:
        difference: of all outputs, root mean square, as a fraction of that of the first model's.
        same: the fraction of decisions (a label, a token, the ends of an answer) that are the same;
            None where there are no decisions.
        cosine: the mean cosine of the vectors of texts; None if the model is no encoder.
    """

    n_sequences: int
    difference: float
    same: float | None = None
    cosine: float | None = None


def batches_of(
    sequences: Sequence[np.ndarray], head: str, *, pad_id: int, batch_tokens: int
) -> Iterator[Batch]:
    """Padded batches of all sequences, as `run_batch` takes them."""
    for numbers in BatchPlan.by_length([len(ids) for ids in sequences], batch_tokens):
        batch = padded_batch([sequences[i] for i in numbers], pad_id=pad_id)
        if HEADS[head].input_axes == ("B", "C", "S"):
            batch = {name: array[:, None] for name, array in batch.items()}
        yield batch


def sample_of(sequences: Sequence[np.ndarray], *, seed: int) -> list[np.ndarray]:
    """Sequences at random, at least one and then as many as `SAMPLE_TOKENS` hold."""
    kept, n_tokens = [], 0
    for number in np.random.default_rng(seed).permutation(len(sequences)):
        n_tokens += len(sequences[number])
        if kept and n_tokens > SAMPLE_TOKENS:
            break
        kept.append(sequences[number])
    return kept


def visible_outputs(runner: Runner, batch: Batch) -> Outputs:
    """The outputs of a batch, without those at padding: (T, ...) for each with an S axis."""
    return _visible(runner.run_batch(batch), batch["attention_mask"] != 0, runner.head)


def _visible(outputs: Outputs, mask: np.ndarray, head: str) -> Outputs:
    axes = HEADS[head].outputs
    return {name: a[mask] if "S" in axes[name] else a for name, a in outputs.items()}


def error_of(first: Outputs, second: Outputs) -> np.ndarray:
    """The sums of squares of the differences and of the first outputs, float64 (2,)."""
    pairs = [(first[name].astype(np.float64), second[name]) for name in first]
    return np.array(
        [sum(((a - b) ** 2).sum() for a, b in pairs), sum((a**2).sum() for a, _ in pairs)]
    )


def measure_agreement(
    first: Runner,
    second: Runner,
    sequences: Sequence[np.ndarray],
    *,
    pad_id: int,
    pooling: str | None = None,
) -> Agreement:
    """Compare two runners of one head on the same sequences.

    Args:
        pooling: how an encoder makes one vector of a text, by default the mean.
    """
    errors, same, cosines = np.zeros(2), [], []
    tokens = first.preferred_batch_tokens
    for batch in batches_of(sequences, first.head, pad_id=pad_id, batch_tokens=tokens):
        pair = [runner.run_batch(batch) for runner in (first, second)]
        mask = batch["attention_mask"] != 0
        errors += error_of(*(_visible(one, mask, first.head) for one in pair))
        if first.head == "base":
            cosines.append(_cosines(pair, mask, pooling))
        elif (decided := _decisions(first, pair, mask)) is not None:
            same.append(decided[0] == decided[1])
    return Agreement(
        n_sequences=len(sequences),
        difference=float(np.sqrt(errors[0] / errors[1])) if errors[1] else 0.0,
        same=float(np.concatenate(same).mean()) if same else None,
        cosine=float(np.concatenate(cosines).mean()) if cosines else None,
    )


def _cosines(pair: list[Outputs], mask: np.ndarray, pooling: str | None) -> np.ndarray:
    """The cosine of the vectors of each text, (B,)."""
    mode: Any = pooling or "mean"
    rows = [zip(one["last_hidden_state"], mask, strict=True) for one in pair]
    vectors = [normalize(np.stack([pool(s[real], mode) for s, real in each])) for each in rows]
    return (vectors[0] * vectors[1]).sum(axis=-1)


def _decisions(runner: Runner, pair: list[Outputs], mask: np.ndarray) -> list[np.ndarray] | None:
    """What each model decides, an array of one axis; None for a model that predicts values."""
    config, head = runner.config, runner.head
    if head == "question_answering":
        ends = [
            [np.where(mask, one[name], -np.inf).argmax(axis=1) for name in HEADS[head].outputs]
            for one in pair
        ]
        return [start * mask.shape[1] + end for start, end in ends]
    if head == "multiple_choice":  # each sequence is the only choice of its row
        return None
    if head == "sequence_classification":
        if config.problem_type == "regression" or config.num_labels == 1:
            return None
        if config.problem_type == "multi_label_classification":
            return [(one["logits"] > 0).ravel() for one in pair]
        return [one["logits"].argmax(axis=1) for one in pair]
    return [one["logits"][mask].argmax(axis=1) for one in pair]
