"""`benchmark`: every runtime and precision that is installed here, measured in turns."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from distilbert.benchmarking.advice import advice, busy_warning, ranked
from distilbert.benchmarking.contenders import (
    FIRST,
    Contender,
    Subject,
    find_ways,
    open_way,
)
from distilbert.benchmarking.inputs import LENGTHS, sample_texts, sequences_of
from distilbert.benchmarking.peers import find_peers
from distilbert.benchmarking.result import MEASURED, Benchmark, Row, Spread
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.matching import infer_head
from distilbert.checkpoint.output_folder import check_output
from distilbert.config import DistilBertConfig
from distilbert.data.memory import names_sources, sources_of
from distilbert.errors import CheckpointError, DistilBertError, InputError, UnknownArgumentError
from distilbert.fastest import PACKAGES, Ranked, store
from distilbert.heads import HEADS, head_of_class
from distilbert.load_options import take_load_options
from distilbert.machine import cpu_model, load_average, package_version, usable_cores
from distilbert.opening import FoundModel, find_model
from distilbert.quantizing.agreement import measure_agreement
from distilbert.threads import asked_threads, check_threads
from distilbert.timing import seconds_in_turns

SECONDS = 45.0
# The share of the seconds that single inputs of each length take; texts take the rest.
SINGLE_SHARE = 0.2
MOST_ROUNDS = 50
# Texts on which answers are compared with the reference's.
N_COMPARED = 64


def benchmark(
    model: str | PathLike[str],
    *,
    head: str | None = None,
    texts: Any = None,
    seconds: float = SECONDS,
    num_threads: int | None = None,
    frameworks: bool = False,
    peers: bool = False,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Benchmark:
    """Measure how fast a model runs here in everything that is installed, and say what to use.

    A checkpoint is exported to a temporary folder for every runtime; an exported folder is measured
    with the runtimes that it has files for. Each is measured with one input of 16 and of 128 tokens
    and, through its pipeline, on texts. Its answers are compared with those of PyTorch in float32.
    What was found is stored for `runtime="fastest"`.

    Args:
        model: a checkpoint or an exported model.
        head: by default that of the model.
        texts: files, or rows with a column `text`; by default sentences of this package.
        seconds: about how long to measure, in addition to exporting and opening.
        num_threads: of PyTorch and of the runtimes; by default OMP_NUM_THREADS, or as many as each
            takes.
        frameworks: also measure TensorFlow and Flax, which take long to import.
        peers: also measure transformers, and onnxruntime and openvino with plain padding.
        output: a new or empty folder for `report.json`, `report.md` and a plot.
        overwrite: replace an earlier benchmark in `output`, once the new one is complete.
        options: those of the hub (`revision`, `token`, ...), `variant`, `from_tf`, ....

    Raises:
        CheckpointError: the model cannot be opened.
        DataError: the texts cannot be read.
        InputError: an option breaks a rule, or nothing that runs the model is installed.
    """
    subject = _subject(model, head, asked_threads(num_threads), options)
    if not seconds > 0:
        raise InputError(f"`seconds` must be more than 0: got {seconds!r}.")
    if output is not None:
        files = sources_of(texts) if names_sources(texts) else ()
        check_output(Path(output), MEASURED, overwrite=overwrite, sources=[model, *files])
    sample = sample_texts(texts)
    source = "the sample of this package" if texts is None else "those given"
    with tempfile.TemporaryDirectory() as place:
        result = _measured(
            subject, sample, source, Path(place), seconds, frameworks=frameworks, peers=peers
        )
    if output is not None:
        result.write(output)
    return result


def _measured(
    subject: Subject,
    sample: list[str],
    source: str,
    place: Path,
    seconds: float,
    *,
    frameworks: bool,
    peers: bool,
) -> Benchmark:
    machine = describe_machine(subject.num_threads)
    found = find_ways(subject, place, frameworks=frameworks)
    contenders, left_out = open_all(subject, found.ways, sample)
    left_out = [*found.left_out, *left_out]
    if not contenders:
        raise InputError(f"`benchmark` can run nothing here. {' '.join(left_out)}")
    rest, absent = find_peers(subject, place, found.files, sample) if peers else ([], [])
    rows, reference = measure(contenders, rest, sample, seconds=seconds)
    n_tokens = count_tokens(contenders[0], sample)
    config, ranking = contenders[0].pipe.runner.config, ranked(rows, len(sample))
    stored, failure = _stored(subject, config, ranking)
    busy = busy_warning(machine["load_average"], machine["cores"])
    return Benchmark(
        model=subject.name,
        head=subject.head,
        rows=tuple(rows),
        reference=reference,
        sample={"source": source, "n_texts": len(sample), "n_tokens": n_tokens},
        machine=machine,
        left_out=(*left_out, *absent),
        warnings=tuple(one for one in (busy, failure) if one is not None),
        advice=tuple(advice(rows)),
        stored=stored,
    )


def _stored(
    subject: Subject, config: DistilBertConfig, ranking: Sequence[Ranked]
) -> tuple[Path | None, str | None]:
    """The file for `runtime="fastest"`, or a warning that it could not be written or is of no use:
    the measurement took too long to be lost with it."""
    if not ranking:
        return None, "no answers are close to the reference's: nothing is stored for `fastest`."
    try:
        file = store(subject.found.folder, config, subject.head, subject.num_threads, ranking)
    except (CheckpointError, OSError) as error:
        return None, f"`runtime='fastest'` will not know of this: it cannot be stored ({error})."
    return file, None


def _subject(
    model: str | PathLike[str], head: str | None, num_threads: Any, options: dict[str, Any]
) -> Subject:
    """The model, found on this machine, and its head."""
    given = dict(options)
    loading = take_load_options(options)
    unknown = [*options, *(["runtime"] if loading.runtime is not None else [])]
    if unknown:
        names = ", ".join(sorted(unknown))
        raise UnknownArgumentError(f"`benchmark` got unknown keywords: {names}.")
    check_threads(num_threads)
    if head is not None and head not in HEADS:
        raise InputError(f"`head` must be one of {', '.join(HEADS)}: got {head!r}.")
    found = find_model(model, options=loading)
    return Subject(
        name=fspath(model),
        head=head or _head(found),
        found=found,
        options=given,
        num_threads=num_threads,
    )


def _head(found: FoundModel) -> str:
    config = DistilBertConfig.from_pretrained(found.folder)
    if found.exported is None:
        variant = found.options.variant
        return infer_head(
            open_checkpoint(found.folder, formats=found.formats, variant=variant), config
        )
    known = (head_of_class(name) for name in config.architectures or ())
    named = next((one.name for one in known if one is not None), "base")
    return found.exported.manifest.get("head", named)


def open_all(
    subject: Subject, ways: Sequence[Any], texts: Sequence[str]
) -> tuple[list[Contender], list[str]]:
    """Every way that can be opened, and why the others cannot.

    Raises:
        CheckpointError: the model itself is at fault.
    """
    opened, left_out = [], []
    for way in ways:
        try:
            opened.append(open_way(way, subject, texts))
        except CheckpointError:
            raise
        except DistilBertError as error:
            left_out.append(f"{way.name} {way.dtype}: {error}")
    return opened, left_out


def describe_machine(num_threads: int | None) -> dict[str, Any]:
    """What of this machine the numbers depend on."""
    versions = {name: package_version(name) for name in (*PACKAGES, "transformers")}
    return {
        "processor": cpu_model(),
        "cores": usable_cores(),
        "num_threads": num_threads,
        "load_average": load_average(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: version for name, version in versions.items() if version},
    }


def count_tokens(contender: Contender, texts: Sequence[str]) -> int:
    """The tokens of all texts, special tokens included, without questions, masks and choices."""
    opened = contender.pipe.opened
    return sum(map(len, sequences_of(texts, opened.tokenizer, opened.max_length)))


def measure(
    contenders: Sequence[Contender],
    peers: Sequence[Contender],
    texts: Sequence[str],
    *,
    seconds: float,
    rounds: int = MOST_ROUNDS,
) -> tuple[list[Row], str]:
    """A row for each contender and peer, measured in turns, and the label of the reference."""
    everyone = [*contenders, *peers]
    longest = contenders[0].pipe.opened.max_length
    singles: list[dict[int, Spread]] = [{} for _ in everyone]
    lengths = sorted({min(length, longest) for length in LENGTHS})
    for length in lengths:
        calls = [one.batch(1, length) for one in everyone]
        found = seconds_in_turns(calls, rounds=rounds, budget=SINGLE_SHARE * seconds, wake=True)
        for single, times in zip(singles, found, strict=True):
            single[length] = Spread.of(times)
    budget = (1 - SINGLE_SHARE * len(lengths)) * seconds
    calls = [one.texts for one in everyone]
    found = seconds_in_turns(calls, rounds=rounds, warm_up=1, budget=budget)
    reference = _reference(contenders)
    rows = []
    for one, single, times in zip(everyone, singles, found, strict=True):
        rows.append(
            Row(
                name=one.name,
                dtype=one.dtype,
                is_peer=one.pipe is None,
                single=single,
                texts=Spread.of(times),
                memory_mib=one.memory_mib,
                steps=one.steps,
                **_differences(reference, one, texts),
            )
        )
    return rows, f"{reference.name} {reference.dtype}"


def _reference(contenders: Sequence[Contender]) -> Contender:
    """PyTorch in float32, or without it the first in float32, or the first."""
    return min(contenders, key=lambda one: (one.dtype != "float32", one.name != FIRST))


def _differences(reference: Contender, one: Contender, texts: Sequence[str]) -> dict[str, Any]:
    if one.pipe is None:
        return {}
    opened = reference.pipe.opened
    sequences = sequences_of(texts[:N_COMPARED], opened.tokenizer, opened.max_length)
    pair = (reference.pipe.runner, one.pipe.runner)
    pad_id = opened.config.pad_token_id
    found = measure_agreement(*pair, sequences, pad_id=pad_id)
    return {"difference": found.difference, "same": found.same, "cosine": found.cosine}
