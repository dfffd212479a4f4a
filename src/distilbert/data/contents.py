"""What sources contain, as hashes: a file may be moved but not changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from distilbert.data.hub_sets import HUB, load_hub_set
from distilbert.data.sources import ReadOptions, files_of, formats_of
from distilbert.digests import digest, file_sha256

GZIP = ".gz"


def contents_of(sources: Sequence[str], data: ReadOptions) -> Iterator[tuple[str, ...]]:
    """For each file its format, whether it is compressed, and its sha256; for each data set of the
    hub its name and a hash of its rows.

    Raises:
        DataError: a source or its format does not exist.
    """
    for source in sources:
        if source.startswith(HUB):
            yield source, _hub_set_digest(source)
            continue
        for name, kind in formats_of(source, data):
            suffix = Path(name).suffix.lower()
            yield kind, GZIP if suffix == GZIP else "", file_sha256(Path(name))


def states_of(sources: Sequence[str]) -> list[tuple[str, int, int]]:
    """The name, size and time of change of each file, which show whether one changes meanwhile."""
    names = [name for one in sources if not one.startswith(HUB) for name in files_of(one)]
    states = [(name, Path(name).stat()) for name in names]
    return [(name, state.st_size, state.st_mtime_ns) for name, state in states]


def _hub_set_digest(source: str) -> str:
    """A hash of the files that the package datasets keeps of a data set, or else of its rows."""
    dataset = load_hub_set(source)
    files = [Path(file["filename"]) for file in getattr(dataset, "cache_files", ())]
    return digest(map(file_sha256, files) if files else dataset)
