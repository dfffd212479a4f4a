"""`question-answering`: spans of contexts that answer questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import as_stream, read_text
from distilbert.pipelines.job import Job, count_tokens, run_each
from distilbert.task_file import read_task_file
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
    `null_threshold`: by how much the logarithm of its score must exceed that of the best answer.
    `normalize_over`: probabilities are those within each "window", as in the reference, or within
    the "context", all of whose windows then compete by their logits. The folder of a fine-tuned
    model states lengths, threshold and search as they were evaluated.
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
    null_threshold: float = 0.0
    normalize_over: task.Normalization = "window"
    align_to_words: bool = True

    name: ClassVar[str] = "question-answering"
    head: ClassVar[str] = "question_answering"
    stored: ClassVar[Mapping[str, str]] = {
        "max_length": "max_seq_len",
        "overlap": "doc_stride",
        "max_question_length": "max_question_len",
        "max_answer_length": "max_answer_len",
    }
    fields: ClassVar[tuple[str, ...]] = ("question", "context")
    arguments: ClassVar[tuple[str, ...]] = ("context",)

    def stored_options(self, model: OpenModel) -> dict[str, Any]:
        settings, options = read_task_file(model.folder), super().stored_options(model)
        if not options:
            return {}
        if options.get("doc_stride") is not None:  # evaluation limits it to half of the window
            options["doc_stride"] = min(options["doc_stride"], options["max_seq_len"] // 2)
        threshold, unanswerable = settings.get("null_threshold"), settings.get("unanswerable")
        return {
            **options,
            "normalize_over": "context",
            "null_threshold": threshold or 0.0,
            "handle_impossible_answer": threshold is not None
            if unanswerable is None
            else unanswerable,
        }

    def from_fields(self, given: Mapping[str, Any]) -> Any:
        present = {name: value for name, value in given.items() if value is not None}
        if len(present) < len(self.fields):
            raise InputError(
                f"`{self.name}` needs both `question` and `context`: got {list(present)}."
            )
        if all(isinstance(value, str) for value in present.values()):
            return present
        question, context = (
            present[name]
            if isinstance(present[name], str)
            else list(as_stream(present[name], self.name))
            for name in self.fields
        )
        n = len(context if isinstance(question, str) else question)
        questions = [question] * n if isinstance(question, str) else question
        contexts = [context] * n if isinstance(context, str) else context
        if len(questions) != len(contexts):
            raise InputError(
                "`question` and `context` must have the same length: "
                f"got {len(questions)} questions and {len(contexts)} contexts."
            )
        return [{"question": q, "context": c} for q, c in zip(questions, contexts, strict=True)]

    def is_single(self, inputs: Any) -> bool:
        return _is_pair(inputs) or super().is_single(inputs)

    def read(self, item: Any) -> task.Example:
        if _is_pair(item):
            item = dict(zip(self.fields, item, strict=True))
        if not isinstance(item, Mapping):
            raise InputError(
                f"`{self.name}` takes rows {{'question': str, 'context': str}}, or "
                f"`question=..., context=...`: got {type(item).__name__}."
            )
        texts = {name: read_text(item, self.name, [name]) for name in self.fields}
        for name, text in texts.items():
            if not text.strip():
                raise InputError(f"`{name}` must not be empty: got {text!r}.")
        return task.Example(**texts)

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

    def columns(self, answer: Any, labels: Sequence[str] = ()) -> dict[str, Any]:
        return {"answers": answer} if isinstance(answer, list) else answer

    def answers(
        self, encoded: Sequence[task.Encoded], model: OpenModel, run: Evaluate
    ) -> Iterator[Any]:
        rows = run_each(
            run,
            [example.windows for example in encoded],
            lambda window, outputs: [
                task.context_logits(window, outputs[name])
                for name in ("start_logits", "end_logits")
            ],
        )
        for example, logits in zip(encoded, rows, strict=True):
            answers = task.decode(
                example,
                task.to_evidence(*zip(*logits, strict=True), normalize_over=self.normalize_over),
                top_k=self.top_k,
                max_answer_len=self.max_answer_len,
                handle_impossible_answer=self.handle_impossible_answer,
                null_threshold=self.null_threshold,
                align_to_words=self.align_to_words,
            )
            dicts = [_as_dict(answer) for answer in answers]
            yield dicts[0] if self.top_k == 1 else dicts


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and all(isinstance(x, str) for x in item)


def _as_dict(answer: task.Answer) -> dict[str, Any]:
    return {
        "score": answer.score,
        "start": answer.start,
        "end": answer.end,
        "answer": answer.text,
    }
