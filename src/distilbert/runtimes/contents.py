"""What a file needs from whatever runs it: its operators, and the files next to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from distilbert.errors import CheckpointError


@dataclass
class Contents:
    """What a file needs.

    Attributes:
        opset: the version of its format or operators; 0 if the file names none.
        operators: how often each is used.
        foreign: what a file may not contain, such as operators that read and write files.
        locations: the files of constants, relative to the file.
    """

    opset: int = 0
    operators: Counter[str] = field(default_factory=Counter)
    foreign: set[str] = field(default_factory=set)
    locations: set[str] = field(default_factory=set)

    def check(self, kind: str, path: Path) -> None:
        """Raise CheckpointError if the file contains more than computation with tensors.

        Args:
            kind: what such a file is called, as `Session.kind`.
        """
        if self.foreign:
            raise CheckpointError(
                f"{kind} may only compute with tensors: {path} contains "
                f"{', '.join(sorted(self.foreign))}, which could do something else. Export the "
                f"model again, and run only that file."
            )
