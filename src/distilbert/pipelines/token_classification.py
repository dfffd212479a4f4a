"""`token-classification`: entities of a text, or the label of each token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from distilbert.batching import Evaluate
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import read_text, read_words, words_in
from distilbert.pipelines.job import Job, count_tokens, run_each
from distilbert.tasks.token_classification import predict as task


@dataclass(frozen=True, kw_only=True)
class TokenClassification(Job):
    """Entities of a text, or the label of each token.

    `aggregation_strategy`: none returns {"entity", "score", "index", "word", "start", "end"} per
    token; simple, first, average and max {"entity_group", "score", "word", "start", "end"} per
    entity, and never split a word (see `tasks.token_classification.predict.decode`). The default is
    `first`, since most models learn only the first piece of each word.
    `word` is made of tokens (or of the text if one is unknown); the exact characters are
    text[start:end].
    `ignore_labels` are left out. Long texts are divided into windows of `max_length` tokens that
    share `stride` (a quarter by default); each token is read where it has most context.
    A word of raw text keeps its punctuation as in annotated corpora: "John C.", "U.S.", "O'Brien".
    `is_split_into_words`: inputs are lists of words. So are rows with `tokens` or `words` in any
    case. Offsets then refer to the words joined with spaces.
    """

    aggregation_strategy: task.Strategy = "first"
    ignore_labels: Sequence[str] = ("O",)
    max_length: int | None = None
    stride: int | None = None
    is_split_into_words: bool = False

    name: ClassVar[str] = "token-classification"
    head: ClassVar[str] = "token_classification"
    stored: ClassVar[Mapping[str, str]] = {"max_length": "max_length", "overlap": "stride"}

    def is_single(self, inputs: Any) -> bool:
        if self.is_split_into_words and isinstance(inputs, (list, tuple)):
            return bool(inputs) and isinstance(inputs[0], str)
        return super().is_single(inputs)

    def read(self, item: Any) -> task.Example:
        has_words = isinstance(item, Mapping) and words_in(item) is not None
        if self.is_split_into_words or has_words:
            words = read_words(item, self.name)
            return task.Example(" ".join(words), words)
        return task.Example(read_text(item, self.name))

    def encode(self, examples: Sequence[task.Example], model: OpenModel) -> list[task.Encoded]:
        max_length = model.window_length(self.max_length)
        return task.encode(model.tokenizer, examples, max_length=max_length, overlap=self.stride)

    def n_tokens(self, encoded: task.Encoded) -> int:
        return count_tokens(encoded.windows)

    def columns(self, answer: Any, labels: Sequence[str] = ()) -> dict[str, Any]:
        return {"entities": answer}

    def answers(
        self, encoded: Sequence[task.Encoded], model: OpenModel, run: Evaluate
    ) -> Iterator[list[dict[str, Any]]]:
        rows = run_each(
            run,
            [text.windows for text in encoded],
            lambda window, outputs: outputs["logits"][: len(window.ids)],
        )
        for text, logits in zip(encoded, rows, strict=True):
            answers = task.decode(
                text,
                logits,
                labels=model.config.id2label,
                strategy=self.aggregation_strategy,
                ignore_labels=self.ignore_labels,
            )
            yield [self._as_dict(answer, text, model) for answer in answers]

    def _as_dict(
        self, answer: task.Answer, encoded: task.Encoded, model: OpenModel
    ) -> dict[str, Any]:
        ids = encoded.tokens.ids[answer.first : answer.last + 1].tolist()
        place = {"start": answer.start, "end": answer.end}
        if model.tokenizer.unk_token_id in ids:  # the original characters, not [UNK]
            word = encoded.text[answer.start : answer.end]
        elif self.aggregation_strategy == "none":
            word = model.tokenizer.convert_ids_to_tokens(ids)[0]
        else:
            word = model.tokenizer.decode(ids)
        if self.aggregation_strategy == "none":
            label = {"entity": answer.label, "score": answer.score, "index": answer.first + 1}
            return {**label, "word": word, **place}
        return {"entity_group": answer.label, "score": answer.score, "word": word, **place}
