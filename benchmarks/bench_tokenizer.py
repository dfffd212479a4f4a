"""Time of the two tokenizer classes on 1,000 English sentences, against transformers.

    python benchmarks/bench_tokenizer.py [--rounds 15] [--reference-python PATH]

Needs the dev extra; the slow class is compared only with PATH, a Python that has transformers
4.37.2 (the last release line with a slow class). Writes benchmarks/results/bench_tokenizer.json.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import pydoc_data.topics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from in_turns import Comparison, compare, seconds, write_results

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
N_SENTENCES = 1000
# Sentences of these lengths in characters hold about 40 tokens each.
SHORTEST, LONGEST = 130, 230

BATCH = "batch of 1,000"
ONE_BY_ONE = "one by one"
PADDED = "batch of 1,000, padded, cut, as NumPy"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--reference-python", help="a Python with transformers 4.37.2")
    parser.add_argument("--serve", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve_reference(Path(options.serve))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.rounds, options.reference_python)


def measure(folder: Path, rounds: int, reference_python: str | None) -> None:
    """Time every pair in turns and write the results."""
    from transformers import DistilBertTokenizerFast as PeerFast

    from distilbert import DistilBertTokenizer, DistilBertTokenizerFast

    text = prepare(folder)
    sentences = read_sentences(folder)
    fast = DistilBertTokenizerFast.from_pretrained(folder)
    slow = DistilBertTokenizer.from_pretrained(folder)
    peer = PeerFast.from_pretrained(folder)
    ids = fast(sentences)["input_ids"]
    assert ids == slow(sentences)["input_ids"] == peer(sentences)["input_ids"]

    ours, theirs = jobs(fast, sentences), jobs(peer, sentences)
    bars = {BATCH: 1.2, ONE_BY_ONE: 1.5, PADDED: None}
    results = [
        compare(
            f"fast, {job}",
            lambda job=job: seconds(ours[job]),
            lambda job=job: seconds(theirs[job]),
            rounds=rounds,
            warm_up=2,
            bar=bar,
        )
        for job, bar in bars.items()
    ]
    # For information: a long-running program mostly encounters words that it has seen.
    results += [
        compare(
            f"fast, {job}, empty cache",
            lambda job=job: first_time(DistilBertTokenizerFast, folder, sentences, job),
            lambda job=job: seconds(theirs[job]),
            rounds=rounds,
        )
        for job in (BATCH, ONE_BY_ONE)
    ]
    ours_slow = jobs(slow, sentences)
    results.append(
        compare(
            f"slow against our fast (within 3x), {BATCH}",
            lambda: seconds(ours_slow[BATCH]),
            lambda: seconds(ours[BATCH]),
            rounds=rounds,
            bar=1 / 3,
        )
    )
    skipped = []
    if reference_python:
        results += compare_with_reference(
            reference_python,
            folder,
            ours_slow,
            lambda: first_time(DistilBertTokenizer, folder, sentences, BATCH),
            rounds,
        )
    else:
        skipped.append("slow against transformers 4.37.2: no --reference-python given")
        print(f"skipped: {skipped[0]}")
    n_tokens = sum(map(len, ids))
    facts = {"text": text, "sentences": len(sentences), "tokens": n_tokens, "skipped": skipped}
    print(f"written: {write_results('bench_tokenizer', results, **facts)}")


def jobs(tokenizer: Any, sentences: list[str]) -> dict[str, Callable[[], object]]:
    """The timed calls, by name."""
    padded = {"padding": True, "truncation": True, "return_tensors": "np"}
    return {
        BATCH: lambda: tokenizer(sentences),
        ONE_BY_ONE: lambda: [tokenizer(sentence) for sentence in sentences],
        PADDED: lambda: tokenizer(sentences, **padded),
    }


def first_time(cls: Any, folder: Path, sentences: list[str], job: str) -> float:
    """The same with a new tokenizer: both of our classes cache the words they have seen."""
    return seconds(jobs(cls.from_pretrained(folder), sentences)[job])


def compare_with_reference(
    python: str,
    folder: Path,
    ours: dict[str, Callable[[], object]],
    uncached: Callable[[], float],
    rounds: int,
) -> list[Comparison]:
    """Our slow class against that of transformers 4.37.2, which runs in its own Python."""
    command = [python, __file__, "--serve", str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reference:
        assert reference.stdin is not None
        assert reference.stdout is not None
        stdin, stdout = reference.stdin, reference.stdout

        def ask(job: str) -> float:
            print(job, file=stdin, flush=True)
            return float(stdout.readline())

        results = [
            compare(
                f"slow against transformers 4.37.2, {job}",
                lambda job=job: seconds(ours[job]),
                lambda job=job: ask(job),
                rounds=rounds,
                bar=3.0,
            )
            for job in (BATCH, ONE_BY_ONE)
        ]
        results.append(
            compare(
                f"slow against transformers 4.37.2, {BATCH}, empty cache",
                uncached,
                lambda: ask(BATCH),
                rounds=rounds,
            )
        )
        stdin.close()
    return results


def serve_reference(folder: Path) -> None:
    """Runs in the reference's Python: time each job whose name is read from standard input."""
    import transformers
    from transformers import DistilBertTokenizer

    if transformers.__version__ != "4.37.2":
        sys.exit(f"the reference must be transformers 4.37.2: got {transformers.__version__}")
    logging.disable(logging.WARNING)
    work = jobs(DistilBertTokenizer.from_pretrained(folder), read_sentences(folder))
    for line in sys.stdin:
        print(seconds(work[line.strip()]), flush=True)


def prepare(folder: Path) -> str:
    """Put vocabulary and sentences into `folder`; where they came from."""
    vocabulary = SHARED / "vocab" / "bert-base-uncased-vocab.txt"
    corpus = SHARED / "wikisplit" / "sentences.txt.gz"
    if vocabulary.is_file() and corpus.is_file():
        (folder / "vocab.txt").write_bytes(vocabulary.read_bytes())
        with gzip.open(corpus, "rt", encoding="utf-8") as lines:
            keep_sentences(folder, [line.strip() for line in lines])
        origin = "WikiSplit sentences, vocabulary of bert-base-uncased"
    else:
        from distilbert import train_wordpiece

        texts = [text for _, text in sorted(pydoc_data.topics.topics.items())]
        words = " ".join(texts).split()
        step = len(words) // (2 * N_SENTENCES)
        keep_sentences(folder, [" ".join(words[i : i + 28]) for i in range(0, len(words), step)])
        train_wordpiece(folder, texts=texts, vocab_size=8000)
        origin = "28 words each of the pydoc topics, vocabulary of 8,000 trained on them"
    config = {"do_lower_case": True, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return origin


def keep_sentences(folder: Path, lines: list[str]) -> None:
    """The first sentences of ordinary length."""
    fitting = [line for line in lines if SHORTEST <= len(line) <= LONGEST][:N_SENTENCES]
    (folder / "sentences.json").write_text(json.dumps(fitting))


def read_sentences(folder: Path) -> list[str]:
    """What `keep_sentences` wrote."""
    return json.loads((folder / "sentences.json").read_text())


if __name__ == "__main__":
    main()
