"""`question-answering`: spans of contexts that answer questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import read_text
from distilbert.pipelines.job import Job, check_at_least, count_tokens, run_each
from distilbert.tasks.question_answering import predict as task

# Window length and overlap in tokens that the reference pipeline uses when none is given.
MAX_SEQ_LEN = 384
DOC_STRIDE = 128


@dataclass(frozen=True, kw_only=True)
class QuestionAnswering(Job):
    """Answers to {"question", "context"}, as {"score", "start", "end", "answer"}.

    `start` and `end` are characters of the context. `top_k` 1 returns one dict per example, more a
    list of exactly that many different answers, best first (fewer only if the context has fewer
    spans). An empty `answer` means that there is none: it competes if `handle_impossible_answer`,
    and is the only result for a context without text.
    Lengths are in tokens: windows of `max_seq_len` share `doc_stride`; questions longer than
    `max_question_len` are cut; answers have at most `max_answer_len`. `align_to_words` extends
    answers to complete words. Results of all windows are merged before they are ranked.
    """

    top_k: int = 1
    doc_stride: int | None = None
    max_answer_len: int = 15
    max_seq_len: int | None = None
    max_question_len: int = 64
    handle_impossible_answer: bool = False
    align_to_words: bool = True

    name: ClassVar[str] = "question-answering"
    head: ClassVar[str] = "question_answering"
    fields: ClassVar[tuple[str, ...]] = ("question", "context")

    def __post_init__(self) -> None:
        check_at_least(
            1,
            top_k=self.top_k,
            max_answer_len=self.max_answer_len,
            max_question_len=self.max_question_len,
        )
        check_at_least(0, doc_stride=self.doc_stride)

    def from_fields(self, given: Mapping[str, Any]) -> Any:
        question, context = given.get("question"), given.get("context")
        if question is None or context is None:
            raise InputError(
                f"`{self.name}` needs both `question` and `context`: got {list(given)}."
            )
        if isinstance(question, str) and isinstance(context, str):
            return {"question": question, "context": context}
        n = len(context if isinstance(question, str) else question)
        questions = [question] * n if isinstance(question, str) else list(question)
        contexts = [context] * n if isinstance(context, str) else list(context)
        if len(questions) != len(contexts):
            raise InputError(
                "`question` and `context` must have the same length: "
                f"got {len(questions)} questions and {len(contexts)} contexts."
            )
        return [{"question": q, "context": c} for q, c in zip(questions, contexts, strict=True)]

    def read(self, item: Any) -> task.Example:
        if isinstance(item, tuple) and len(item) == 2:
            item = dict(zip(self.fields, item, strict=True))
        if not isinstance(item, Mapping):
            raise InputError(
                f"`{self.name}` takes rows {{'question': str, 'context': str}}, or "
                f"`question=..., context=...`: got {type(item).__name__}."
            )
        return task.Example(
            read_text(item, self.name, ["question"]), read_text(item, self.name, ["context"])
        )

    def encode(self, examples: Sequence[task.Example], model: OpenModel) -> list[task.Encoded]:
        wanted = self.max_seq_len
        max_length = min(MAX_SEQ_LEN, model.max_length)
        if wanted is not None:
            max_length = model.window_length(wanted)
        stride = self.doc_stride
        if stride is not None and stride >= max_length:
            raise InputError(
                f"`doc_stride` must be smaller than the window length {max_length}: got {stride}."
            )
        return task.encode(
            model.tokenizer,
            examples,
            max_length=max_length,
            max_question_len=self.max_question_len,
            doc_stride=min(max_length // 2, DOC_STRIDE) if stride is None else stride,
        )

    def n_tokens(self, encoded: task.Encoded) -> int:
        return count_tokens(encoded.windows)

    def answers(
        self, encoded: Sequence[task.Encoded], model: OpenModel, run: Evaluate
    ) -> Iterator[Any]:
        rows = run_each(
            run,
            [example.windows for example in encoded],
            lambda window, outputs: task.to_evidence(
                window, outputs["start_logits"], outputs["end_logits"]
            ),
        )
        for example, evidence in zip(encoded, rows, strict=True):
            answers = task.decode(
                example,
                evidence,
                top_k=self.top_k,
                max_answer_len=self.max_answer_len,
                handle_impossible_answer=self.handle_impossible_answer,
                align_to_words=self.align_to_words,
            )
            dicts = [_as_dict(answer) for answer in answers]
            yield dicts[0] if self.top_k == 1 else dicts


def _as_dict(answer: task.Answer) -> dict[str, Any]:
    return {
        "score": answer.score,
        "start": answer.start,
        "end": answer.end,
        "answer": answer.text,
    }
