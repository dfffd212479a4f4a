"""Collects everything that is wrong with the rows of a data set, to report it at once.

Does not know the rules themselves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from distilbert.errors import DataError

# Places shown per rule; the count says how many more there are.
SHOWN = 3
# Places kept per rule, so that the faults of a data set larger than memory fit into it.
KEPT = 1000
LONGEST_SHOWN = 120


@dataclass
class Problems:
    """Rules that rows break, and the places where they do.

    With `raise_first`, the first one raises DataError, as streams need that are used row by row.
    """

    # rule -> the first places, each with the value found there, shortened
    found: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    raise_first: bool = False
    # rule -> how many rows break it
    counts: Counter[str] = field(default_factory=Counter)
    # Rules that a whole source breaks, so that leaving out rows does not help.
    of_sources: list[str] = field(default_factory=list)

    def add(self, rule: str, place: str, got: object) -> None:
        """Record that `rule`, a full sentence, is broken at `place` by the value `got`."""
        if self.raise_first:
            raise DataError(f"{rule} In {place}: got {_short(repr(got))}.")
        self.counts[rule] += 1
        places = self.found.setdefault(rule, [])
        if len(places) < KEPT:
            places.append((place, _short(repr(got))))

    def add_source(self, rule: str, place: str) -> None:
        """Record that all rows of a source break `rule`; `place` is its header or first row."""
        if self.raise_first:
            raise DataError(f"{rule} In {place}.")
        self.of_sources.append(f"{rule} In {place}.")

    def __len__(self) -> int:
        return len(self.of_sources) + self.counts.total()

    def report(self) -> str:
        """One line per rule with its count, followed by the first places that break it."""
        lines = list(self.of_sources)
        for rule, places in self.found.items():
            count = self.counts[rule]
            lines.append(f"{rule} {count} {'row fails' if count == 1 else 'rows fail'}:")
            lines += [f"  {place}: got {got}" for place, got in places[:SHOWN]]
            if count > SHOWN:
                lines.append(f"  and {count - SHOWN} more")
        return "\n".join(lines)

    def raise_or_skip(self, *, skip_bad_rows: bool) -> int:
        """Return the number of problems if `skip_bad_rows` is set, or if there are none.

        Raises:
            DataError: there are problems and `skip_bad_rows` is false, or they are not of single
                rows.
        """
        if self.of_sources:
            raise DataError(self.report())
        if len(self) and not skip_bad_rows:
            raise DataError(
                f"{self.report()}\nFix these rows, or set `skip_bad_rows` to leave them out."
            )
        return len(self)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
