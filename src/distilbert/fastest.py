"""`runtime="fastest"`: what `distilbert benchmark` measured on this machine, stored and used.

Speed depends on the shape of a model, not on its weights: an answer holds for every model of the
same shape and head, with the same packages, processor and number of threads. Measures nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from distilbert._lazy import FRAMEWORKS, RUNTIMES
from distilbert.checkpoint.atomic import atomic_file
from distilbert.checkpoint.hub import EMBEDDED, EMBEDDED_FOLDER
from distilbert.checkpoint.pypi import default_cache
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.config import DistilBertConfig
from distilbert.digests import digest
from distilbert.errors import CheckpointError, DataError, InputError
from distilbert.exported import find_exported
from distilbert.heads import head_of_class
from distilbert.json_files import read_json
from distilbert.load_options import LoadOptions
from distilbert.machine import cpu_model, package_version, usable_cores
from distilbert.threads import asked_threads

FASTEST = "fastest"
# The fields of a config on which speed depends.
SHAPE = ("vocab_size", "dim", "hidden_dim", "n_layers", "n_heads", "max_position_embeddings")
SHAPE += ("activation", "pruned_heads")
PACKAGES = ("distilbert", "numpy", "tokenizers", "torch", "tensorflow", "jax", "flax")
PACKAGES += ("onnxruntime", "openvino")
# The kind of a source with weights, which every framework and exported file can run.
WEIGHTS = "weights"


@dataclass(frozen=True)
class Ranked:
    """A framework or runtime and a precision that were measured.

    `is_exact`: its answers are those of float32 up to rounding.
    """

    name: str
    dtype: str
    is_exact: bool
    texts_per_second: float


def store(
    folder: Path,
    config: DistilBertConfig,
    head: str,
    threads: int | None,
    ranking: Sequence[Ranked],
) -> Path:
    """Store what was measured for the model in a folder, best first; returns the file."""
    facts = _facts(config, head, threads, _kind(folder))
    path = _path(facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**facts, "ranking": [asdict(one) for one in ranking]}
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def with_fastest(
    source: str | PathLike[str],
    framework: str | None,
    options: LoadOptions,
    *,
    head: str | None = None,
    dtype: Any = None,
) -> tuple[str | None, LoadOptions]:
    """The framework and options that open `source` in the fastest way that was measured; those
    given, unless `options.runtime` is "fastest".

    Args:
        head: by default the one whose class the config names.
        dtype: the precision; by default any whose answers are those of float32.

    Raises:
        InputError: nothing was measured for such a model on this machine, nothing in this
            precision, the source has no files for what is fastest, or a framework is given.
    """
    if options.runtime != FASTEST:
        return framework, options
    if framework is not None:
        raise InputError(
            f"`framework` must be left out with `runtime={FASTEST!r}`, which chooses it: got "
            f"{framework!r}."
        )
    folder = _folder(source)
    place = source if folder is None else folder
    config = DistilBertConfig.from_pretrained(place, **options.hub.as_keywords())
    if head is None:
        known = (head_of_class(name) for name in config.architectures or ())
        head = next((one.name for one in known if one is not None), "base")
    kind = WEIGHTS if folder is None else _kind(folder)
    ranking = _read(config, head, options.num_threads, kind)
    if ranking is None:
        threads = "" if options.num_threads is None else f" --num-threads {options.num_threads}"
        raise InputError(
            f"`runtime={FASTEST!r}` uses what was measured on this machine: there is no "
            f"measurement of a model like {source} ({head}) with these packages and threads. "
            f"Measure it first: distilbert benchmark {source} --head {head}{threads}"
        )
    best = _best(ranking, dtype)
    if best.name in FRAMEWORKS and kind == WEIGHTS:
        return best.name, replace(options, runtime=None)
    if best.name in FRAMEWORKS or (folder is not None and not find_exported(folder, best.name)):
        raise InputError(_without_files(source, head, kind, best))
    return None, replace(options, runtime=best.name, num_threads=asked_threads(options.num_threads))


def _without_files(source: str | PathLike[str], head: str, kind: str, best: Ranked) -> str:
    """What to do where a source has no files for what is fastest."""
    speed = f"{best.texts_per_second:,.0f} texts per second when it was measured"
    beginning = f"`runtime={FASTEST!r}` is {best.name} for this model here ({speed})"
    if kind == WEIGHTS:
        return (
            f"{beginning}, and {source} has no file for it. Write one, and use OUTPUT as the "
            f"model: distilbert export {source} OUTPUT --to {best.name} --head {head}"
        )
    to_do = "" if best.name in FRAMEWORKS else f" to export it with `--to {best.name}`"
    held = kind.split("+")
    return (
        f"{beginning}, and {source} is an exported model for {' and '.join(held)}. Take the "
        f"checkpoint that it was exported from{to_do}, or pass `runtime={held[0]!r}`."
    )


def _best(ranking: Sequence[Ranked], dtype: Any) -> Ranked:
    wanted = None if dtype is None else str(dtype).removeprefix("torch.")
    for one in ranking:
        if one.dtype == wanted or (wanted in (None, "float32") and one.is_exact):
            return one
    measured = ", ".join(f"{one.name} {one.dtype}" for one in ranking)
    raise InputError(
        f"`runtime={FASTEST!r}` needs a measurement in {wanted or 'float32'}: those of this model "
        f"are of {measured}. Pass another `dtype`."
    )


def _read(
    config: DistilBertConfig, head: str, threads: int | None, kind: str
) -> list[Ranked] | None:
    """The ranking for files of this kind, or else that for checkpoints; None if there is none."""
    for one in dict.fromkeys((kind, WEIGHTS)):
        path = _path(_facts(config, head, threads, one))
        if path.is_file():
            return _ranking_in(path)
    return None


def _ranking_in(path: Path) -> list[Ranked]:
    """The ranking in a file, which another program may have damaged."""
    try:
        ranking = [Ranked(**row) for row in read_json(path)["ranking"]]
        usable = all(one.name in (*FRAMEWORKS, *RUNTIMES) for one in ranking)
    except (CheckpointError, KeyError, TypeError):
        ranking, usable = [], False
    if not ranking or not usable:
        raise DataError(
            f"A stored measurement must have a ranking of frameworks and runtimes: {path} has "
            f"none. Delete it and measure again: distilbert benchmark"
        )
    return ranking


def _folder(source: str | PathLike[str]) -> Path | None:
    """The folder of a local source; None for the name of another."""
    path = Path(fspath(source))
    if source == EMBEDDED and not path.exists():
        return EMBEDDED_FOLDER
    if path.is_file():
        exported = find_exported(path)
        return path.parent if exported is None else exported.folder
    return path if path.is_dir() else None


def _kind(folder: Path) -> str:
    """`WEIGHTS`, or for an exported model the runtimes that it has files for, joined by "+"."""
    if any(files.present(folder) for files in WEIGHT_FILES.values()):
        return WEIGHTS
    return "+".join(name for name in RUNTIMES if find_exported(folder, name)) or WEIGHTS


def _facts(config: DistilBertConfig, head: str, threads: int | None, kind: str) -> dict[str, Any]:
    """All that a measurement depends on."""
    values: Mapping[str, Any] = config.to_dict()
    return {
        "head": head,
        "shape": {name: values.get(name) for name in SHAPE},
        "kind": kind,
        "processor": cpu_model(),
        "cores": usable_cores(),
        "threads": asked_threads(threads),
        "versions": {name: package_version(name) for name in PACKAGES},
    }


def _path(facts: Mapping[str, Any]) -> Path:
    key = digest([json.dumps(facts, sort_keys=True, default=str)])
    return default_cache() / FASTEST / f"{key[:32]}.json"
