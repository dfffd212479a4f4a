"""Time of tokenizing a file of text and storing the tokens, against `datasets.map`; memory.

    python benchmarks/bench_corpus.py [--rounds 5] [--megabytes 10] [--processes 2] [--gigabytes 2]

Both sides use the same number of processes. Ours reads the file, hashes it, tokenizes, drops short
lines and writes shards; the peer maps the fast tokenizer of transformers over a data set that has
been loaded before. With --gigabytes, the peak memory of building a corpus of so much generated
text is measured as well. Needs the dev extra. Writes benchmarks/results/bench_corpus.json.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import pydoc_data.topics
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from in_turns import Comparison, compare, seconds, write_results

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
MEMORY_BAR_MIB = 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--gigabytes", type=float, default=0)
    parser.add_argument("--build", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        build(Path(options.build), options.processes)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        origin = prepare(folder, int(options.megabytes * 1e6))
        memory = {}
        if options.gigabytes:
            memory = peak_memory(folder, int(options.gigabytes * 1e9), options.processes)
        result = measure(folder, options)
        path = write_results(
            "bench_corpus",
            [result],
            text=origin,
            megabytes=options.megabytes,
            processes=options.processes,
            datasets=metadata.version("datasets"),
            memory=memory,
        )
    print(path)


def measure(folder: Path, options: argparse.Namespace) -> Comparison:
    """Build the corpus and map the tokenizer in turns."""
    text, tokenizer = folder / "text.txt", own_tokenizer(folder)
    mapped = peer(folder, options.processes)

    def ours() -> float:
        shutil.rmtree(folder / "corpora", ignore_errors=True)
        return seconds(lambda: corpus(text, tokenizer, options.processes))

    return compare(
        f"tokenize and store {options.megabytes:g} MB in {options.processes} processes",
        ours,
        lambda: seconds(mapped),
        rounds=options.rounds,
        bar=1.0,
    )


def corpus(text: Path, tokenizer: Any, processes: int) -> Any:
    """The corpus of a text, next to it."""
    from distilbert.tasks.masked_lm.corpus import open_or_build_corpus
    from distilbert.training.run_card import DataSection

    folder = text.parent / "corpora"
    return open_or_build_corpus(
        str(text), tokenizer, folder=folder, data=DataSection(), processes=processes
    )


def own_tokenizer(folder: Path) -> Any:
    """A new tokenizer: it has seen no words."""
    from distilbert import DistilBertTokenizerFast

    return DistilBertTokenizerFast.from_pretrained(folder)


def peer(folder: Path, processes: int) -> Callable[[], object]:
    """A call that tokenizes the same text with `datasets.map`."""
    import datasets
    from transformers import DistilBertTokenizerFast
    from transformers.utils import logging

    datasets.disable_progress_bars()
    logging.set_verbosity_error()
    tokenizer = DistilBertTokenizerFast.from_pretrained(folder)
    cache = str(folder / "cache")
    lines = datasets.load_dataset(
        "text", data_files=str(folder / "text.txt"), split="train", cache_dir=cache
    )
    numbers = itertools.count()
    return lambda: lines.map(
        lambda rows: tokenizer(rows["text"], return_attention_mask=False),
        batched=True,
        num_proc=processes,
        remove_columns=["text"],
        load_from_cache_file=False,
        new_fingerprint=f"round{next(numbers)}",
    )


def peak_memory(folder: Path, size: int, processes: int) -> dict[str, Any]:
    """The peak memory of a new process that builds a corpus of `size` bytes, and of its workers."""
    large = folder / "large"
    large.mkdir()
    for path in folder.glob("*.*"):
        if path.name != "text.txt":
            shutil.copy(path, large)
    lines = (folder / "text.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    rng = random.Random(0)
    written = 0
    with (large / "text.txt").open("w", encoding="utf-8", newline="\n") as target:
        while written < size:
            rng.shuffle(lines)
            target.writelines(lines)
            written = target.tell()
    command = [sys.executable, __file__, "--build", str(large / "text.txt")]
    begin = time.perf_counter()
    ran = subprocess.run(
        [*command, "--processes", str(processes)], check=True, capture_output=True, text=True
    )
    found = json.loads(ran.stdout)
    found |= {"bytes": written, "seconds": round(time.perf_counter() - begin, 1)}
    found |= {"bar_mib": MEMORY_BAR_MIB}
    print(f"memory: {found}", flush=True)
    shutil.rmtree(large)
    return found


def build(text: Path, processes: int) -> None:
    """Runs in a new process: build a corpus and print the peaks of the resident memory."""
    found = corpus(text, own_tokenizer(text.parent), processes)
    own, worker = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(
        json.dumps(
            {
                "process_mib": round(own),
                "each_worker_mib": round(worker),
                "together_mib": round(own + processes * worker),
                "tokens": found.info.tokens,
                "sequences": found.info.sequences,
            }
        )
    )


def prepare(folder: Path, size: int) -> str:
    """Put a vocabulary and a text of `size` bytes into `folder`; where they came from."""
    vocabulary = SHARED / "vocab" / "bert-base-uncased-vocab.txt"
    novels = sorted((SHARED / "english_novels").glob("*.txt.gz"))
    config = {"do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if vocabulary.is_file() and novels:
        (folder / "vocab.txt").write_bytes(vocabulary.read_bytes())
        origin = "paragraphs of English novels, vocabulary of bert-base-uncased"
        lines: Iterator[str] = paragraphs(novels)
    else:
        from distilbert import train_wordpiece

        texts = [text for _, text in sorted(pydoc_data.topics.topics.items())]
        train_wordpiece(folder, texts=texts, vocab_size=8000)
        origin = "paragraphs of the pydoc topics, vocabulary of 8,000 trained on them"
        lines = (" ".join(one.split()) for text in texts for one in text.split("\n\n"))
    written = 0
    with (folder / "text.txt").open("w", encoding="utf-8", newline="\n") as target:
        for line in itertools.cycle(list(lines)):
            if written >= size:
                break
            written += target.write(f"{line}\n")
    return origin


def paragraphs(files: list[Path]) -> Iterator[str]:
    """The lines of files that are not blank."""
    for path in files:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            yield from (line.rstrip("\n") for line in lines if line.strip())


if __name__ == "__main__":
    main()
