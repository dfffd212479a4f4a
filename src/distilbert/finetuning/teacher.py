"""The teacher of a run of fine-tuning: a fine-tuned DistilBERT or BERT that fits the student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distilbert.checkpoint.bert import is_bert, read_bert, saved_class
from distilbert.checkpoint.bert_folder import carried_files
from distilbert.checkpoint.bert_names import HEAD_OF_CLASS
from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import InputError
from distilbert.heads import HEADS
from distilbert.opening import FoundModel, framework_module, tokenizer_of
from distilbert.tasks.task import Feature

# A text that tokenizers of other settings split differently.
PROBE = "The Café's naïve \u4e2d\u6587 don't-stop"


@dataclass(frozen=True)
class Teacher:
    """A teacher, and what to load it from; `segments` are `FoldedBert.segments` of a BERT."""

    found: FoundModel
    request: LoadRequest
    segments: np.ndarray | None

    @staticmethod
    def of(found: FoundModel, head: str, tokenizer: Any) -> Teacher:
        """The teacher of a folder for a student with this head and tokenizer.

        Raises:
            InputError: it was fine-tuned for another task, or has another tokenizer.
            CheckpointError: no such model, or a BERT whose parameters are not complete.
        """
        request, segments = found.request(head), None
        _check_tokenizer(found, tokenizer)
        if is_bert(found.folder):
            saved = saved_class(found.folder)
            if saved is not None and HEAD_OF_CLASS[saved] != head:
                raise InputError(
                    f"A teacher must be fine-tuned for the task of its student, "
                    f"{HEADS[head].task}: got {found.name}, which was saved as {saved}."
                )
            bert = read_bert(found.folder, head=head)
            request = replace(request, config=bert.config, state=bert.arrays)
            segments = bert.segments
        return Teacher(found, request, segments)

    def loaded(self, student: Any, *, labels_are_ordered: bool) -> Any:
        """The teacher in the framework of its student, PyTorch.

        Labels without names of their own are those of the student if these are ordered, or numbers.

        Raises:
            InputError: it has another vocabulary or other labels.
        """
        package = framework_module(
            self.found.weights_framework(), "teacher", "learn from a teacher"
        )
        return package.load_teacher(
            self.request, student, self.segments, labels_are_ordered=labels_are_ordered
        )


def _check_tokenizer(found: FoundModel, tokenizer: Any) -> None:
    """
    Raises:
        InputError: the teacher has a tokenizer that splits texts in another way.
    """
    if found.folder.is_file():
        return
    files = carried_files(found.folder, int(tokenizer.model_max_length))
    if not {"vocab.txt", "tokenizer.json"} & files.keys():
        return  # a folder of weights and a config
    other = tokenizer_of(files)
    if other.get_vocab() != tokenizer.get_vocab():
        raise InputError(
            f"A teacher must have the vocabulary of its student: that of {found.name} has "
            f"{len(other)} tokens, that of the student {len(tokenizer)}"
            f"{'' if len(other) != len(tokenizer) else ', but not the same ones'}."
        )
    ours, theirs = (one.tokenize(PROBE) for one in (tokenizer, other))
    if ours != theirs:
        raise InputError(
            f"A teacher must split texts as its student does: {found.name} splits {PROBE!r} into "
            f"{' '.join(theirs)}, and the student into {' '.join(ours)}."
        )


def token_types(attention_mask: np.ndarray, features: Sequence[Feature]) -> np.ndarray:
    """BERT's `token_type_ids` of a batch, int64 (B, S) or (B, C, S): 1 in second texts."""
    starts = np.array([feature.seconds for feature in features])
    starts = starts.reshape(attention_mask.shape[:-1])[..., None]
    return (np.arange(attention_mask.shape[-1]) >= starts) * attention_mask
