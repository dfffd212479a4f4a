"""Tags of words: named entities, parts of speech. Trained and scored word by word.

Which pieces of a word carry its tag is decided here; how entities are counted, in
`entity_metrics.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.heads import IGNORED_LABEL
from distilbert.tasks.collation import collate
from distilbert.tasks.columns import has_columns
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.task import Answer, Feature, Scorer
from distilbert.tasks.token_classification.entities import (
    OUTSIDE,
    SCHEMES,
    detect_scheme,
    is_bare,
    lenient_entities,
    to_bio,
)
from distilbert.tasks.token_classification.metrics import (
    averages,
    count_entities,
    count_tags,
    per_type,
)
from distilbert.tasks.windows import (
    NOTHING,
    Tokenizer,
    Tokens,
    Window,
    owners,
    single_windows,
    tokenize,
    word_starts,
)

PADDING = 0  # is masked, so which id it is does not matter
CONFUSIONS_SHOWN = 20
EMPTY = "A sentence needs at least one token."
NOT_TEXTS = "Tokens and tags must be lists of texts that are not empty."
UNEQUAL = "A sentence needs exactly one tag per token; here tags are {} than tokens."
FOREIGN = "Tags must be among those of the training rows, or of `labels`."


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words and the tag of each."""

    words: tuple[str, ...]
    tags: tuple[str, ...]
    place: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Which words a window judges, (K,), and where in it their first pieces stand, (K,)."""

    words: np.ndarray
    positions: np.ndarray


@dataclass(frozen=True)
class TokenClassificationTask:
    """Tagging of words.

    `labels` in the order of their numbers; `scheme` is a key of `entities.SCHEMES` or None;
    `usual_tag` is for words that the model cannot see; `convert_to_bio` rewrites tags of other
    schemes (IOB1, IOBES, ...) in BIO, in training and scoring; `chosen_metric` replaces `metric`.
    """

    labels: tuple[str, ...] = ()
    scheme: str | None = None
    usual_tag: str = OUTSIDE
    max_length: int = 128
    overlap: int | None = None
    label_all_tokens: bool = False
    convert_to_bio: bool = False
    tokens: str = "tokens"
    tags: str = "tags"
    chosen_metric: str | None = None

    head = "token_classification"

    @property
    def bare(self) -> bool:
        """Whether the tags are plain classes of words, which are scored by their accuracy."""
        return is_bare(self.labels)

    @property
    def metric(self) -> str:
        """`f1` of entities; `accuracy` for bare tags."""
        return self.chosen_metric or ("accuracy" if self.bare else "f1")

    @property
    def higher_is_better(self) -> bool:
        """False for the loss."""
        return self.metric != "loss"

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Labels sorted, "O" first; the scheme; and the tag most frequent among bare ones.

        Labels that are given stay as they are.
        """
        if self.usual_tag in self.labels:
            return self
        sentences = [tags for row in rows if (tags := _texts(row.values.get(self.tags)))]
        if self.convert_to_bio and not is_bare({tag for tags in sentences for tag in tags}):
            sentences = [to_bio(tags) for tags in sentences]
        counts = Counter(tag for tags in sentences for tag in tags)
        labels = self.labels or tuple(sorted(counts, key=lambda tag: (tag != OUTSIDE, tag)))
        usual = OUTSIDE
        if labels and OUTSIDE not in labels:
            usual = max(labels, key=lambda label: counts[label])
        return replace(self, labels=labels, scheme=detect_scheme(sentences), usual_tag=usual)

    def config_changes(self) -> dict[str, Any]:
        """The names of the labels."""
        return {
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: i for i, label in enumerate(self.labels)},
        }

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Sentence]:
        """Sentences with one known tag per word."""
        rows = list(rows)
        wanted = {"tokens": self.tokens, "tags": self.tags}
        if rows and not has_columns(rows, wanted, problems):
            return []
        known = set(self.labels)
        sentences = []
        for row in rows:
            words = _texts(row.values.get(self.tokens))
            tags = _texts(row.values.get(self.tags))
            if words is None or tags is None:
                given = {name: row.values.get(name) for name in (self.tokens, self.tags)}
                problems.add(NOT_TEXTS, row.place, given)
            elif len(words) != len(tags):
                rule = UNEQUAL.format("longer" if len(tags) > len(words) else "shorter")
                problems.add(rule, row.place, f"{len(words)} tokens, {len(tags)} tags")
            elif not words:
                problems.add(EMPTY, row.place, words)
            else:
                if self.convert_to_bio and not self.bare:
                    tags = to_bio(tags)
                foreign = sorted(set(tags) - known)
                if foreign:
                    problems.add(FOREIGN, row.place, ", ".join(foreign))
                else:
                    sentences.append(Sentence(tuple(words), tuple(tags), row.place))
        return sentences

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Sentence], *, training: bool
    ) -> list[Feature]:
        """A feature per window; each word belongs to the window that shows most around it.

        Its first piece carries the tag; with `label_all_tokens` the others do too, I- after B-.
        """
        words = [example.words for example in examples]
        tokenized = tokenize(tokenizer, words, located=True, is_split_into_words=True)
        number = {label: i for i, label in enumerate(self.labels)}
        inside = np.array([number.get(_continued(label), i) for label, i in number.items()])
        features = []
        for i, (example, tokens) in enumerate(zip(examples, tokenized, strict=True)):
            windows = single_windows(
                tokenizer, tokens.ids, max_length=self.max_length, overlap=self.overlap
            )
            shown = _shown(tokens, windows)
            tags = np.array([number[tag] for tag in example.tags]) if training else NOTHING
            for window, own in zip(windows, shown, strict=True):
                labels = {}
                if training and not len(own.words):
                    continue  # nothing to learn from words of no token
                if training:
                    every = tokens.words if self.label_all_tokens else None
                    labels["labels"] = _labels(window, own, tags, inside, every)
                features.append(Feature((window.ids,), labels, i, own))
        return features

    def batch(
        self, tokenizer: Tokenizer, features: Sequence[Feature], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """A padded batch with `labels` (B, S); nothing in it is random."""
        return collate(features, pad_id=PADDING, per_token=True)

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Log-probabilities of the words that the window judges, float32 (K, N)."""
        return log_softmax(outputs["logits"][feature.detail.positions]).astype(np.float32)

    def answers(
        self,
        examples: Sequence[Sentence],
        features: Sequence[Feature],
        kept: Sequence[np.ndarray],
    ) -> list[Answer]:
        """`tags`, one per word; `entities`; and `loss`, the mean over the words the model saw."""
        number = {label: i for i, label in enumerate(self.labels)}
        tags = [[self.usual_tag] * len(example.words) for example in examples]
        losses: list[list[float]] = [[] for _ in examples]
        for feature, scores in zip(features, kept, strict=True):
            if not len(scores):
                continue
            truth = examples[feature.example].tags
            words = feature.detail.words.tolist()
            best = scores.argmax(axis=1).tolist()
            for word, label in zip(words, best, strict=True):
                tags[feature.example][word] = self.labels[label]
            true = [number[truth[word]] for word in words]
            losses[feature.example] += (-scores[np.arange(len(true)), true]).tolist()
        return [
            {
                "tags": own,
                "entities": [] if self.bare else _entities(example.words, own),
                "loss": float(np.mean(loss)) if loss else 0.0,
            }
            for example, own, loss in zip(examples, tags, losses, strict=True)
        ]

    def scorer(self, examples: Sequence[Sentence], answers: Sequence[Answer]) -> Scorer:
        """Entities: micro, macro and weighted scores, and those with the scheme kept strictly
        (`strict_`). Always the `accuracy` of words."""
        truth, said = _tags(examples, answers)
        words = count_tags(truth, said)
        entities = {} if self.bare else {"": count_entities(truth, said)}
        scheme = self._strict_scheme(truth)
        if scheme:
            entities["strict_"] = count_entities(truth, said, scheme=scheme)

        def score(indices: np.ndarray | None = None) -> dict[str, float]:
            total = words.total(indices)
            seen = max(1, int(total[:, 2].sum()))
            scores = {"accuracy": float(total[:, 0].sum() / seen)}
            if self.bare:
                scores["f1_macro"] = averages(total)["f1_macro"]
            for prefix, counts in entities.items():
                found = averages(counts.total(indices))
                scores |= {f"{prefix}{name}": value for name, value in found.items()}
            return scores

        return score

    def losses(self, examples: Sequence[Sentence], answers: Sequence[Answer]) -> np.ndarray:
        """Minus the mean log-probability of the true tags of each sentence (E,)."""
        return np.array([answer["loss"] for answer in answers], dtype=np.float64)

    def tables(self, examples: Sequence[Sentence], answers: Sequence[Answer]) -> dict[str, Any]:
        """Scores per type, also strict ones; for bare tags per tag, and the usual confusions."""
        truth, said = _tags(examples, answers)
        if self.bare:
            return {
                "per_tag": per_type(count_tags(truth, said)),
                "confusions": _confusions(truth, said),
            }
        tables: dict[str, Any] = {"per_type": per_type(count_entities(truth, said))}
        scheme = self._strict_scheme(truth)
        if scheme:
            strict = count_entities(truth, said, scheme=scheme)
            tables |= {"scheme": scheme, "per_type_strict": per_type(strict)}
        return tables

    def shown(self, example: Sentence) -> str:
        """The words, each followed by its tag unless that is "O"."""
        pairs = zip(example.words, example.tags, strict=True)
        return " ".join(word if tag == OUTSIDE else f"{word}/{tag}" for word, tag in pairs)

    def _strict_scheme(self, truth: Sequence[Sequence[str]]) -> str | None:
        """The scheme, where all labels and true tags can be read by it."""
        scheme = self.scheme or detect_scheme(truth)
        if scheme is None or self.bare:
            return None
        letters = {tag[:1] for tags in truth for tag in tags} | {tag[:1] for tag in self.labels}
        return scheme if letters <= set(SCHEMES[scheme].letters) else None


def _texts(value: Any) -> list[str] | None:
    """A list of texts that are not empty; None for anything else."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        return None
    texts = list(value)
    return texts if all(isinstance(text, str) and text for text in texts) else None


def _continued(label: str) -> str:
    """The tag of a word's further pieces."""
    return f"I-{label[2:]}" if label.startswith("B-") else label


def _shown(tokens: Tokens, windows: Sequence[Window]) -> list[Shown]:
    firsts = word_starts(tokens.words)
    if len(windows) == 1:
        return [Shown(tokens.words[firsts], firsts + windows[0].at)]
    owner = owners(windows)[firsts]
    shown = []
    for number, window in enumerate(windows):
        mine = firsts[owner == number]
        shown.append(Shown(tokens.words[mine], mine - window.start + window.at))
    return shown


def _labels(
    window: Window,
    shown: Shown,
    tags: np.ndarray,
    inside: np.ndarray,
    every: np.ndarray | None,
) -> np.ndarray:
    """Label numbers (S,); `every` holds the words of all tokens if further pieces count, (T,)."""
    labels = np.full(len(window.ids), IGNORED_LABEL, dtype=np.int64)
    if every is not None:
        words = every[window.start : window.stop]
        further = np.where(np.isin(words, shown.words), inside[tags[words]], IGNORED_LABEL)
        labels[window.at : window.at + len(words)] = further
    labels[shown.positions] = tags[shown.words]
    return labels


def _entities(words: Sequence[str], tags: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"type": kind, "text": " ".join(words[a : b + 1]), "first": a, "last": b}
        for kind, a, b in lenient_entities(tags)
    ]


def _tags(
    examples: Sequence[Sentence], answers: Sequence[Answer]
) -> tuple[list[Sequence[str]], list[Sequence[str]]]:
    return [example.tags for example in examples], [answer["tags"] for answer in answers]


def _confusions(
    truth: Sequence[Sequence[str]], said: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    pairs = Counter(
        (a, b)
        for true, other in zip(truth, said, strict=True)
        for a, b in zip(true, other, strict=True)
        if a != b
    )
    return [
        {"true": a, "predicted": b, "count": count}
        for (a, b), count in pairs.most_common(CONFUSIONS_SHOWN)
    ]
