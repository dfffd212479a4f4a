"""Options and result shapes of `feature-extraction`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from distilbert.batching import Evaluate
from distilbert.pipelines.inputs import as_given, as_row, is_single, read_text
from distilbert.pipelines.job import Setup, check_at_least, check_one_of
from distilbert.tasks import embedding as task
from distilbert.tasks.windows import Window

NAME = "feature-extraction"


@dataclass(frozen=True, kw_only=True)
class FeatureExtraction:
    """The last hidden state of every token, `[CLS]` and `[SEP]` included: nested lists [1][T][D].

    `return_tensors="np"` gives float32 arrays (1, T, D) instead. A text too long for the model is
    cut into windows of `max_length` tokens that share `stride` (a quarter by default) and each
    token is taken where it has most context; with `truncate` only the first window is used.
    """

    return_tensors: Literal["np"] | None = None
    truncate: bool = False
    max_length: int | None = None
    stride: int | None = None

    head: ClassVar[str] = "base"
    fields: ClassVar[tuple[str, ...]] = ()
    is_single = staticmethod(is_single)
    from_fields = staticmethod(as_row)
    present = staticmethod(as_given)

    def __post_init__(self) -> None:
        check_at_least(0, stride=self.stride)
        check_one_of(["np"], return_tensors=self.return_tensors)

    def read(self, item: Any) -> str:
        return read_text(item, NAME)

    def encode(self, examples: Sequence[str], setup: Setup) -> list[list[Window]]:
        return task.encode(
            setup.tokenizer,
            examples,
            max_length=setup.window_length(self.max_length),
            overlap=self.stride,
            truncate=self.truncate,
        )

    def n_tokens(self, encoded: list[Window]) -> int:
        return sum(len(window.ids) for window in encoded)

    def answers(
        self, encoded: Sequence[list[Window]], setup: Setup, run: Evaluate
    ) -> Iterator[Any]:
        windows = [window.ids for own in encoded for window in own]

        def keep(number: int, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
            return outputs["last_hidden_state"][: len(windows[number])]

        rows = iter(run(windows, keep))
        for own in encoded:
            vectors = task.token_vectors(own, [next(rows) for _ in own])[None]  # (1, T, D)
            yield vectors.copy() if self.return_tensors == "np" else vectors.tolist()
