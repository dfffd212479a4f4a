"""Extractive question answering with labels: SQuAD 1.1 and 2.0, and what is shaped like them.

Windows and the search for spans are those of prediction (`tasks/question_answering.py`); here they
get labels, raw scores as the official baselines have them, and the choice of giving no answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.collation import collate
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.question_answering.metrics import span_scores, summarize
from distilbert.tasks.question_answering.null_threshold import best_threshold
from distilbert.tasks.question_answering.predict import Encoded, Evidence, Example, decode, encode
from distilbert.tasks.question_answering.rows import Question, read_questions
from distilbert.tasks.task import Answer, Feature, Scorer
from distilbert.tasks.windows import Tokenizer, Tokens, Window

PADDING = 0  # is masked, so which id it is does not matter
OVERLAP = 128  # tokens; the stride of the published SQuAD baselines
LOWEST = -300.0  # of a logit below the best, so that no product of two powers becomes 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A window of an encoded question, and where in it the true answer starts and ends.

    Both are 0, the place of `[CLS]`, where the window does not hold the whole answer.
    """

    encoded: Encoded
    window: Window
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Said:
    """Logits to start and to end at `[CLS]` and at each context token (1 + T,), and the loss."""

    start: np.ndarray
    end: np.ndarray
    loss: float


@dataclass(frozen=True)
class QuestionAnsweringTask:
    """Answers as stretches of a context.

    `unanswerable` says whether "no answer" may be given; by default the training rows decide. It is
    given where it scores more than `null_threshold` above the best stretch (0 unless known).
    Lengths are in tokens, as is `overlap` of windows. Scores are percent, as SQuAD prints them.
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
    chosen_metric: str | None = None

    head = "question_answering"

    @property
    def metric(self) -> str:
        """F1 of the words of answers."""
        return self.chosen_metric or "f1"

    @property
    def higher_is_better(self) -> bool:
        """False for the loss."""
        return self.metric != "loss"

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

    def config_changes(self) -> dict[str, Any]:
        """None."""
        return {}

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Question]:
        """Questions whose answers stand where the rows say."""
        return read_questions(
            rows,
            problems,
            question=self.question,
            context=self.context,
            answers=self.answers_column,
        )

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Question], *, training: bool
    ) -> list[Feature]:
        """A feature per window; the first answer is the one to learn."""
        encoded = encode(
            tokenizer,
            [Example(example.question, example.context) for example in examples],
            max_length=self.max_length,
            max_question_len=self.max_question_length,
            doc_stride=OVERLAP if self.overlap is None else self.overlap,
        )
        features = []
        for i, (example, own) in enumerate(zip(examples, encoded, strict=True)):
            span = _token_span(own.context, example)
            for window in own.windows:
                start, end = _within(window, span)
                labels = {"start_positions": start, "end_positions": end} if training else {}
                detail = Shown(own, window, start, end)
                features.append(Feature((window.ids,), labels, i, detail))
        return features

    def batch(
        self, tokenizer: Tokenizer, features: Sequence[Feature], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """A padded batch with `start_positions` and `end_positions` (B,); nothing is random."""
        return collate(features, pad_id=PADDING)

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> Said:
        """The logits at `[CLS]` and at context tokens, and how improbable the truth is."""
        shown: Shown = feature.detail
        window, length = shown.window, len(feature.sequences[0])
        kept = np.append(0, np.arange(window.at, window.at + window.stop - window.start))
        starts, ends = outputs["start_logits"][:length], outputs["end_logits"][:length]
        loss = -(log_softmax(starts)[shown.start] + log_softmax(ends)[shown.end]) / 2
        return Said(starts[kept], ends[kept], float(loss))

    def answers(
        self, examples: Sequence[Question], features: Sequence[Feature], kept: Sequence[Said]
    ) -> list[Answer]:
        """`id`, `text`, `start`, `end` (characters), `score`, `null_score`, `n_best`, `loss`.

        Scores are sums of the logits to start and to end. `score` is that of the best stretch, also
        where no answer is given; `null_score` that of `[CLS]` in the window that most doubts it.
        """
        windows: list[list[Said]] = [[] for _ in examples]
        encoded: dict[int, Encoded] = {}
        for feature, said in zip(features, kept, strict=True):
            windows[feature.example].append(said)
            encoded[feature.example] = feature.detail.encoded
        return [self._answer(example, encoded[i], windows[i]) for i, example in enumerate(examples)]

    def _answer(self, example: Question, encoded: Encoded, windows: Sequence[Said]) -> Answer:
        null = min(float(said.start[0]) + float(said.end[0]) for said in windows)
        best = self._n_best(encoded, windows)
        answer: Answer = {
            "id": example.id,
            "score": best[0]["score"] if best else null,
            "null_score": null,
            "n_best": best,
            "loss": float(np.mean([said.loss for said in windows])),
        }
        given = (
            best[0] if best and not self._refuses(answer) else {"text": "", "start": 0, "end": 0}
        )
        return answer | {name: given[name] for name in ("text", "start", "end")}

    def _n_best(self, encoded: Encoded, windows: Sequence[Said]) -> list[dict[str, Any]]:
        """The search takes products of weights: powers of logits below the best of all windows."""
        top_start = max(float(said.start.max()) for said in windows)
        top_end = max(float(said.end.max()) for said in windows)
        evidence = [
            Evidence(_powers(said.start[1:], top_start), _powers(said.end[1:], top_end), 0.0)
            for said in windows
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
            if answer.score > 0  # a context without tokens has no stretch
        ]

    def _refuses(self, answer: Answer) -> bool:
        if not self.may_refuse:
            return False
        return answer["null_score"] - answer["score"] > (self.null_threshold or 0.0)

    def text_of(self, answer: Answer) -> str:
        """What this task answers, by its own threshold, from a stored answer's scores."""
        return _best_text(answer) if not self._refuses(answer) else ""

    def with_null_threshold(self, examples: Sequence[Question], answers: Sequence[Answer]) -> Self:
        """This task with the threshold that is best for F1 on these answers; itself where it has
        one already, or gives an answer always."""
        if not self.may_refuse or self.null_threshold is not None:
            return self
        _, f1, doubt, null = _measured(examples, answers)
        return replace(self, null_threshold=best_threshold(doubt, f1, null)[0])

    def scorer(self, examples: Sequence[Question], answers: Sequence[Answer]) -> Scorer:
        """`exact` and `f1` in percent; where questions without answer occur, also of both kinds.

        Which script is followed, SQuAD 1.1 or 2.0, depends on whether such questions occur.
        """
        pairs = _pairs(examples, [self.text_of(answer) for answer in answers])
        answerable = np.array([bool(example.answers) for example in examples], dtype=bool)

        def score(indices: np.ndarray | None = None) -> dict[str, float]:
            chosen = slice(None) if indices is None else indices
            exact, f1 = pairs[chosen].T
            return summarize(exact, f1, answerable[chosen])

        return score

    def losses(self, examples: Sequence[Question], answers: Sequence[Answer]) -> np.ndarray:
        """The mean over windows of the mean of both losses, as in training (E,)."""
        return np.array([answer["loss"] for answer in answers], dtype=np.float64)

    def tables(self, examples: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
        """The best scores any threshold could give, as SQuAD 2.0's script reports them."""
        if all(example.answers for example in examples):
            return {}
        exact, f1, doubt, null = _measured(examples, answers)
        tables: dict[str, Any] = {"null_threshold": self.null_threshold or 0.0}
        for name, scores in (("exact", exact), ("f1", f1)):
            threshold, best = best_threshold(doubt, scores, null)
            tables |= {f"best_{name}": 100.0 * best, f"best_{name}_threshold": threshold}
        return tables

    def shown(self, example: Question) -> str:
        """The question, its true answers and the beginning of the context."""
        truth = " | ".join(text for text, _ in example.answers) or "(no answer)"
        context = " ".join(example.context[:80].split())
        return f"{example.question} -> {truth} [{context}...]"


def predictions_json(
    task: QuestionAnsweringTask, examples: Sequence[Question], answers: Sequence[Answer]
) -> dict[str, str]:
    """Answers as the official scripts read them: the text for each id."""
    return {
        example.id: task.text_of(answer) for example, answer in zip(examples, answers, strict=True)
    }


def _token_span(context: Tokens, example: Question) -> tuple[int, int] | None:
    """The first and last token of the context that touch the first answer; None without any."""
    if not example.answers:
        return None
    text, start = example.answers[0]
    first = int(np.searchsorted(context.offsets[:, 1], start, side="right"))
    last = int(np.searchsorted(context.offsets[:, 0], start + len(text), side="left")) - 1
    return (first, last) if first <= last else None


def _within(window: Window, span: tuple[int, int] | None) -> tuple[int, int]:
    """Positions of a token span in a window; 0 and 0 unless the window holds it whole."""
    if span is None or span[0] < window.start or span[1] >= window.stop:
        return 0, 0
    shift = window.at - window.start
    return span[0] + shift, span[1] + shift


def _powers(logits: np.ndarray, top: float) -> np.ndarray:
    return np.exp(np.maximum(logits.astype(np.float64) - top, LOWEST))


def _best_text(answer: Answer) -> str:
    return answer["n_best"][0]["text"] if answer["n_best"] else ""


def _pairs(examples: Sequence[Question], texts: Sequence[str]) -> np.ndarray:
    """Exact match and F1 of each text (E, 2)."""
    version = 1 if all(example.answers for example in examples) else 2
    pairs = [
        span_scores(text, [gold for gold, _ in example.answers], version=version)
        for example, text in zip(examples, texts, strict=True)
    ]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _measured(
    examples: Sequence[Question], answers: Sequence[Answer]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Exact match and F1 of the best stretches, the doubt in them, and what refusing scores.

    As in the official search for thresholds, any text is wrong where there is no answer, even one
    of which nothing is left when it is normalized.
    """
    texts = [_best_text(answer) for answer in answers]
    exact, f1 = _pairs(examples, texts).T
    refused = np.array([float(not example.answers) for example in examples])
    wrong = (refused > 0) & np.array([bool(text) for text in texts])
    doubt = np.array([answer["null_score"] - answer["score"] for answer in answers])
    return np.where(wrong, 0.0, exact), np.where(wrong, 0.0, f1), doubt, refused
