"""Training and scoring of tags of words: named entities, parts of speech.

Decides which pieces of a word have its tag; how entities are counted is in `metrics.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from distilbert.config import DistilBertConfig
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.heads import IGNORED_LABEL
from distilbert.tasks import defaults
from distilbert.tasks.metrics import COUNTED
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.task import Answer, Feature, Scorer, label_fields, label_names
from distilbert.tasks.token_classification import metrics
from distilbert.tasks.token_classification.entities import (
    OUTSIDE,
    SCHEMES,
    detect_scheme,
    is_bare,
)
from distilbert.tasks.token_classification.rows import TagColumns, Tagged, tagged_sentences
from distilbert.tasks.token_classification.tagging import Tag, group, read_tags
from distilbert.tasks.windows import (
    Tokenizer,
    Window,
    best_windows,
    locate_words,
    single_windows,
    word_starts,
)
from distilbert.tokenization.wordpiece import CONTINUATION

N_CONFUSIONS = 20  # in a report
EMPTY = "A sentence needs at least one token."
UNEQUAL = "A sentence needs exactly one tag per token; here tags are {} than tokens."
FOREIGN = "Tags must be among those to learn, or of the model: {}."
NUMBERS = "Tags that are numbers need names: set `labels`, in the order of the numbers."
LABELS_SHOWN = 20
# Each average of the scores of entities, lenient and strict.
ENTITY_SCORES = tuple(
    f"{strict}{score}{average}"
    for strict in ("", "strict_")
    for average in ("", "_macro", "_weighted")
    for score in COUNTED
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words and the tag of each."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    place: str


@dataclass(frozen=True)
class TokenClassificationTask:
    """Tagging of words.

    `labels` in the order of their numbers; `scheme` is a key of `entities.SCHEMES` or None;
    `usual_tag` is for words that have no token; `chosen_metric` replaces the default of `metric`.
    With `tag_numbers` rows may have numbers of labels; not where the names are learned from rows.
    """

    labels: tuple[str, ...] = ()
    scheme: str | None = None
    usual_tag: str = OUTSIDE
    max_length: int = 128
    overlap: int | None = None
    label_all_tokens: bool = False
    tokens: str | None = None
    tags: str | None = None
    sentence: str | None = None
    chosen_metric: str | None = None
    tag_numbers: bool = True

    head = "token_classification"
    remembered = ("max_length", "overlap", "scheme", "usual_tag", "label_all_tokens")
    class_weights = defaults.class_weights
    batch = defaults.batch
    tuned = defaults.tuned
    decided = defaults.decided
    losses = defaults.losses

    @property
    def bare(self) -> bool:
        """Whether the tags are plain classes of words, which are scored by their accuracy."""
        return is_bare(self.labels)

    @property
    def metric(self) -> str:
        """`f1` of entities, or `accuracy` for bare tags, unless another score is chosen."""
        return self.chosen_metric or ("accuracy" if self.bare else "f1")

    @property
    def score_names(self) -> tuple[str, ...]:
        """Those of entities, or of bare tags."""
        return ("loss", "accuracy", *(("f1_macro",) if self.bare else ENTITY_SCORES))

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Learns the labels (sorted, "O" first), the scheme, and the most frequent of bare tags.

        Labels that are given are not changed.
        """
        if self.usual_tag in self.labels:
            return self
        sentences = [self._named(one.tags) for one in self._tagged(rows, Problems())]
        counts = Counter(tag for tags in sentences for tag in tags)
        words = [tag for tag in counts if not tag.isdecimal()]  # numbers are not names
        labels = self.labels or tuple(sorted(words, key=lambda tag: (tag != OUTSIDE, tag)))
        usual = OUTSIDE
        if labels and OUTSIDE not in labels:
            usual = max(labels, key=lambda label: counts[label])
        return replace(
            self,
            labels=labels,
            scheme=detect_scheme(sentences),
            usual_tag=usual,
            tag_numbers=self.tag_numbers and bool(self.labels),
        )

    def with_config(self, config: DistilBertConfig) -> Self:
        """The label names of a trained model."""
        return replace(self, labels=label_names(config), tag_numbers=True)

    def config_changes(self) -> dict[str, Any]:
        """The names of the labels."""
        return label_fields(self.labels)

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Sentence]:
        """Sentences with one known tag per word."""
        known, sentences = set(self.labels), []
        names = ", ".join(self.labels[:LABELS_SHOWN])
        more = ", ..." if len(self.labels) > LABELS_SHOWN else ""
        for one in self._tagged(rows, problems):
            words, tags = one.words, self._named(one.tags)
            foreign = sorted(set(tags) - known)
            if len(words) != len(tags):
                rule = UNEQUAL.format("longer" if len(tags) > len(words) else "shorter")
                problems.add(rule, one.place, f"{len(words)} tokens, {len(tags)} tags")
            elif not words:
                problems.add(EMPTY, one.place, words)
            elif foreign:
                are_numbers = all(tag.isdecimal() for tag in foreign)
                rule = NUMBERS if are_numbers else FOREIGN.format(names + more)
                problems.add(rule, one.place, ", ".join(foreign))
            else:
                sentences.append(Sentence(tuple(words), tuple(tags), one.place))
        return sentences

    def _tagged(self, rows: Iterable[Row], problems: Problems) -> list[Tagged]:
        columns = TagColumns(self.tokens, self.tags, self.sentence)
        return tagged_sentences(list(rows), columns, problems)

    def _named(self, tags: Sequence[str]) -> list[str]:
        """Tags with the names of those that are numbers."""
        n = len(self.labels) if self.tag_numbers else 0
        if any(label.isdecimal() for label in self.labels):
            return list(tags)
        return [self.labels[int(t)] if t.isdecimal() and int(t) < n else t for t in tags]

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Sentence], *, training: bool
    ) -> list[Feature]:
        """A feature per window; a word is read in the window with most context around it.

        `positions` are those of the first pieces of the words to read (K,), `detail` the numbers of
        these words (K,). The first piece has the tag, and so does the first piece after each
        boundary that a tokenizer sees inside the word, as in "C." or "New-York": in a text that is
        not divided at white space alone, these are words. With `label_all_tokens` all pieces have
        it. Pieces after the first have I- for B-.
        """
        number = {label: i for i, label in enumerate(self.labels)}
        inside = np.array([number.get(_continued(label), i) for label, i in number.items()])
        features = []
        located = locate_words(tokenizer, [example.words for example in examples])
        continues = _continuations(tokenizer) if training else np.zeros(0, dtype=bool)
        for i, (example, tokens) in enumerate(zip(examples, located, strict=True)):
            windows = single_windows(
                tokenizer, tokens.ids, max_length=self.max_length, overlap=self.overlap
            )
            firsts = word_starts(tokens.words)
            best = best_windows(windows)[firsts]
            for n, window in enumerate(windows):
                read = firsts[best == n]
                words, positions = tokens.words[read], read + window.shift
                labels = {}
                if training:
                    if not len(words):
                        continue  # nothing can be learned from it
                    tags = np.array([number[tag] for tag in example.tags])
                    of_tokens = tokens.words
                    if not self.label_all_tokens:
                        of_tokens = np.where(continues[tokens.ids], -1, of_tokens)
                    labels["labels"] = _labels(window, words, positions, tags, inside, of_tokens)
                features.append(Feature((window.ids,), labels, i, positions, words))
        return features

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Log-probabilities of the words to read, float32 (K, N)."""
        return log_softmax(outputs["logits"]).astype(np.float32)

    def answers(
        self,
        examples: Sequence[Sentence],
        features: Sequence[Feature],
        kept: Sequence[np.ndarray],
    ) -> list[Answer]:
        """`tags`, one per word; `entities`; and `loss`, the mean over the words with a token."""
        number = {label: i for i, label in enumerate(self.labels)}
        tags = [[self.usual_tag] * len(example.words) for example in examples]
        losses: list[list[float]] = [[] for _ in examples]
        for feature, scores in zip(features, kept, strict=True):
            if not len(scores):
                continue
            truth = examples[feature.example].tags
            words = feature.detail.tolist()
            for word, label in zip(words, scores.argmax(axis=1).tolist(), strict=True):
                tags[feature.example][word] = self.labels[label]
            true = [number[truth[word]] for word in words]
            losses[feature.example] += (-scores[np.arange(len(true)), true]).tolist()
        return [
            {
                "tags": predicted,
                "entities": [] if self.bare else self._entities(example.words, predicted),
                "loss": float(np.mean(loss)) if loss else 0.0,
            }
            for example, predicted, loss in zip(examples, tags, losses, strict=True)
        ]

    def _entities(self, words: Sequence[str], tags: Sequence[str]) -> list[dict[str, Any]]:
        """The entities of a prediction, as pipelines group them; scores have rules of their own."""
        read = dict(zip(self.labels, read_tags(self.labels), strict=True))
        parts = [read.get(tag, Tag("", tag)) for tag in tags]
        return [
            {"type": parts[a].type, "text": " ".join(words[a:b]), "first": a, "last": b - 1}
            for a, b in group(parts)
            if parts[a].type != OUTSIDE
        ]

    def scorer(self, examples: Sequence[Sentence], answers: Sequence[Answer]) -> Scorer:
        """Entities: micro, macro and weighted scores, also by the strict rules of the scheme
        (`strict_`). Always the `accuracy` of words."""
        truth, predicted = _tags(examples, answers)
        words = metrics.count_tags(truth, predicted)
        entities = {} if self.bare else {"": metrics.count_entities(truth, predicted)}
        scheme = self._strict_scheme(truth)
        if scheme:
            entities["strict_"] = metrics.count_entities(truth, predicted, scheme=scheme)

        def score(indices: np.ndarray | None = None) -> dict[str, float]:
            total = words.total(indices)
            n_words = max(1, int(total[:, 2].sum()))
            scores = {"accuracy": float(total[:, 0].sum() / n_words)}
            if self.bare:
                scores["f1_macro"] = metrics.averages(total)["f1_macro"]
            for prefix, counts in entities.items():
                found = metrics.averages(counts.total(indices))
                scores |= {f"{prefix}{name}": value for name, value in found.items()}
            return scores

        return score

    def tables(self, examples: Sequence[Sentence], answers: Sequence[Answer]) -> dict[str, Any]:
        """Scores per type, also strict ones; for bare tags per tag, and the usual confusions."""
        truth, predicted = _tags(examples, answers)
        if self.bare:
            return {
                "per_tag": metrics.per_type(metrics.count_tags(truth, predicted)),
                "confusions": _confusions(truth, predicted),
            }
        tables: dict[str, Any] = {
            "per_type": metrics.per_type(metrics.count_entities(truth, predicted))
        }
        scheme = self._strict_scheme(truth)
        if scheme:
            strict = metrics.count_entities(truth, predicted, scheme=scheme)
            tables |= {"scheme": scheme, "per_type_strict": metrics.per_type(strict)}
        return tables

    def describe(self, example: Sentence) -> str:
        """The words, each followed by its tag unless that is "O"."""
        pairs = zip(example.words, example.tags, strict=True)
        return " ".join(word if tag == OUTSIDE else f"{word}/{tag}" for word, tag in pairs)

    def record(self, example: Sentence) -> dict[str, Any]:
        """`row`, `tokens`, and `true_tags`."""
        return {
            "row": example.place,
            "tokens": list(example.words),
            "true_tags": list(example.tags),
        }

    def _strict_scheme(self, truth: Sequence[Sequence[str]]) -> str | None:
        """The scheme, if it has the letters of all labels and true tags."""
        scheme = self.scheme or detect_scheme(truth)
        if scheme is None or self.bare:
            return None
        letters = {tag[:1] for tags in truth for tag in tags} | {tag[:1] for tag in self.labels}
        return scheme if letters <= set(SCHEMES[scheme].letters) else None


def _continued(label: str) -> str:
    """The tag of a word's further pieces."""
    return f"I-{label[2:]}" if label.startswith("B-") else label


def _continuations(tokenizer: Tokenizer) -> np.ndarray:
    """Which ids are pieces that continue a word, bool (V,)."""
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return np.array([str(token).startswith(CONTINUATION) for token in tokens])


def _labels(
    window: Window,
    words: np.ndarray,
    positions: np.ndarray,
    tags: np.ndarray,
    inside: np.ndarray,
    of_tokens: np.ndarray,
) -> np.ndarray:
    """Label numbers (S,); `of_tokens` holds the words of the tokens that have a label, -1 for the
    others (T,)."""
    labels = np.full(len(window.ids), IGNORED_LABEL, dtype=np.int64)
    of_window = of_tokens[window.start : window.stop]
    is_read = np.isin(of_window, words) & (of_window >= 0)
    labels[window.inside] = np.where(is_read, inside[tags[of_window]], IGNORED_LABEL)
    labels[positions] = tags[words]
    return labels


def _tags(
    examples: Sequence[Sentence], answers: Sequence[Answer]
) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    return [example.tags for example in examples], [answer["tags"] for answer in answers]


def _confusions(
    truth: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    pairs = Counter(
        pair
        for sentences in zip(truth, predicted, strict=True)
        for pair in zip(*sentences, strict=True)
        if pair[0] != pair[1]
    )
    return [
        {"true": true, "predicted": other, "count": n}
        for (true, other), n in pairs.most_common(N_CONFUSIONS)
    ]
