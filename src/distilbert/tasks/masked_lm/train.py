"""Training and scoring of masked language modelling: texts as windows with masked tokens.

Trains on any text, so it adapts a model to a domain. Which tokens are masked is decided in
`masking.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from distilbert.batching import padded_batch
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.heads import IGNORED_LABEL
from distilbert.tasks import defaults
from distilbert.tasks.columns import MISSING, is_text, text_column
from distilbert.tasks.masked_lm.masking import NO_UNIT, Vocabulary, mask, units
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.task import Answer, Feature, Scorer, by_example, scorer_of
from distilbert.tasks.windows import N_SPECIAL_SINGLE, Tokenizer, single_windows, template_ids

SEED = 20190901  # any number would do
LARGEST_LOSS = 700.0  # whose exponential is still finite
NOT_A_TEXT = "A text must be a text that is not empty."


@dataclass(frozen=True, slots=True)
class Text:
    """A text to learn."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """The losses of the masked tokens, float64 (K,), and how many were predicted correctly."""

    losses: np.ndarray
    n_correct: int


@dataclass(frozen=True)
class MaskedLMTask:
    """Predict `mask_probability` of the tokens, by `whole_words` or piece by piece.

    Each row is an example, divided into windows that share `overlap` tokens if it is long. With
    `join_texts` consecutive rows follow each other without a break, and windows are full and share
    nothing: for texts with one paragraph or sentence per line. `seed` draws the fixed masks of
    evaluation, so only losses with the same seed can be compared.
    """

    mask_probability: float = 0.15
    whole_words: bool = True
    join_texts: bool = False
    max_length: int = 128
    overlap: int | None = None
    seed: int = SEED
    text: str | None = None
    missing: tuple[str, ...] = MISSING
    chosen_metric: str | None = None

    head = "masked_lm"
    remembered = ("max_length", "overlap", "mask_probability", "whole_words", "join_texts")
    score_names = ("loss", "perplexity", "accuracy")
    with_config = defaults.with_config
    config_changes = defaults.config_changes
    class_weights = defaults.class_weights
    tuned = defaults.tuned
    decided = defaults.decided

    @property
    def metric(self) -> str:
        """The loss on fixed masks, unless another score is chosen."""
        return self.chosen_metric or "loss"

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Itself: a text is its label."""
        return self

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Text]:
        """Texts that contain more than white space."""
        rows = list(rows)
        name = text_column(rows, self.text, problems)
        if name is None:
            return []
        texts = []
        for row in rows:
            text, missing = row.values.get(name), () if row.is_text else self.missing
            if is_text(text, missing):
                texts.append(Text(text, row.place))
            else:
                problems.add(NOT_A_TEXT, row.place, text)
        return texts

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Text], *, training: bool
    ) -> list[Feature]:
        """A feature per window.

        For training, its `detail` says which tokens are masked together; masks are drawn for each
        batch. For evaluation tokens are masked already, and `detail` holds their true ids (K,); the
        masks are the same in every run and framework: they depend only on `seed` and the numbers of
        the example and its window.
        """
        windows = self._windows(tokenizer, [example.text for example in examples])
        if training:
            return [Feature((ids,), {}, example, detail=unit) for example, ids, unit in windows]
        vocabulary = Vocabulary.of(tokenizer)
        features: list[Feature] = []
        number = 0
        for example, ids, unit in windows:
            number = number + 1 if features and features[-1].example == example else 0
            seen, labels = mask(
                [ids],
                [unit],
                probability=self.mask_probability,
                vocabulary=vocabulary,
                rngs=[np.random.default_rng((self.seed, example, number))],
            )
            positions = np.flatnonzero(labels != IGNORED_LABEL)
            features.append(Feature((seen,), {}, example, positions, labels[positions]))
        return features

    def _windows(
        self, tokenizer: Tokenizer, texts: Sequence[str]
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The number of the example, ids (S,) and units (S,) of each window."""
        if self.whole_words:
            tokens = [(ids, units(words)) for ids, _, words in tokenizer.located_tokens(texts)]
        else:
            tokens = [(ids, np.arange(len(ids))) for ids in tokenizer.token_ids(texts)]
        if self.join_texts:
            yield from self._joined(tokenizer, tokens)
            return
        for number, (ids, unit) in enumerate(tokens):
            for window in single_windows(
                tokenizer, ids, max_length=self.max_length, overlap=self.overlap or 0
            ):
                yield number, window.ids, _framed(unit[window.start : window.stop])

    def _joined(
        self, tokenizer: Tokenizer, tokens: Sequence[tuple[np.ndarray, np.ndarray]]
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The windows of all texts joined; one belongs to the text in which it begins."""
        if not tokens:
            return
        cls, sep = template_ids(tokenizer)
        capacity = self.max_length - N_SPECIAL_SINGLE
        lengths = np.array([len(ids) for ids, _ in tokens])
        ids = np.concatenate([ids for ids, _ in tokens])
        text_of = np.repeat(np.arange(len(lengths)), lengths)
        # No text has more units than tokens, so its numbers stay below those of the next.
        unit = np.concatenate([unit for _, unit in tokens])
        unit += np.repeat(np.cumsum(lengths) - lengths, lengths)
        for start in range(0, len(ids), capacity):
            part = slice(start, start + capacity)
            yield int(text_of[start]), np.concatenate((cls, ids[part], sep)), _framed(unit[part])

    def batch(
        self, tokenizer: Tokenizer, features: Sequence[Feature], rngs: Iterable[np.random.Generator]
    ) -> dict[str, np.ndarray]:
        """A padded batch with new masks and `labels` (B, S)."""
        batch = padded_batch([feature.sequences[0] for feature in features])
        seen, true = mask(
            [feature.sequences[0] for feature in features],
            [feature.detail for feature in features],
            probability=self.mask_probability,
            vocabulary=Vocabulary.of(tokenizer),
            rngs=rngs,
        )
        is_token = batch["attention_mask"].astype(bool)
        labels = np.full(is_token.shape, IGNORED_LABEL, dtype=np.int64)
        batch["input_ids"][is_token] = seen
        labels[is_token] = true
        return {**batch, "labels": labels}

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> Prediction:
        """The losses of the masked tokens and how many are predicted correctly, from their logits
        (K, V)."""
        logits, truth = outputs["logits"], feature.detail
        if not len(logits):
            return Prediction(np.zeros(0), 0)
        losses = -log_softmax(logits)[np.arange(len(logits)), truth]
        return Prediction(losses, int((logits.argmax(axis=-1) == truth).sum()))

    def answers(
        self, examples: Sequence[Text], features: Sequence[Feature], kept: Sequence[Prediction]
    ) -> list[Answer]:
        """`hidden`, the number of masked tokens; `correct`, how many of them were predicted; and
        `loss`, their sum."""
        return [
            {
                "hidden": sum(len(prediction.losses) for _, prediction in windows),
                "correct": sum(prediction.n_correct for _, prediction in windows),
                "loss": sum((float(prediction.losses.sum()) for _, prediction in windows), 0.0),
            }
            for windows in by_example(examples, features, kept)
        ]

    def scorer(self, examples: Sequence[Text], answers: Sequence[Answer]) -> Scorer:
        """`loss`, the mean over masked tokens; `perplexity`, its exponential; `accuracy`."""
        return scorer_of(_scores, _sums(answers))

    def losses(self, examples: Sequence[Text], answers: Sequence[Answer]) -> np.ndarray:
        """The mean over the masked tokens of each example (E,); that of all where there is none."""
        loss, _, n_masked = _sums(answers).T
        mean = loss.sum() / max(n_masked.sum(), 1.0)
        return np.divide(loss, n_masked, out=np.full(len(loss), mean), where=n_masked > 0)

    def tables(self, examples: Sequence[Text], answers: Sequence[Answer]) -> dict[str, Any]:
        """The number of masked tokens."""
        return {"hidden_tokens": sum(answer["hidden"] for answer in answers)}

    def describe(self, example: Text) -> str:
        """The text in one line."""
        return " ".join(example.text.split())

    def record(self, example: Text) -> dict[str, Any]:
        """`row` and `text`."""
        return {"row": example.place, "text": example.text}


def _scores(sums: np.ndarray) -> dict[str, float]:
    loss, correct, n_masked = sums.sum(axis=0)
    mean = float(loss / max(n_masked, 1.0))
    return {
        "loss": mean,
        "perplexity": float(np.exp(min(mean, LARGEST_LOSS))),
        "accuracy": float(correct / max(n_masked, 1.0)),
    }


def _sums(answers: Sequence[Answer]) -> np.ndarray:
    """The loss, the correct tokens and the masked tokens of each answer, float64 (E, 3)."""
    sums = [[answer["loss"], answer["correct"], answer["hidden"]] for answer in answers]
    return np.array(sums, dtype=np.float64).reshape(-1, 3)


def _framed(unit: np.ndarray) -> np.ndarray:
    """Units with those of `[CLS]` and `[SEP]`, which are never masked, around them."""
    return np.concatenate(([NO_UNIT], unit, [NO_UNIT]))
