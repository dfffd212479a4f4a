"""The paper's claims at small scale: a 6-layer teacher and students of 3 layers, loss by loss.

    python benchmarks/distillation_ablation.py runs --data ../shared/data [--seeds 1 2 3]

Writes a mixed corpus, adapts MiniLM so that it predicts masked tokens, distils the students of
`recipes/distill/minilm-3.toml` and `recipes/distill/ablation`, copies the layers of the control
without training, fine-tunes all on four tasks, scores similarity without training, and measures
latency and sizes. What is finished in the folder is read, the rest is done; `--read` only reads.
Writes `results/distillation_ablation.json` and prints a table.

The bars were fixed before the first run (`ablation_scores.BARS`). Seeds are those of fine-tuning;
each student is distilled once.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ablation_scores import (
    ABLATIONS,
    CONTROL,
    METRICS,
    STUDENT,
    TEACHER,
    Predictions,
    scores,
    statistics_of,
    table,
    verdicts,
)
from in_turns import RESULTS, machine, versions
from mixed_corpus import write_corpus
from similarity import PAIRS, cosines_of

RECIPES = Path(__file__).parent.parent / "recipes" / "distill"
TARGET = RESULTS / "distillation_ablation.json"
CARDS = {STUDENT: RECIPES / "minilm-3.toml"} | {
    name: RECIPES / "ablation" / f"{name}.toml" for name in ABLATIONS
}
MODELS = (TEACHER, STUDENT, *ABLATIONS, CONTROL)
LAYERS = (0, 2, 5)
# The same for every model; scores are those after the last update, none is chosen on dev.
FINE_TUNING = {
    "task": "text-classification",
    "freeze": ("word_embeddings",),
    "batch_size": 32,
    "learning_rate": 3e-4,
    "dropout": 0.0,
    "precision": "bfloat16",
    "length_sorted": True,
    "bootstrap": 1,
    "report": False,
    "tensorboard": False,
}


@dataclass(frozen=True)
class Labelled:
    """Files of a task of fine-tuning, how many rows to train on how often, and its own fields."""

    train: str
    dev: str
    rows: int
    epochs: float
    card: dict[str, Any]


TASKS = {
    "sst2": Labelled(
        "sst2/train.tsv.gz", "sst2/test_sentences.tsv.gz", 15000, 1.0, {"glue": "sst2"}
    ),
    "trec": Labelled(
        "trec/train.txt.gz",
        "trec/dev.txt.gz",
        5000,
        3.0,
        {"data_format": "trec", "label": "coarse"},
    ),
    "mrpc": Labelled("mrpc/train.tsv.gz", "mrpc/dev.tsv.gz", 4000, 2.0, {"glue": "mrpc"}),
    "cola": Labelled("cola/train.tsv.gz", "cola/dev.tsv.gz", 8000, 3.0, {"glue": "cola"}),
}
SIMILARITY = {"sick": ("sick/train.tsv.gz", "sick/dev.tsv.gz"), "stsb": ("stsb/dev.tsv.gz",)}


@dataclass(frozen=True)
class Ablation:
    """The folder of all runs and that of the data sets."""

    folder: Path
    data: Path

    def prepare(self) -> None:
        """Write the corpus and held-out texts, unless they exist."""
        corpus = self.folder / "corpus.txt"
        if not (self.folder / "corpus.json").is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            facts = write_corpus(self.data, corpus, self.folder / "held_out.txt")
            (self.folder / "corpus.json").write_text(json.dumps(facts, indent=1) + "\n")

    def distil(self, model: str) -> None:
        """Adapt the teacher, distil a student or copy the control, unless it is finished."""
        from distilbert import adapt, distill

        output = self.folder / model
        if (output / "config.json").is_file():
            return
        texts = {"train": str(self.folder / "corpus.txt"), "corpus": str(self.folder / "corpus")}
        run: dict[str, Any] = {**texts, "output": str(output), "resume": True}
        if model == TEACHER:
            adapt(str(RECIPES / "minilm_adapted.toml"), **run)
        elif model == CONTROL:
            copy_layers(self.folder / TEACHER, output)
        else:
            distill(str(CARDS[model]), teacher=str(self.folder / TEACHER), **run)

    def distillation(self, model: str) -> dict[str, Any]:
        """What the report of a distillation says that matters here."""
        path = self.folder / model / "report.json"
        if not path.is_file():
            return {}
        report = json.loads(path.read_text())
        facts = {name: report[name] for name in ("steps", "seconds", "tokens_per_second")}
        return facts | {"held_out": report["splits"]["held-out"]["scores"]}

    def compared(self, model: str) -> dict[str, Any]:
        """A student next to its teacher on held-out texts; latency of the main student."""
        from distilbert import compare

        path = self.folder / "compared" / f"{model}.json"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            timed: dict[str, Any] = (
                {"rounds": 100} if model == STUDENT else {"rounds": 1, "lengths": (16,)}
            )
            texts = str(self.folder / "held_out.txt")
            folders = (str(self.folder / TEACHER), str(self.folder / model))
            compare(*folders, texts=texts, **timed).write(path)
        lines = json.loads(path.read_text())["lines"]
        return {line.pop("name"): line for line in lines}

    def similarity(self, model: str, task: str) -> None:
        """The cosines of the mean vectors of all pairs, without any training."""
        files = SIMILARITY[task]
        found = [cosines_of(str(self.folder / model), self.data / f, PAIRS[f]) for f in files]
        said, truth = (np.concatenate(parts) for parts in zip(*found, strict=True))
        self.keep(f"{model}-{task}", said, truth.tolist(), {})

    def finetuned(self, model: str, task: str, seed: int) -> None:
        """Fine-tune a model, keep its answers and delete its weights."""
        from distilbert import finetune

        labelled = TASKS[task]
        output = self.folder / "finetuned" / f"{model}-{task}-{seed}"
        result = finetune(
            model=str(self.folder / model),
            train=str(self.data / labelled.train),
            dev=str(self.data / labelled.dev),
            max_train_rows=labelled.rows,
            epochs=labelled.epochs,
            seed=seed,
            output=str(output),
            overwrite=True,
            show_progress=False,
            **FINE_TUNING,
            **labelled.card,
        )
        lines = (output / "answers.dev.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        rows = [json.loads(line) for line in lines]
        names = {"mrpc": ["not_equivalent", "equivalent"]}.get(
            task, sorted({row["true_label"] for row in rows})
        )
        said, truth = ([names.index(row[key]) for row in rows] for key in ("label", "true_label"))
        self.keep(f"{model}-{task}-{seed}", said, truth, {"seconds": result.seconds})
        shutil.rmtree(output)

    def keep(self, name: str, said: Any, truth: Any, facts: dict[str, Any]) -> None:
        path = self.folder / "answers" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        content = {"said": list(map(float, said)), "truth": list(map(float, truth)), **facts}
        path.write_text(json.dumps(content))

    def has(self, name: str) -> bool:
        return (self.folder / "answers" / f"{name}.json").is_file()

    def predictions(self, model: str, seeds: dict[str, list[int]]) -> dict[str, Predictions]:
        """Everything that a model said, or {} where a task is missing."""
        found = {}
        for task in METRICS:
            names = [f"{model}-{task}-{seed}" for seed in seeds.get(task, ())]
            names = [f"{model}-{task}"] if task in SIMILARITY else names
            if not names or not all(map(self.has, names)):
                return {}
            runs = [json.loads((self.folder / "answers" / f"{n}.json").read_text()) for n in names]
            kind = float if task in SIMILARITY else int
            said, truth = (
                np.array(each).astype(kind) for each in zip(*map(both, runs), strict=True)
            )
            found[task] = Predictions(said, truth[0])
        return found


def both(run: dict[str, Any]) -> tuple[list[float], list[float]]:
    return run["said"], run["truth"]


def copy_layers(teacher: Path, output: Path) -> None:
    """Write the chosen layers of a teacher, with its embeddings and head, without any training."""
    import torch

    from distilbert import AutoTokenizer, DistilBertForMaskedLM
    from distilbert.checkpoint.student import read_teacher, student_of

    student = student_of(read_teacher(teacher), layers=LAYERS)
    model = DistilBertForMaskedLM(student.config)
    tensors = {name: torch.from_numpy(array.copy()) for name, array in student.arrays.items()}
    model.load_state_dict(tensors, strict=False)
    model.save_pretrained(output)
    AutoTokenizer.from_pretrained(teacher).save_pretrained(output)


def base_saving() -> float:
    """By how many per cent DistilBERT is smaller than BERT-base, by counting parameters."""
    from distilbert import DistilBertConfig
    from distilbert.checkpoint.spec import parameter_spec

    def count(n_layers: int) -> int:
        spec = parameter_spec(DistilBertConfig(n_layers=n_layers), "base")
        return sum(int(np.prod(one.shape)) for one in spec)

    width = DistilBertConfig().dim
    token_types_and_pooler = 2 * width + width * width + width
    return 100 * (1 - count(6) / (count(12) + token_types_and_pooler))


def write_results(ablation: Ablation, seeds: list[int]) -> str:
    """Write what is known so far, and return the table."""
    known = [model for model in MODELS if (ablation.folder / model / "config.json").is_file()]
    shared = {
        task: [s for s in seeds if all(ablation.has(f"{model}-{task}-{s}") for model in known)]
        for task in TASKS
    }
    found = {model: ablation.predictions(model, shared) for model in known}
    found = {model: tasks for model, tasks in found.items() if tasks}
    students = [model for model in known if model != TEACHER]
    compared = {model: ablation.compared(model) for model in students}
    report: dict[str, Any] = {
        "machine": machine(),
        "versions": versions("distilbert", "numpy", "torch"),
        "date": time.strftime("%Y-%m-%d"),
        "seeds": shared,  # those that every model has
        "fine_tuning": FINE_TUNING,
        "tasks": {name: vars(task) for name, task in TASKS.items()},
        "corpus": json.loads((ablation.folder / "corpus.json").read_text()),
        "distillation": {model: ablation.distillation(model) for model in known},
        "compared": compared,
        "scores": scores(found),
    }
    shown = ""
    if found:
        statistics = statistics_of(found)
        report |= {"statistics": statistics}
        shown = table(statistics, report["scores"])
        report["table"] = shown.splitlines()
        if len(found) == len(MODELS):
            report["bars"] = verdicts(statistics, facts_of(compared[STUDENT]))
    TARGET.write_text(json.dumps(report, indent=1) + "\n")
    return shown


def facts_of(compared: dict[str, Any]) -> dict[str, Any]:
    """Latency ratios and sizes, as the bars state them."""
    times = {name: line for name, line in compared.items() if name.startswith("latency of one")}
    return {
        "latency_ratios": {
            name.split()[5]: round(1 / line["ratio"], 2) for name, line in times.items()
        },
        "layers_ratio": compared["parameters of the layers"]["ratio"],
        "base_saving": base_saving(),
    }


def do(name: str, work: Callable[[], object]) -> None:
    """Do a piece of work and say how long it took."""
    begin, used = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - begin, time.process_time() - used
    print(f"{time.strftime('%H:%M:%S')} {name}: {seconds:,.0f} s, {cpu:,.0f} s CPU", flush=True)


def main() -> None:
    """Do what is not done yet, cheapest evidence first, one seed after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--tasks", nargs="+", choices=list(METRICS), default=list(METRICS))
    parser.add_argument("--read", action="store_true", help="write the results of finished runs")
    options = parser.parse_args()
    ablation = Ablation(options.folder, options.data)
    if not options.read:
        ablation.prepare()
        work(ablation, options)
    print(write_results(ablation, options.seeds))


def work(ablation: Ablation, options: argparse.Namespace) -> None:
    """Every step that the folder does not have yet."""
    for model in options.models:
        do(f"distil {model}", lambda model=model: ablation.distil(model))
        for task in SIMILARITY:
            if task in options.tasks and not ablation.has(f"{model}-{task}"):
                do(f"{model} {task}", lambda m=model, t=task: ablation.similarity(m, t))
        if model != TEACHER:
            do(f"compare {model}", lambda model=model: ablation.compared(model))
    for seed in options.seeds:
        for task in TASKS:
            for model in options.models:
                if task in options.tasks and not ablation.has(f"{model}-{task}-{seed}"):
                    run = (model, task, seed)
                    do(f"{model} {task} {seed}", lambda run=run: ablation.finetuned(*run))


if __name__ == "__main__":
    main()
