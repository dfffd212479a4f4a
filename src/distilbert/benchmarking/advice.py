"""Which of the measured rows to use, and how to ask for it. Decides from numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distilbert.benchmarking.result import Row, Spread
from distilbert.fastest import Ranked

# Fraction of the outputs beyond which a row is not recommended at all; bfloat16 stays below.
USABLE = 0.1
# A load average of this many processes per core makes times doubtful; ours is one of them.
BUSY = 0.5

# Medians whose ratio is below are alike: the next measurement may order them otherwise.
ALIKE = 1.05

Time = Callable[[Row], Spread]


def ranked(rows: Sequence[Row], n_texts: int) -> list[Ranked]:
    """Our rows for `runtime="fastest"`, fastest on texts first; wrong answers are left out."""
    found = _in_order([row for row in rows if _is_usable(row)], lambda row: row.texts)
    return [Ranked(row.name, row.dtype, row.is_exact, n_texts / row.texts.median) for row in found]


def advice(rows: Sequence[Row]) -> list[str]:
    """What to use for many texts and for single inputs, with the steps that give it.

    Precisions with other answers than float32 are named only as "if small differences are fine".
    """
    ours = [row for row in rows if not row.is_peer]
    exact = [row for row in ours if row.is_exact]
    lines = []
    if exact:
        best = _in_order(exact, lambda row: row.texts)[0]
        lines += _use(best, "For many texts use")
        firsts: dict[str, tuple[Row, list[int]]] = {}
        for length in best.single:
            first = _in_order(exact, lambda row, length=length: row.single[length])[0]
            firsts.setdefault(first.label, (first, []))[1].append(length)
        for first, lengths in firsts.values():
            if first is not best:
                named = " and ".join(map(str, lengths))
                lines += _use(first, f"For single inputs of {named} tokens use")
        near = [row for row in ours if _is_usable(row) and not row.is_exact]
        if near:
            other = _in_order(near, lambda row: row.texts)[0]
            if _is_faster(other.texts, best.texts):
                gain = best.texts.median / other.texts.median
                lines += _use(other, f"If small differences are fine, {gain:.2f}x faster:")
    wrong = [row.label for row in ours if not _is_usable(row)]
    if wrong:
        lines.append(f"Do not use {', '.join(wrong)}: the answers differ from the reference's.")
    return lines


def busy_warning(load: float | None, cores: int) -> str | None:
    """A warning if other programs were running when the measurement began."""
    if load is None or load < BUSY * cores:
        return None
    return (
        f"the machine is busy (load average {load:g} on {cores} cores): repeat the measurement "
        f"when it is idle."
    )


def _use(row: Row, beginning: str) -> list[str]:
    return [f"{beginning} {row.label}:", *(f"  {step}" for step in row.steps)]


def _is_usable(row: Row) -> bool:
    return not row.is_peer and row.difference is not None and row.difference <= USABLE


def _is_faster(one: Spread, other: Spread) -> bool:
    """Whether the medians are not alike."""
    return one.median * ALIKE < other.median


def _in_order(rows: Sequence[Row], time: Time) -> list[Row]:
    """Fastest first; of rows that are alike the fastest, that of the fewest steps comes first, so
    that nobody exports a model for a difference that is noise."""
    order = sorted(rows, key=lambda row: time(row).median)
    alike = [row for row in order if not _is_faster(time(order[0]), time(row))]
    first = min(alike, key=lambda row: len(row.steps), default=None)
    return [] if first is None else [first, *(row for row in order if row is not first)]
