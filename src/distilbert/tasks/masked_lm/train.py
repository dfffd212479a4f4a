"""Masked language modelling: texts as windows whose tokens are hidden and guessed.

Trains on any text, so it is how a model is fitted to a domain. Which tokens are hidden is decided
in `masking.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.heads import IGNORED_LABEL
from distilbert.tasks.collation import collate
from distilbert.tasks.masked_lm.masking import NO_UNIT, Vocabulary, mask, units
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.task import Answer, Feature, Scorer
from distilbert.tasks.windows import (
    N_SPECIAL_SINGLE,
    Tokenizer,
    Tokens,
    single_windows,
    template_ids,
    tokenize,
)

PADDING = 0  # is masked, so which id it is does not matter
SEED = 20190901  # any number would do
LARGEST_LOSS = 700.0  # whose exponential is still a number
NOT_A_TEXT = "A text must be a text that is not empty."


@dataclass(frozen=True, slots=True)
class Text:
    """A text to learn."""

    text: str
    place: str


@dataclass(frozen=True, slots=True)
class Hidden:
    """Where a window hides tokens, (K,), and which they are, (K,)."""

    positions: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True, slots=True)
class Guessed:
    """Minus the log-probabilities of the hidden tokens, float64 (K,), and how many were best."""

    losses: np.ndarray
    correct: int


@dataclass(frozen=True)
class MaskedLMTask:
    """Guessing `mask_probability` of the tokens, by `whole_words` or piece by piece.

    Each row is an example, cut into windows that share `overlap` tokens if it is long. With `join`
    consecutive rows follow each other without a break, and windows are filled and share nothing:
    for texts with one paragraph or sentence a line. `seed` draws the fixed masks of evaluation, so
    only losses with the same one compare.
    """

    mask_probability: float = 0.15
    whole_words: bool = True
    join: bool = False
    max_length: int = 128
    overlap: int | None = None
    seed: int = SEED
    text: str = "text"
    chosen_metric: str | None = None

    head = "masked_lm"

    @property
    def metric(self) -> str:
        """The loss on fixed masks."""
        return self.chosen_metric or "loss"

    @property
    def higher_is_better(self) -> bool:
        """Only accuracy should rise."""
        return self.metric == "accuracy"

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Itself: a text is its own label."""
        return self

    def config_changes(self) -> dict[str, Any]:
        """None."""
        return {}

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Text]:
        """Texts that hold more than white space."""
        texts = []
        for row in rows:
            text = row.values.get(self.text)
            if isinstance(text, str) and text.strip():
                texts.append(Text(text, row.place))
            else:
                problems.add(NOT_A_TEXT, row.place, text)
        return texts

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Text], *, training: bool
    ) -> list[Feature]:
        """A feature per window.

        For training, its `detail` says which tokens are hidden together; masks come with the batch.
        For evaluation tokens are hidden already, the same in every run and framework: the masks
        depend on `seed` and the numbers of the example and its window alone.
        """
        texts = [example.text for example in examples]
        tokens = tokenize(tokenizer, texts, located=self.whole_words)
        windows = self._joined(tokenizer, tokens) if self.join else self._cut(tokenizer, tokens)
        if training:
            return [Feature((ids,), {}, example, own) for example, ids, own in windows]
        vocabulary = Vocabulary.of(tokenizer)
        features, before, number = [], -1, 0
        for example, ids, own in windows:
            number = number + 1 if example == before else 0
            before = example
            rng = np.random.default_rng((self.seed, example, number))
            seen, labels = mask(
                [ids], [own], probability=self.mask_probability, vocabulary=vocabulary, rng=rng
            )
            positions = np.flatnonzero(labels != IGNORED_LABEL)
            features.append(Feature((seen,), {}, example, Hidden(positions, labels[positions])))
        return features

    def _units(self, tokens: Tokens) -> np.ndarray:
        return units(tokens.words) if self.whole_words else np.arange(len(tokens.ids))

    def _cut(
        self, tokenizer: Tokenizer, tokenized: Sequence[Tokens]
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Example number, ids (S,) and units (S,) of the windows of each text."""
        for i, tokens in enumerate(tokenized):
            own = self._units(tokens)
            cut = single_windows(
                tokenizer, tokens.ids, max_length=self.max_length, overlap=self.overlap or 0
            )
            for window in cut:
                yield i, window.ids, _framed(own[window.start : window.stop])

    def _joined(
        self, tokenizer: Tokenizer, tokenized: Sequence[Tokens]
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The same of all texts in a row; a window belongs to the text that it begins in."""
        if not tokenized:
            return
        cls, sep = template_ids(tokenizer)
        room = self.max_length - N_SPECIAL_SINGLE
        lengths = np.array([len(tokens.ids) for tokens in tokenized])
        ids = np.concatenate([tokens.ids for tokens in tokenized])
        # No text has more words than tokens, so its numbers stay below those of the next.
        shifts = np.cumsum(lengths) - lengths
        own = np.concatenate(
            [self._units(tokens) + shift for tokens, shift in zip(tokenized, shifts, strict=True)]
        )
        text_of = np.repeat(np.arange(len(lengths)), lengths)
        for start in range(0, len(ids), room):
            part = slice(start, start + room)
            yield int(text_of[start]), np.concatenate((cls, ids[part], sep)), _framed(own[part])

    def batch(
        self, tokenizer: Tokenizer, features: Sequence[Feature], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """A padded batch with fresh masks and `labels` (B, S)."""
        batch = collate(features, pad_id=PADDING)
        seen, true = mask(
            [feature.sequences[0] for feature in features],
            [feature.detail for feature in features],
            probability=self.mask_probability,
            vocabulary=Vocabulary.of(tokenizer),
            rng=rng,
        )
        real = batch["attention_mask"].astype(bool)
        labels = np.full(real.shape, IGNORED_LABEL, dtype=np.int64)
        batch["input_ids"][real] = seen
        labels[real] = true
        return {**batch, "labels": labels}

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> Guessed:
        """How improbable the hidden tokens are, and how many are guessed."""
        hidden: Hidden = feature.detail
        logits = outputs["logits"][hidden.positions]  # (K, V)
        if not len(logits):
            return Guessed(np.zeros(0), 0)
        scores = log_softmax(logits)[np.arange(len(logits)), hidden.ids]
        return Guessed(-scores, int((logits.argmax(axis=-1) == hidden.ids).sum()))

    def answers(
        self, examples: Sequence[Text], features: Sequence[Feature], kept: Sequence[Guessed]
    ) -> list[Answer]:
        """`hidden`, how many tokens were; `correct`, how many were guessed; `loss`, their sum."""
        answers: list[Answer] = [{"hidden": 0, "correct": 0, "loss": 0.0} for _ in examples]
        for feature, guessed in zip(features, kept, strict=True):
            answer = answers[feature.example]
            answer["hidden"] += len(guessed.losses)
            answer["correct"] += guessed.correct
            answer["loss"] += float(guessed.losses.sum())
        return answers

    def scorer(self, examples: Sequence[Text], answers: Sequence[Answer]) -> Scorer:
        """`loss`, the mean over hidden tokens; `perplexity`, its exponential; `accuracy`."""
        sums = np.array(
            [[answer["loss"], answer["correct"], answer["hidden"]] for answer in answers],
            dtype=np.float64,
        ).reshape(-1, 3)

        def score(indices: np.ndarray | None = None) -> dict[str, float]:
            loss, correct, hidden = (sums if indices is None else sums[indices]).sum(axis=0)
            mean = float(loss / max(hidden, 1.0))
            return {
                "loss": mean,
                "perplexity": float(np.exp(min(mean, LARGEST_LOSS))),
                "accuracy": float(correct / max(hidden, 1.0)),
            }

        return score

    def losses(self, examples: Sequence[Text], answers: Sequence[Answer]) -> np.ndarray:
        """The mean over the hidden tokens of each example (E,); where none is, that of all."""
        sums = np.array([answer["loss"] for answer in answers], dtype=np.float64)
        hidden = np.array([answer["hidden"] for answer in answers], dtype=np.float64)
        mean = sums.sum() / max(hidden.sum(), 1.0)
        return np.divide(sums, hidden, out=np.full(len(sums), mean), where=hidden > 0)

    def tables(self, examples: Sequence[Text], answers: Sequence[Answer]) -> dict[str, Any]:
        """How many tokens were hidden."""
        return {"hidden_tokens": sum(answer["hidden"] for answer in answers)}

    def shown(self, example: Text) -> str:
        """The text in one line."""
        return " ".join(example.text.split())


def _framed(own: np.ndarray) -> np.ndarray:
    """Units between those of `[CLS]` and `[SEP]`, which are never hidden."""
    return np.concatenate(([NO_UNIT], own, [NO_UNIT]))
