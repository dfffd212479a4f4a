"""What is timed: batches of one sequence, and texts in the form that each task takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.batching import padded_batch
from distilbert.config import DistilBertConfig
from distilbert.heads import HEADS
from distilbert.quantizing.texts import read_texts
from distilbert.tasks.windows import single_windows
from distilbert.training.run_card import DataSection

Batch = dict[str, np.ndarray]

# Sentences of 3 to 40 tokens, written for this package.
SAMPLE = Path(__file__).parent / "sentences.txt"
LENGTHS = (16, 128)
# Texts of the user that are timed: a round of all runners must not take minutes.
MOST_TEXTS = 256
# Head -> the pipeline that is timed.
TASKS = {
    "base": "sentence-embedding",
    "masked_lm": "fill-mask",
    "sequence_classification": "text-classification",
    "token_classification": "token-classification",
    "question_answering": "question-answering",
    "multiple_choice": "multiple-choice",
}
QUESTION = "What is it about?"
CHOICES = ("It is true.", "It is false.")


def sample_texts(texts: Any = None) -> list[str]:
    """The first texts of files or rows; by default the sample of this package.

    Raises:
        DataError: a file cannot be read, or there are no texts.
    """
    if texts is None:
        return SAMPLE.read_text(encoding="utf-8").splitlines()
    return read_texts(texts, "texts", DataSection())[:MOST_TEXTS]


def inputs_of(head: str, texts: Sequence[str], tokenizer: Any) -> list[Any]:
    """The texts as the pipeline of a head takes them: a mask at the end, with a question, ...."""
    if head == "masked_lm":
        mask = tokenizer.convert_ids_to_tokens([tokenizer.mask_token_id])[0]
        return [f"{text} {mask}" for text in texts]
    if head == "question_answering":
        return [{"question": QUESTION, "context": text} for text in texts]
    if head == "multiple_choice":
        return [{"prompt": text, "choices": list(CHOICES)} for text in texts]
    return list(texts)


def full_batch(config: DistilBertConfig, head: str, n_rows: int, length: int) -> Batch:
    """Rows of `length` random ids, (B, S), or (B, 1, S) for multiple choice."""
    ids = np.random.default_rng(length).integers(1, config.vocab_size, (n_rows, length))
    batch = padded_batch(list(ids))
    if HEADS[head].input_axes == ("B", "C", "S"):
        return {name: array[:, None] for name, array in batch.items()}
    return batch


def sequences_of(texts: Sequence[str], tokenizer: Any, longest: int) -> list[np.ndarray]:
    """The ids (S,) of each text, special tokens included; a long text is cut."""
    return [
        single_windows(tokenizer, ids, max_length=longest, overlap=0)[0].ids
        for ids in tokenizer.token_ids(texts)
    ]
