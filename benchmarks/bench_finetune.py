"""Fine-tuning and evaluation against transformers' Trainer at its defaults: speed and memory.

Both use the same model, the same rows of real text of varying lengths and the same machine,
alternately; each side of each round is a separate process, so that its peak memory can be
measured. Needs transformers and a labelled file.

    python benchmarks/bench_finetune.py MODEL ROWS.tsv [--rounds 5] [--n 1024]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from in_turns import Comparison, compare, write_results

OURS, PEER = "ours", "trainer"
# Workload -> our options for it.
WORK = {
    "train-bf16": {"precision": "bfloat16", "length_sorted": True},
    "train-fp32": {"length_sorted": True},
    "train-fp32-batch8": {"length_sorted": True, "batch_size": 8},
    "evaluate-bf16": {"dtype": "bfloat16"},
    "evaluate-fp32": {},
}


def rows_of(path: Path, n: int, folder: Path) -> Path:
    """The first rows of a file, as a separate file."""
    from distilbert.data.problems import Problems
    from distilbert.data.sources import read_rows
    from distilbert.training.run_card import DataSection

    rows = read_rows(str(path), data=DataSection(), problems=Problems(), limit=n)
    target = folder / "rows.jsonl"
    with target.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(dict(row.values)) + "\n")
    return target


def classifier_of(model: str, folder: Path) -> str:
    """An encoder with a new head for the labels 0 and 1, the same for both sides."""
    from distilbert import AutoTokenizer
    from distilbert.opening import find_model
    from distilbert.torch.train import starting_model

    changes = {"id2label": {0: "0", 1: "1"}, "problem_type": "single_label_classification"}
    request = find_model(model, framework="torch").request("sequence_classification")
    starting_model(request, changes=changes, seed=0).save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return str(folder)


def ours(work: str, model: str, rows: Path, folder: Path) -> float:
    """Examples per second of training, or of evaluation including tokenization."""
    import distilbert

    n = sum(1 for _ in rows.open(encoding="utf-8"))
    if work.startswith("train"):
        result = distilbert.finetune(
            model=model,
            train=str(rows),
            output=str(folder / "out"),
            epochs=1,
            framework="torch",
            report=False,
            tensorboard=False,
            **WORK[work],
        )
        return n / result.seconds
    found = distilbert.evaluate(
        model, str(rows), task="text-classification", framework="torch", bootstrap=1, **WORK[work]
    )
    return n / found.seconds


def trainer(work: str, model: str, rows: Path, folder: Path) -> float:
    """The same of transformers' Trainer, with nothing but an output folder set."""
    import transformers

    lines = [json.loads(line) for line in rows.open(encoding="utf-8")]
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(model, num_labels=2)
    begin = time.perf_counter()
    encoded = tokenizer([line["sentence"] for line in lines], truncation=True, max_length=128)
    data = [
        {"input_ids": ids, "labels": int(line["label"])}
        for ids, line in zip(encoded["input_ids"], lines, strict=True)
    ]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "peer"),
        num_train_epochs=1,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    collator = transformers.DataCollatorWithPadding(tokenizer)
    peer: Any = transformers.Trainer(
        model=network, args=arguments, train_dataset=data, data_collator=collator
    )
    if work.startswith("train"):
        begin = time.perf_counter()
        peer.train()
    else:
        peer.predict(data)
    return len(data) / (time.perf_counter() - begin)


def side(which: str, work: str, model: str, rows: Path) -> None:
    """Run one side of one round in this process and print its numbers."""
    with tempfile.TemporaryDirectory() as folder:
        rate = {OURS: ours, PEER: trainer}[which](work, model, rows, Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": 1 / rate, "peak_mib": peak}))


def main() -> None:
    """Measure every workload alternately; times are seconds per example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("rows", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--n", type=int, default=1024)
    parser.add_argument("--work", nargs="+", choices=WORK, default=list(WORK))
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        side(*arguments.side, arguments.model, arguments.rows)
        return
    bars = {"train-bf16": 3.5, "train-fp32": 1.3, "evaluate-bf16": 3.0, "evaluate-fp32": 3.0}
    results: list[Comparison] = []
    with tempfile.TemporaryDirectory() as folder:
        rows = rows_of(arguments.rows, arguments.n, Path(folder))
        model = classifier_of(arguments.model, Path(folder) / "model")
        for work in arguments.work:
            peaks: dict[str, list[float]] = {OURS: [], PEER: []}

            def measured(which: str, work: str = work, peaks: Any = peaks) -> float:
                ran = subprocess.run(
                    [sys.executable, __file__, model, str(rows), "--side", which, work],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                found = json.loads(ran.stdout.splitlines()[-1])
                peaks[which].append(found["peak_mib"])
                return found["seconds"]

            results.append(
                compare(
                    work,
                    lambda: measured(OURS),
                    lambda: measured(PEER),
                    rounds=arguments.rounds,
                    warm_up=0,
                    unit="s/example",
                    bar=bars.get(work),
                )
            )
            mine, theirs = (sorted(peaks[which])[len(peaks[which]) // 2] for which in (OURS, PEER))
            print(f"  peak memory: ours {mine:.0f} MiB, peer {theirs:.0f} MiB", flush=True)
            memory = [iter(peaks[which]) for which in (OURS, PEER)]
            results.append(
                compare(
                    f"{work}: peak memory",
                    lambda memory=memory: next(memory[0]),
                    lambda memory=memory: next(memory[1]),
                    rounds=arguments.rounds,
                    warm_up=0,
                    unit="MiB",
                    bar=1.0 if work.startswith("train") else None,
                )
            )
    write_results("finetune", results)


if __name__ == "__main__":
    main()
