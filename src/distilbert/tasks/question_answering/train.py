"""Training and scoring of extractive question answering: SQuAD 1.1 and 2.0, and data of their form.

Windows and the search for spans are those of prediction; labels, raw scores as in the official
baselines and the decision to give no answer are added here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks import defaults
from distilbert.tasks.columns import MISSING
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.question_answering import metrics
from distilbert.tasks.question_answering.predict import (
    Encoded,
    Evidence,
    Example,
    decode,
    encode,
)
from distilbert.tasks.question_answering.rows import Question, read_questions
from distilbert.tasks.task import Answer, Feature, Scorer, by_example, scorer_of
from distilbert.tasks.windows import Tokenizer, Window
from distilbert.tokenization.encoding import LocatedTokens

OVERLAP = 128  # tokens; the stride of the published SQuAD baselines
LOWEST = -300.0  # of a logit below the best, so that no product of two exponentials becomes 0


@dataclass(frozen=True, slots=True)
class WindowTruth:
    """A window of an encoded question, and the positions at which the true answer starts and ends.

    Both are 0, the position of `[CLS]`, unless the window contains the complete answer.
    """

    encoded: Encoded
    window: Window
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WindowLogits:
    """Logits to start and to end at `[CLS]` and at each context token (1 + T,), and the loss."""

    start: np.ndarray
    end: np.ndarray
    loss: float


@dataclass(frozen=True)
class QuestionAnsweringTask:
    """Answers are spans of a context.

    `unanswerable` says whether "no answer" is possible; by default the training rows decide. It is
    given if its score exceeds that of the best span by more than `null_threshold` (0 unless known).
    Lengths are in tokens, as is `overlap` of windows. Scores are percentages, as SQuAD prints them.
    """

    unanswerable: bool | None = None
    null_threshold: float | None = None
    max_length: int = 384
    overlap: int | None = None
    max_question_length: int = 64
    max_answer_length: int = 30
    n_best: int = 20
    question: str = "question"
    context: str = "context"
    answers_column: str = "answers"
    missing: tuple[str, ...] = MISSING
    chosen_metric: str | None = None

    head = "question_answering"
    remembered = (
        *("max_length", "overlap", "unanswerable", "null_threshold"),
        *("max_question_length", "max_answer_length", "n_best"),
    )
    score_names = ("loss", "exact", "f1")
    with_config = defaults.with_config
    config_changes = defaults.config_changes
    class_weights = defaults.class_weights
    batch = defaults.batch
    losses = defaults.losses

    @property
    def metric(self) -> str:
        """F1 of the words of answers, unless another score is chosen."""
        return self.chosen_metric or "f1"

    @property
    def may_refuse(self) -> bool:
        """Whether "no answer" is among the answers."""
        if self.unanswerable is None:
            return self.null_threshold is not None
        return self.unanswerable

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Learns whether some questions have no answer."""
        if self.unanswerable is not None:
            return self
        questions = self.examples(rows, Problems())
        return replace(self, unanswerable=any(not question.answers for question in questions))

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Question]:
        """Questions whose answers are in the context where the rows say."""
        return read_questions(
            rows,
            problems,
            question=self.question,
            context=self.context,
            answers=self.answers_column,
            missing=self.missing,
        )

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Question], *, training: bool
    ) -> list[Feature]:
        """A feature per window; the first true answer is the one to learn."""
        encoded = encode(
            tokenizer,
            [Example(example.question, example.context) for example in examples],
            max_length=self.max_length,
            max_question_len=self.max_question_length,
            doc_stride=OVERLAP if self.overlap is None else self.overlap,
        )
        features = []
        for number, (example, of_example) in enumerate(zip(examples, encoded, strict=True)):
            span = _token_span(of_example.context, example)
            for window in of_example.windows:
                start, end = _positions(window, span)
                labels = {"start_positions": start, "end_positions": end} if training else {}
                truth = WindowTruth(of_example, window, start, end)
                features.append(
                    Feature((window.ids,), labels, number, detail=truth, seconds=(window.at,))
                )
        return features

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> WindowLogits:
        """The logits at `[CLS]` and at context tokens, and the loss of the truth."""
        truth: WindowTruth = feature.detail
        length = len(feature.sequences[0])
        starts, ends = outputs["start_logits"][:length], outputs["end_logits"][:length]
        loss = -(log_softmax(starts)[truth.start] + log_softmax(ends)[truth.end]) / 2
        positions = np.append(0, np.arange(length)[truth.window.inside])
        return WindowLogits(starts[positions], ends[positions], float(loss))

    def answers(
        self,
        examples: Sequence[Question],
        features: Sequence[Feature],
        kept: Sequence[WindowLogits],
    ) -> list[Answer]:
        """`id`, `text`, `start`, `end` (characters), `score`, `null_score`, `n_best`, `loss`.

        Scores are sums of the logits to start and to end. `score` is that of the best span, even if
        no answer is given; `null_score` is the lowest sum at `[CLS]` among the windows.
        """
        answers = []
        for example, windows in zip(examples, by_example(examples, features, kept), strict=True):
            encoded = windows[0][0].detail.encoded
            answers.append(self._answer(example, encoded, [logits for _, logits in windows]))
        return answers

    def _answer(
        self, example: Question, encoded: Encoded, windows: Sequence[WindowLogits]
    ) -> Answer:
        null = min(float(logits.start[0]) + float(logits.end[0]) for logits in windows)
        best = self._n_best(encoded, windows)
        answer: Answer = {
            "id": example.id,
            "score": best[0]["score"] if best else null,
            "null_score": null,
            "n_best": best,
            "loss": float(np.mean([logits.loss for logits in windows])),
        }
        return self._decided(answer)

    def decided(self, answers: Sequence[Answer]) -> list[Answer]:
        """The answers with their best span, or without one, as the null threshold says."""
        return [self._decided(answer) for answer in answers]

    def _decided(self, answer: Answer) -> Answer:
        is_given = answer["n_best"] and not self._refuses(answer)
        given = answer["n_best"][0] if is_given else {"text": "", "start": 0, "end": 0}
        return answer | {name: given[name] for name in ("text", "start", "end")}

    def _n_best(self, encoded: Encoded, windows: Sequence[WindowLogits]) -> list[dict[str, Any]]:
        """The search multiplies what it is given: exponentials of the logits minus the highest."""
        top_start = max(float(logits.start.max()) for logits in windows)
        top_end = max(float(logits.end.max()) for logits in windows)
        evidence = [
            Evidence(_powers(logits.start[1:], top_start), _powers(logits.end[1:], top_end), 0.0)
            for logits in windows
        ]
        found = decode(encoded, evidence, top_k=self.n_best, max_answer_len=self.max_answer_length)
        return [
            {
                "text": answer.text,
                "start": answer.start,
                "end": answer.end,
                "score": math.log(answer.score) + top_start + top_end,
            }
            for answer in found
            if answer.score > 0  # a context without tokens has no span
        ]

    def _refuses(self, answer: Answer) -> bool:
        return self.may_refuse and _null_margin(answer) > (self.null_threshold or 0.0)

    def text_of(self, answer: Answer) -> str:
        """The text that this task answers, with its threshold, from a stored answer's scores."""
        return _best_text(answer) if not self._refuses(answer) else ""

    def tuned(self, examples: Sequence[Question], answers: Sequence[Answer]) -> Self:
        """This task with the null threshold that is best for F1 on these answers; itself if it has
        one already, or if every question has an answer."""
        if not self.may_refuse or self.null_threshold is not None:
            return self
        _, f1, margin, null = _best_spans(examples, answers)
        return replace(self, null_threshold=metrics.best_null_threshold(margin, f1, null)[0])

    def scorer(self, examples: Sequence[Question], answers: Sequence[Answer]) -> Scorer:
        """`exact` and `f1` in percent; if there are questions without an answer, also of each kind.

        Such questions decide which script is followed, that of SQuAD 1.1 or that of 2.0.
        """
        exact, f1 = _pairs(examples, [self.text_of(answer) for answer in answers]).T
        answerable = np.array([bool(example.answers) for example in examples], dtype=bool)
        return scorer_of(metrics.summarize, exact, f1, answerable)

    def tables(self, examples: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
        """The best scores that any threshold could give, as SQuAD 2.0's script reports them."""
        if all(example.answers for example in examples):
            return {}
        exact, f1, margin, null = _best_spans(examples, answers)
        tables: dict[str, Any] = {"null_threshold": self.null_threshold or 0.0}
        for name, scores in (("exact", exact), ("f1", f1)):
            threshold, best = metrics.best_null_threshold(margin, scores, null)
            tables |= {f"best_{name}": 100.0 * best, f"best_{name}_threshold": threshold}
        return tables

    def describe(self, example: Question) -> str:
        """The question, its true answers and the beginning of the context."""
        truth = " | ".join(text for text, _ in example.answers) or "(no answer)"
        context = " ".join(example.context[:80].split())
        return f"{example.question} -> {truth} [{context}...]"

    def record(self, example: Question) -> dict[str, Any]:
        """`row`, `question`, `context`, and the texts of `true_answers`."""
        return {
            "row": example.place,
            "question": example.question,
            "context": example.context,
            "true_answers": [text for text, _ in example.answers],
        }


def _token_span(context: LocatedTokens, example: Question) -> tuple[int, int] | None:
    """The first and last token of the context that overlap the first answer; None if none does."""
    if not example.answers:
        return None
    text, start = example.answers[0]
    first = int(np.searchsorted(context.offsets[:, 1], start, side="right"))
    last = int(np.searchsorted(context.offsets[:, 0], start + len(text), side="left")) - 1
    return (first, last) if first <= last else None


def _positions(window: Window, span: tuple[int, int] | None) -> tuple[int, int]:
    """Positions of a token span in a window; 0 and 0 unless the window contains all of it."""
    if span is None or span[0] < window.start or span[1] >= window.stop:
        return 0, 0
    return span[0] + window.shift, span[1] + window.shift


def _powers(logits: np.ndarray, top: float) -> np.ndarray:
    return np.exp(np.maximum(logits.astype(np.float64) - top, LOWEST))


def _null_margin(answer: Answer) -> float:
    return answer["null_score"] - answer["score"]


def _best_text(answer: Answer) -> str:
    return answer["n_best"][0]["text"] if answer["n_best"] else ""


def _pairs(examples: Sequence[Question], texts: Sequence[str]) -> np.ndarray:
    """Exact match and F1 of each text (E, 2)."""
    version = 1 if all(example.answers for example in examples) else 2
    pairs = [
        metrics.span_scores(text, [gold for gold, _ in example.answers], version=version)
        for example, text in zip(examples, texts, strict=True)
    ]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _best_spans(
    examples: Sequence[Question], answers: Sequence[Answer]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Exact match and F1 of the best spans, the margins of "no answer", and what that scores.

    As in the official search for thresholds, any text is wrong if there is no answer, even one that
    is empty once normalized.
    """
    texts = [_best_text(answer) for answer in answers]
    exact, f1 = _pairs(examples, texts).T
    null = np.array([float(not example.answers) for example in examples])
    wrong = (null > 0) & np.array([bool(text) for text in texts])
    margin = np.array([_null_margin(answer) for answer in answers])
    return np.where(wrong, 0.0, exact), np.where(wrong, 0.0, f1), margin, null
