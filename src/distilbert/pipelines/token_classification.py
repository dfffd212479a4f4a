"""Options and result shapes of `token-classification`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, get_args

import numpy as np

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.pipelines.inputs import as_given, as_row, is_single, read_text, read_words
from distilbert.pipelines.job import Setup, check_at_least, check_one_of
from distilbert.tasks.token_classification import predict as task

NAME = "token-classification"


@dataclass(frozen=True, kw_only=True)
class TokenClassification:
    """Entities of a text, or the label of each token.

    `aggregation_strategy`: none gives {"entity", "score", "index", "word", "start", "end"} per
    token; simple, first, average and max give {"entity_group", "score", "word", "start", "end"} per
    entity, and never break a word (see `tasks.token_classification.decode`). The default is
    `first`, since most models learn only the first piece of each word.
    `word` is made of tokens (or of the text where one is unknown); the exact characters are
    text[start:end].
    `ignore_labels` are left out. Long texts are cut into windows of `max_length` tokens that share
    `stride` (a quarter by default); each token counts where it has most context.
    `is_split_into_words`: inputs are lists of words, or rows with `tokens`; offsets then refer to
    the words joined with spaces.
    """

    aggregation_strategy: task.Strategy = "first"
    ignore_labels: Sequence[str] = ("O",)
    max_length: int | None = None
    stride: int | None = None
    is_split_into_words: bool = False

    head: ClassVar[str] = "token_classification"
    fields: ClassVar[tuple[str, ...]] = ()
    present = staticmethod(as_given)
    from_fields = staticmethod(as_row)

    def __post_init__(self) -> None:
        check_at_least(0, stride=self.stride)
        check_one_of(get_args(task.Strategy), aggregation_strategy=self.aggregation_strategy)
        if isinstance(self.ignore_labels, str):
            raise InputError(
                f"`ignore_labels` must be a list of labels: got the str {self.ignore_labels!r}."
            )

    def is_single(self, inputs: Any) -> bool:
        if self.is_split_into_words and isinstance(inputs, (list, tuple)):
            return bool(inputs) and isinstance(inputs[0], str)
        return is_single(inputs)

    def read(self, item: Any) -> task.Example:
        if self.is_split_into_words:
            words = read_words(item, NAME)
            return task.Example(" ".join(words), words)
        return task.Example(read_text(item, NAME))

    def encode(self, examples: Sequence[task.Example], setup: Setup) -> list[task.Encoded]:
        max_length = setup.window_length(self.max_length)
        return task.encode(setup.tokenizer, examples, max_length=max_length, overlap=self.stride)

    def n_tokens(self, encoded: task.Encoded) -> int:
        return sum(len(window.ids) for window in encoded.windows)

    def answers(
        self, encoded: Sequence[task.Encoded], setup: Setup, run: Evaluate
    ) -> Iterator[list[dict[str, Any]]]:
        windows = [window.ids for one in encoded for window in one.windows]

        def keep(number: int, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
            return outputs["logits"][: len(windows[number])]

        rows = iter(run(windows, keep))
        for one in encoded:
            answers = task.decode(
                one,
                [next(rows) for _ in one.windows],
                labels=setup.config.id2label,
                strategy=self.aggregation_strategy,
                ignore_labels=self.ignore_labels,
            )
            yield [self._as_dict(answer, one, setup) for answer in answers]

    def _as_dict(self, answer: task.Answer, encoded: task.Encoded, setup: Setup) -> dict[str, Any]:
        ids = encoded.tokens.ids[answer.first : answer.last + 1].tolist()
        place = {"start": answer.start, "end": answer.end}
        if setup.tokenizer.unk_token_id in ids:  # show what was written, not [UNK]
            word = encoded.text[answer.start : answer.end]
        elif self.aggregation_strategy == "none":
            word = setup.tokenizer.convert_ids_to_tokens(ids)[0]
        else:
            word = setup.tokenizer.decode(ids)
        if self.aggregation_strategy == "none":
            found = {"entity": answer.label, "score": answer.score, "index": answer.first + 1}
            return {**found, "word": word, **place}
        return {"entity_group": answer.label, "score": answer.score, "word": word, **place}
