"""A mixed corpus for distillation: novels and many short sentences, from sets with free licences.

Novels alone make a sentence encoder's similarities worse; short sentences of several kinds repair
that. No sentence of the sets that the ablation evaluates on (SST-2, TREC, MRPC, CoLA, SICK, STS-B)
is used, whatever its split: lines equal to one of theirs, but for case, spaces and marks, are left
out. SNLI's premises and a part of STS-B are captions of photographs of the same kind all the same.

    python benchmarks/mixed_corpus.py ../shared/data corpus.txt held_out.txt
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WORD = re.compile(r"\w+")
EVALUATED = ("sst2", "trec", "mrpc", "cola", "sick", "stsb")
SEED = 56
# Texts of each set that are held out.
HELD_OUT = 50


@dataclass(frozen=True)
class Source:
    """Files of a set, the columns of its texts (none: whole lines), and how much of it to take."""

    files: str
    licence: str
    words: int
    columns: tuple[int, ...] = ()
    delimiter: str = "\t"


SOURCES = {
    "novels": Source("english_novels/*.txt.gz", "public domain", 250_000),
    "state_union": Source("state_union/*.txt.gz", "public domain", 50_000),
    "wikisplit": Source("wikisplit/*.txt.gz", "CC BY-SA 4.0", 200_000),
    "snli": Source("snli/train.tsv.gz", "CC BY-SA 4.0", 100_000, (0, 1)),
    "qnli": Source("qnli/train.tsv.gz", "CC BY-SA 4.0", 110_000, (1, 2)),
    "queries": Source("query_wellformedness/train.tsv.gz", "CC BY-SA 4.0", 120_000, (0,)),
    "banking77": Source("banking77/train.csv.gz", "CC BY 4.0", 60_000, (0,), ","),
    "goemotions": Source("goemotions/train.tsv.gz", "Apache-2.0", 100_000, (0,)),
    "reviews": Source("cr/train.tsv.gz", "CC BY 4.0", 40_000, (0,)),
}


def write_corpus(data: Path, target: Path, held_out: Path) -> dict[str, object]:
    """Write one text per line, other texts of each set to be held out, and say what is in them."""
    banned = evaluated_sentences(data)
    rng = random.Random(SEED)
    lines: list[str] = []
    others: list[str] = []
    parts = {}
    for name, source in SOURCES.items():
        found = list(dict.fromkeys(texts(data, source)))
        usable = [text for text in found if key(text) not in banned]
        rng.shuffle(usable)
        taken = list(first_words(usable, source.words))
        lines += taken
        others += usable[len(taken) :][:HELD_OUT]
        parts[name] = {
            "licence": source.licence,
            "texts": len(taken),
            "words": sum(len(text.split()) for text in taken),
            "left out as in an evaluated set": len(found) - len(usable),
        }
    rng.shuffle(lines)
    content = "".join(f"{line}\n" for line in lines)
    target.write_text(content, encoding="utf-8")
    held_out.write_text("".join(f"{line}\n" for line in others), encoding="utf-8")
    return {"sha256": hashlib.sha256(content.encode()).hexdigest(), "parts": parts}


def evaluated_sentences(data: Path) -> set[str]:
    """Keys of every sentence, in every split, of the sets that are evaluated on."""
    found = set()
    for name in EVALUATED:
        for path in sorted((data / name).glob("*.gz")):
            for line in lines_of(path):
                cells = [line.partition(" ")[2]] if name == "trec" else line.split("\t")
                found |= {key(cell) for cell in cells}
    return found


def texts(data: Path, source: Source) -> Iterator[str]:
    """The texts of a source, with single spaces."""
    paths = sorted(data.glob(source.files))
    if not paths:
        raise FileNotFoundError(f"There is no {source.files} in {data}.")
    for path in paths:
        if not source.columns:
            cells = lines_of(path)
        else:
            quoting = csv.QUOTE_MINIMAL if source.delimiter == "," else csv.QUOTE_NONE
            rows = csv.reader(lines_of(path), delimiter=source.delimiter, quoting=quoting)
            cells = (row[column] for row in rows for column in source.columns)
        yield from (" ".join(cell.split()) for cell in cells)


def lines_of(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        yield from (line.rstrip("\n") for line in file)


def first_words(found: list[str], limit: int) -> Iterator[str]:
    """The first texts until they have `limit` words."""
    count = 0
    for text in found:
        if count >= limit:
            return
        count += len(text.split())
        yield text


def key(text: str) -> str:
    """A text without case, spaces and marks."""
    return " ".join(WORD.findall(text.lower()))


if __name__ == "__main__":
    print(json.dumps(write_corpus(*map(Path, sys.argv[1:4])), indent=1))
