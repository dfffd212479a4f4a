"""Speed of inference: this package and each peer in turns, with the same weights, in one process.

    python benchmarks/bench_inference.py [--model FOLDER] [--texts FILE] [--rounds 15]

An encoder of the base size with random weights, or a model; ragged sentences (the sample of the
package, or a file) through pipelines, tokenization included; batches of 32 rows of 128 tokens, and
single inputs of 16 and of 128 tokens. Ours: PyTorch in float32 and bfloat16, onnxruntime, OpenVINO,
and the static int8 of `distilbert quantize` for each.
Peers: transformers' pipeline at its defaults and with batches of 32, onnxruntime and OpenVINO alone
with sorted batches of 1,024 tokens and in order of arrival, in float32, our int8 files and, where
they can, bfloat16. A ratio is the time of the best peer of the same precision, or of transformers
at its defaults, divided by ours: above 1, this package is faster. Writes
benchmarks/results/bench_inference.json.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from in_turns import Comparison, write_results

from distilbert import DistilBertConfig, Quantized, quantize
from distilbert.benchmarking.benchmark import count_tokens, measure, open_all
from distilbert.benchmarking.contenders import Contender, Subject, Way, find_ways
from distilbert.benchmarking.inputs import sample_texts
from distilbert.benchmarking.peers import find_peers
from distilbert.benchmarking.result import Row, Spread
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.hub import EMBEDDED_FOLDER
from distilbert.checkpoint.init import initial_weights
from distilbert.load_options import LoadOptions
from distilbert.opening import find_model, open_tokenizer
from distilbert.quantizing.targets import TARGETS
from distilbert.timing import seconds_in_turns

# Rows and tokens of the full batch.
BATCH = (32, 128)
SENTENCES = "sentences"
DEFAULTS = "transformers, defaults"
# The ratios that this project aims for on sentences: against transformers at its defaults, and
# against the best peer in bfloat16 and in int8.
BARS = {"defaults": 10.0, "bfloat16": 1.2, "int8": 1.05}
# Texts for the ranges of int8.
N_CALIBRATION = 64


def random_base(folder: Path) -> Path:
    """An encoder of the base size with random weights, and the tokenizer of the embedded model."""
    tokenizer = open_tokenizer(EMBEDDED_FOLDER)
    config = DistilBertConfig(vocab_size=max(30_522, len(tokenizer)))
    save_checkpoint(folder, initial_weights(config, "base", 0), config, head="base")
    tokenizer.save_pretrained(folder)
    return folder


def in_int8(subject: Subject, folder: Path, texts: Sequence[str]) -> dict[str, Quantized]:
    """The model in static int8, by runtime."""
    rows = [{"text": text} for text in texts[:N_CALIBRATION]]
    how = {"texts": rows, "calibration": rows, "mode": "static", "head": subject.head}
    return {
        runtime: quantize(subject.name, folder / f"int8-{runtime}", runtime=runtime, **how)
        for runtime in TARGETS
    }


def int8_way(runtime: str, done: Quantized, num_threads: int | None) -> Way:
    """How a model in int8 is opened."""
    keywords: dict[str, Any] = {"runtime": runtime, "num_threads": num_threads}
    if runtime == "torch":
        keywords = {"framework": "torch", "dtype": "bfloat16"}
    return Way(name=runtime, dtype="int8", source=str(done.folder), keywords=keywords, steps=())


def ratios(what: str, rows: Sequence[Row], times: Sequence[Spread]) -> list[Comparison]:
    """Ours against the best peer of the same precision, and against transformers as users call it.

    `times` are those of the rows; smaller is better.
    """
    timed = list(zip(rows, times, strict=True))
    default = next((pair for pair in timed if pair[0].name == DEFAULTS), None)
    found = []
    for row, ours in timed:
        if row.is_peer:
            continue
        same = [(one, t) for one, t in timed if one.is_peer and one.dtype == row.dtype]
        best = min(same, key=lambda pair: pair[1].median, default=None)
        for pair in (best, default) if best is not default else (default,):
            if pair is not None:
                bar = BARS.get("defaults" if pair is default else row.dtype)
                title = f"{what}: {row.label} against {pair[0].label}"
                found.append(ratio(title, ours, pair[1], bar if what == SENTENCES else None))
                print(found[-1].line(), flush=True)
    return found


def ratio(what: str, ours: Spread, theirs: Spread, bar: float | None) -> Comparison:
    """The ratio of two medians, with the smallest and largest of their quartiles."""
    return Comparison(
        what=what,
        ours_median=ours.median,
        peer_median=theirs.median,
        unit="s",
        ratio_median=theirs.median / ours.median,
        ratio_min=theirs.low / ours.high,
        ratio_max=theirs.high / ours.low,
        rounds=ours.n,
        bar=bar,
    )


def batch_times(
    everyone: Sequence[Contender], longest: int, rounds: int, seconds: float
) -> list[Spread]:
    """The time of a full batch in each.

    How a peer groups texts does not matter here: it is measured once.
    """
    n_rows, length = BATCH[0], min(BATCH[1], longest)
    programs = [(one.name.partition(",")[0], one.dtype) for one in everyone]
    calls = {
        program: one.batch(n_rows, length) for program, one in zip(programs, everyone, strict=True)
    }
    found = seconds_in_turns([*calls.values()], rounds=rounds, warm_up=1, budget=seconds)
    spreads = dict(zip(calls, map(Spread.of, found), strict=True))
    return [spreads[program] for program in programs]


def run(options: argparse.Namespace, folder: Path) -> None:
    """Measure all, print the ratios and write the results."""
    source = Path(options.model) if options.model else random_base(folder / "base")
    found = find_model(source, options=LoadOptions())
    subject = Subject(
        name=str(source), head="base", found=found, options={}, num_threads=options.num_threads
    )
    texts = sample_texts(options.texts)
    ways = find_ways(subject, folder, frameworks=False)
    int8 = in_int8(subject, folder, texts)
    added = [int8_way(runtime, done, options.num_threads) for runtime, done in int8.items()]
    contenders, left_out = open_all(subject, [*ways.ways, *added], texts)
    files = {runtime: done.file for runtime, done in int8.items()}
    peers, absent = find_peers(subject, folder, ways.files, texts, is_wide=True, int8=files)
    for line in (*ways.left_out, *left_out, *absent):
        print(f"not measured: {line}", flush=True)
    limits: dict[str, Any] = {"rounds": options.rounds, "seconds": 2 * options.seconds / 3}
    rows, reference = measure(contenders, peers, texts, **limits)
    n_tokens = count_tokens(contenders[0], texts)
    longest = contenders[0].pipe.opened.max_length
    batches = batch_times([*contenders, *peers], longest, options.rounds, options.seconds / 3)
    results = ratios(SENTENCES, rows, [row.texts for row in rows])
    results += ratios("batch of 32 x 128", rows, batches)
    for length in rows[0].single:
        results += ratios(f"1 input of {length} tokens", rows, [row.single[length] for row in rows])
    measured = []
    for row, times in zip(rows, batches, strict=True):
        rate = n_tokens / row.texts.median
        in_batch = BATCH[0] * min(BATCH[1], longest) / times.median
        print(f"{row.label}: sentences {rate:,.0f} tokens/s, batch {in_batch:,.0f} tokens/s")
        speed = {"sentences_tokens_per_s": rate, "batch_tokens_per_s": in_batch}
        measured.append({**asdict(row), "is_exact": row.is_exact, **speed})
    path = write_results(
        "bench_inference" if options.model is None else "bench_inference_model",
        results,
        model="random weights of the base size" if options.model is None else source.name,
        texts={"n_texts": len(texts), "n_tokens": n_tokens},
        num_threads=options.num_threads,
        reference=reference,
        left_out=[*ways.left_out, *left_out, *absent],
        rows=measured,
    )
    print(path)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a folder with a checkpoint; by default random weights")
    parser.add_argument("--texts", help="a file with sentences; by default the package's sample")
    parser.add_argument("--rounds", type=int, default=15, help="at most this many of each")
    parser.add_argument("--seconds", type=float, default=300.0, help="about how long to measure")
    parser.add_argument("--num-threads", type=int, help="of every program; by default its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run(options, Path(place))


if __name__ == "__main__":
    main()
