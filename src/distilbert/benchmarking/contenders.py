"""What is measured: ways to run a model with this package, and how each is opened and asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distilbert._lazy import FRAMEWORKS, RUNTIMES, has_framework, is_available
from distilbert.benchmarking.inputs import TASKS, full_batch, inputs_of
from distilbert.benchmarking.memory import peak_growth
from distilbert.errors import CheckpointError, DistilBertError
from distilbert.exported import find_exported
from distilbert.exporting.export import export
from distilbert.opening import FoundModel
from distilbert.pipelines.factory import pipeline

# The framework that is always measured; the others take long to import.
FIRST = "torch"
# Where several precisions can be computed; elsewhere the one of the file or checkpoint.
DTYPES = {FIRST: ("float32", "bfloat16"), "openvino": ("float32", "bfloat16")}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The model that is measured; `options` are the keywords that open it."""

    name: str
    head: str
    found: FoundModel
    options: Mapping[str, Any]
    num_threads: int | None = None

    @property
    def has_weights(self) -> bool:
        """Whether it is a checkpoint."""
        return self.found.exported is None


@dataclass(frozen=True, kw_only=True)
class Way:
    """How one row is opened: keywords of `pipeline`, and the steps that a user takes for it."""

    name: str
    dtype: str
    source: str
    keywords: Mapping[str, Any]
    steps: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Contender:
    """An opened model.

    Attributes:
        batch: (n_rows, length) -> a call that computes a batch of this size.
        texts: a call that answers all texts, tokenization included.
        pipe: the pipeline of ours; None for a peer.
    """

    name: str
    dtype: str
    batch: Callable[[int, int], Callable[[], object]]
    texts: Callable[[], object]
    steps: tuple[str, ...] = ()
    memory_mib: float | None = None
    pipe: Any = None


# Runtimes whose threads are those of the first batch of a process, such as the one that exports.
FIXED_THREADS = ("savedmodel",)


@dataclass
class Found:
    """What can be measured, the exported files, and what cannot be measured and why."""

    ways: list[Way] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def find_ways(subject: Subject, folder: Path, *, frameworks: bool) -> Found:
    """The ways to run a model that are installed.

    Args:
        folder: takes the exported files of a checkpoint, one folder per runtime.
        frameworks: also TensorFlow and Flax.

    Raises:
        CheckpointError: the model cannot be exported by any program.
    """
    found = Found()
    if subject.has_weights:
        for name in FRAMEWORKS:
            _add_framework(found, subject, name, frameworks=frameworks)
    for name, runtime in RUNTIMES.items():
        missing = [one for one in runtime.requirements if not is_available(one)]
        if missing:
            found.left_out.append(f"{name}: {', '.join(missing)} is not installed.")
        elif "tensorflow" in runtime.requirements and not frameworks:
            found.left_out.append(f"{name}: slow to import, ask for it with `frameworks`.")
        elif name in FIXED_THREADS and subject.num_threads is not None:
            found.left_out.append(f"{name}: its threads cannot be set, leave out `num_threads`.")
        else:
            _add_runtime(found, subject, name, folder / name)
    return found


def _add_framework(found: Found, subject: Subject, name: str, *, frameworks: bool) -> None:
    if not has_framework(name):
        found.left_out.append(f"{name}: it is not installed.")
    elif name != FIRST and not frameworks:
        found.left_out.append(f"{name}: slow to import, ask for it with `frameworks`.")
    elif name != FIRST and subject.num_threads is not None:
        found.left_out.append(
            f"{name}: its threads cannot be set, leave out `num_threads` and OMP_NUM_THREADS."
        )
    else:
        keywords = {**subject.options, "framework": name, "num_threads": subject.num_threads}
        for dtype in DTYPES.get(name, ("float32",)):
            options = {"framework": name, **({} if dtype == "float32" else {"dtype": dtype})}
            steps = _steps(subject, subject.name, options)
            given = {**keywords, "dtype": dtype}
            found.ways.append(
                Way(name=name, dtype=dtype, source=subject.name, keywords=given, steps=steps)
            )


def _add_runtime(found: Found, subject: Subject, name: str, folder: Path) -> None:
    stored = find_exported(subject.found.folder, name)
    if not subject.has_weights and stored is None:
        return
    source, before, dtype = subject.name, [], "float32"
    if subject.has_weights:
        try:
            export(subject.name, folder, to=name, head=subject.head, **subject.options)
        except CheckpointError:
            raise
        except DistilBertError as error:
            found.left_out.append(f"{name}: {error}")
            return
        made, place = find_exported(folder, name), str(folder)
        if stored is None:
            source = "OUTPUT"
            head = f" --head {subject.head}"
            before = [f"distilbert export {subject.name} OUTPUT --to {name}{head}"]
    else:
        made, place = stored, subject.name
    assert made is not None
    found.files[name] = made.file
    stored_as = made.manifest.get("dtype", dtype)
    for computed in DTYPES.get(name, (stored_as,)):
        more = {} if computed in (stored_as, "float32") else {"dtype": computed}
        keywords = {"runtime": name, **more}
        steps = (*before, *_steps(subject, source, keywords))
        keywords |= {} if subject.has_weights else subject.options
        keywords |= {"num_threads": subject.num_threads}
        found.ways.append(
            Way(name=name, dtype=computed, source=place, keywords=keywords, steps=steps)
        )


def _steps(subject: Subject, source: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The options of a command, and the same in Python."""
    n = subject.num_threads
    options = {**options, **({} if n is None else {"num_threads": n})}
    flags = "".join(f" --{name.replace('_', '-')} {value}" for name, value in options.items())
    named = "".join(f", {name}={json.dumps(value)}" for name, value in options.items())
    task = TASKS[subject.head]
    command = "embed" if subject.head == "base" else f"predict {task}"
    return (
        f"distilbert {command} -m {source}{flags}",
        f'pipeline("{task}", "{source}"{named})',
    )


def open_way(way: Way, subject: Subject, texts: Sequence[str]) -> Contender:
    """Open a model as users do, and use it once.

    Raises:
        DistilBertError: it cannot be opened, such as for bfloat16 on a machine without it.
    """

    def opened() -> tuple[Any, list[Any]]:
        pipe = pipeline(TASKS[subject.head], way.source, **way.keywords)
        inputs = inputs_of(subject.head, texts, pipe.tokenizer)
        pipe(inputs[:1])
        return pipe, inputs

    (pipe, inputs), memory = peak_growth(opened)

    def batch(n_rows: int, length: int) -> Callable[[], object]:
        arrays = full_batch(pipe.runner.config, subject.head, n_rows, length)
        return lambda: pipe.runner.run_batch(arrays)

    return Contender(
        name=way.name,
        dtype=way.dtype,
        batch=batch,
        texts=lambda: pipe(inputs),
        steps=way.steps,
        memory_mib=memory,
        pipe=pipe,
    )
