"""All that is wrong with the rows of a run, gathered so that it is told at once, before training.

Knows nothing of what the rules are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from distilbert.errors import DataError

# Places shown per rule; the count says how many more there are.
SHOWN = 3
LONGEST_SHOWN = 120


@dataclass
class Problems:
    """Broken rules and where they were broken."""

    # rule -> the places, each with what stood there
    found: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, rule: str, place: str, got: object) -> None:
        """Note that `rule`, a whole sentence, is broken at `place`, where `got` stands."""
        self.found.setdefault(rule, []).append((place, repr(got)))

    def __len__(self) -> int:
        return sum(len(places) for places in self.found.values())

    def report(self) -> str:
        """A line per rule with its count, and the first places beneath it."""
        lines = []
        for rule, places in self.found.items():
            lines.append(f"{rule} Broken {len(places)} {'time' if len(places) == 1 else 'times'}:")
            lines += [f"  {place}: got {_short(got)}" for place, got in places[:SHOWN]]
            if len(places) > SHOWN:
                lines.append(f"  and {len(places) - SHOWN} more")
        return "\n".join(lines)

    def settle(self, *, skip_bad_rows: bool) -> int:
        """The number of problems, where they may be skipped.

        Raises:
            DataError: there are problems, and they may not.
        """
        if len(self) and not skip_bad_rows:
            raise DataError(
                f"{self.report()}\nMend the data, or leave such rows out with `--skip-bad-rows`."
            )
        return len(self)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
