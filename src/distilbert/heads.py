"""Facts about the model's heads and the constants of the architecture, each stated once.

Every other module reads them from here; this one imports nothing of the package.
"""

from __future__ import annotations

from dataclasses import dataclass

# Epsilon of every layer normalization, as in BERT's first release.
LAYER_NORM_EPS = 1e-12
# The label of a token that takes no part in the loss, as in every framework's reference.
IGNORED_LABEL = -100
# The id of `[PAD]` in the published vocabularies, used where a tokenizer names no padding token.
PADDING_ID = 0

Axes = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """One kind of model.

    Attributes:
        name: how the package refers to it.
        class_name: the PyTorch class; TensorFlow and Flax put `TF` and `Flax` before it.
        outputs: output name -> axes. B batch, S sequence, D dim, V vocabulary, N labels, C choices.
        task: the name of its task in run cards and commands; None for the base model.
        labels_per_token: its labels and logits have an S axis, with `IGNORED_LABEL` where a token
            has no label.
        reads_first_token: its logits depend on the last hidden state of the first token only.
    """

    name: str
    class_name: str
    outputs: dict[str, Axes]
    task: str | None = None
    labels_per_token: bool = False
    reads_first_token: bool = False

    @property
    def auto_class_name(self) -> str:
        """The auto class that chooses `class_name`; prefixed like it."""
        return self.class_name.replace("DistilBert", "AutoModel").replace("ModelModel", "Model")

    @property
    def input_axes(self) -> Axes:
        """The axes of `input_ids` and `attention_mask`."""
        return ("B", "C", "S") if self.name == "multiple_choice" else ("B", "S")


HEADS = {
    head.name: head
    for head in (
        Head("base", "DistilBertModel", {"last_hidden_state": ("B", "S", "D")}),
        Head(
            "masked_lm",
            "DistilBertForMaskedLM",
            {"logits": ("B", "S", "V")},
            task="masked-lm",
            labels_per_token=True,
        ),
        Head(
            "sequence_classification",
            "DistilBertForSequenceClassification",
            {"logits": ("B", "N")},
            task="text-classification",
            reads_first_token=True,
        ),
        Head(
            "multiple_choice",
            "DistilBertForMultipleChoice",
            {"logits": ("B", "C")},
            task="multiple-choice",
            reads_first_token=True,
        ),
        Head(
            "token_classification",
            "DistilBertForTokenClassification",
            {"logits": ("B", "S", "N")},
            task="token-classification",
            labels_per_token=True,
        ),
        Head(
            "question_answering",
            "DistilBertForQuestionAnswering",
            {"start_logits": ("B", "S"), "end_logits": ("B", "S")},
            task="question-answering",
        ),
    )
}
# Task -> head, for the tasks that can be trained.
TASK_HEADS = {head.task: head for head in HEADS.values() if head.task is not None}
# Other names of tasks -> the names above.
TASK_ALIASES = {
    "sentiment-analysis": "text-classification",
    "ner": "token-classification",
    "fill-mask": "masked-lm",
    "qa": "question-answering",
}


def head_of_class(class_name: str) -> Head | None:
    """The head whose class, in any framework, has this name; None for any other class."""
    plain = class_name.removeprefix("TF").removeprefix("Flax")
    return next((head for head in HEADS.values() if head.class_name == plain), None)
