"""What a teacher that runs once costs and changes: gradients, size, time of an update, the student.

    python benchmarks/bench_teacher_cache.py TEACHER TEXTS... [--tokens 2000] [--rounds 3]
        [--parts gradients updates students] [--steps 100] [--clock cpu]

TEACHER is a folder with a masked-LM head. Gradients are those of the divergence with respect to all
weights of the student, from words of the teacher's distributions against whole ones: of a single
draw, and of the mean of many draws, which a biased target does not bring nearer. Times are of whole
updates of the default losses, from the cache against with the teacher. Students are trained from
the same start for --steps updates, and the losses of each are measured with the teacher itself.
Writes benchmarks/results/bench_teacher_cache_PART.json.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from in_turns import CLOCKS, Comparison, compare, seconds, write_results
from torch import Tensor

from distilbert import distill
from distilbert.distilling.assembly import Distillation, Teacher, corpus_of, student_for
from distilbert.distilling.card import DistillCard
from distilbert.opening import find_model, load_runner
from distilbert.torch.sparse_targets import SparseTargets, sparse_divergence
from distilbert.torch.teacher_targets import kept_words
from distilbert.training.card_file import as_card
from distilbert.training.objective import KeptWords

PARTS = ("gradients", "updates", "students")
COUNTS, DRAWS, SINGLE = (16, 64), 64, 3
Words = dict[str, Tensor]


class Predictions:
    """The divergence of a student's predictions from a teacher's on one batch of real text."""

    def __init__(self, run: Distillation, n_tokens: int) -> None:
        update = next(run.feed.updates(0, 1, lambda step: 0.0))
        batch = update.batches[0]
        fits = np.cumsum(batch["attention_mask"].sum(1)) <= n_tokens
        self.batch = {name: torch.from_numpy(array[fits]) for name, array in batch.items()}
        self.temperature = run.card.losses.temperature
        self.objective, self.model = run.objective, run.trainer.runner().model  # pyright: ignore
        self.model.eval()
        with torch.no_grad():
            inputs = (self.batch["input_ids"], self.batch["attention_mask"])
            real = inputs[1] == 1
            teacher: Any = run.objective.teacher
            output = teacher(*inputs, output_hidden_states=True)
            self.z = output.logits[real] / self.temperature  # (T, V)
            self.states = output.hidden_states[-1][real]

    @property
    def n_tokens(self) -> int:
        return len(self.z)

    def gradient(self, targets: SparseTargets | None) -> Tensor:
        """The gradient of the mean divergence from `targets`, or from whole distributions."""
        own = self.model(self.batch["input_ids"], self.batch["attention_mask"]).logits
        z = own[self.batch["attention_mask"] == 1] / self.temperature
        with torch.no_grad():
            if targets is None:
                upstream = z.softmax(-1) - self.z.softmax(-1)
            else:
                rows = z.clone()
                upstream = sparse_divergence(rows, rows.amax(-1, keepdim=True), targets)[1]
        self.model.zero_grad()
        z.backward(upstream / len(z))
        found = [p.grad for p in self.model.parameters() if p.grad is not None]
        return torch.cat([(g.to_dense() if g.is_sparse else g).flatten() for g in found])

    def kept(self, words: KeptWords, seed: int) -> SparseTargets:
        """Words of the teacher's distributions, as the cache keeps them."""
        places = torch.from_numpy(np.random.default_rng(seed).random(self.n_tokens))
        found = kept_words(self.z.clone(), places, words)
        return SparseTargets(
            found["ids"], found.get("probabilities"), found["entropy"], found["best"]
        )

    def independent(self, count: int, seed: int) -> SparseTargets:
        """Words drawn one by one."""
        generator = torch.Generator().manual_seed(seed)
        ids = self.z.softmax(-1).multinomial(count, replacement=True, generator=generator)
        zeros = torch.zeros(self.n_tokens)
        return SparseTargets(ids, None, zeros, ids[:, 0])


def joined(draws: list[SparseTargets]) -> SparseTargets:
    """The mean of several draws; gradients of drawn words are linear in them."""
    return replace(draws[0], ids=torch.cat([draw.ids for draw in draws], 1))


def without_tail(targets: SparseTargets) -> SparseTargets:
    """Top words whose probabilities are divided by their sum, as if there were no others."""
    assert targets.probabilities is not None
    of = targets.probabilities.double()
    return replace(targets, probabilities=of / of.sum(-1, keepdim=True))


def against(whole: Tensor, found: Tensor) -> dict[str, float]:
    """How near a gradient is to that of whole distributions."""
    whole, found = whole.double(), found.double()
    return {
        "cosine": float(whole @ found / whole.norm() / found.norm()),
        "norm": float(found.norm() / whole.norm()),
        "error": float((found - whole).norm() / whole.norm()),
    }


def gradients(predictions: Predictions) -> list[dict[str, Any]]:
    """One row for each way to keep a part of the distributions."""
    whole = predictions.gradient(None)
    rows: list[dict[str, Any]] = []

    def note(name: str, size: int, singles: list[SparseTargets], many: SparseTargets) -> None:
        found = [against(whole, predictions.gradient(one)) for one in singles]
        mean = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
        of_mean = against(whole, predictions.gradient(many))
        rows.append({"kept": name, "bytes_per_token": size, "one": mean, "mean": of_mean})
        print(
            f"{name:<24} {size:>4} B  one: cosine {mean['cosine']:.4f} norm {mean['norm']:.3f} "
            f"error {mean['error']:.4f}  mean: cosine {of_mean['cosine']:.5f} "
            f"error {of_mean['error']:.4f}",
            flush=True,
        )

    for count in COUNTS:
        words = KeptWords("sampled", count, predictions.temperature)
        draws = [predictions.kept(words, seed) for seed in range(DRAWS)]
        note(f"sampled {count}", 2 * count + 6, draws[:SINGLE], joined(draws))
        alone = [predictions.independent(count, seed) for seed in range(DRAWS)]
        note(f"drawn one by one {count}", 2 * count + 6, alone[:SINGLE], joined(alone))
        top = predictions.kept(KeptWords("top", count, predictions.temperature), 0)
        note(f"top {count}", 4 * count + 6, [top], top)
        cut = without_tail(top)
        note(f"top {count} without others", 4 * count, [cut], cut)
    return rows


def precision_of_states(states: Tensor) -> dict[str, float]:
    """The largest 1 - cosine of hidden states and what 16 bits keep of them."""
    found = {}
    for dtype in (torch.float16, torch.bfloat16):
        exact = states.double()
        kept = states.to(dtype).double()
        cosine = torch.nn.functional.cosine_similarity(exact, kept, dim=-1)
        found[str(dtype).removeprefix("torch.")] = float((1 - cosine).max())
    print("states: largest 1 - cosine", found, flush=True)
    return found


def run_of(card: DistillCard) -> Distillation:
    """A run that is ready to train."""
    teacher = Teacher.of(find_model(card.teacher, framework="torch"))
    student = student_for(card, teacher.weights)
    run = Distillation(card, teacher, student, corpus_of(card, teacher))
    run.fill_cache()
    return run


def updates(card: DistillCard, folder: str, rounds: int, clock: str) -> list[Comparison]:
    """The time of an update from the cache against one with the teacher, in each precision."""
    found = []
    for precision in ("float32", "bfloat16"):
        for kind, count in (("sampled", 64), ("top", 64)):
            cache: dict[str, Any] = {"cache_teacher": kind, "cache_words": count}
            cache["cache_folder"] = folder
            sides = []
            for changes in (cache, {}):
                run = run_of(as_card(card, {"precision": precision, **changes}, DistillCard))
                update = next(run.feed.updates(0, 1, lambda step: 1e-5))
                sides.append(lambda run=run, update=update: run.trainer.update(update))
            found.append(
                compare(
                    f"update, {precision}, {kind} {count}",
                    lambda sides=sides: seconds(sides[0], clock),
                    lambda sides=sides: seconds(sides[1], clock),
                    rounds=rounds,
                    unit=f"s ({clock})",
                )
            )
    return found


def students(card: DistillCard, folder: str, n_updates: int) -> list[dict[str, Any]]:
    """Held-out losses, measured with the teacher, of students that were trained in each way."""
    judge = run_of(card)
    ways: dict[str, dict[str, Any]] = {"the teacher itself": {}}
    for kind in ("sampled", "top"):
        for count in COUNTS:
            ways[f"{kind} {count}"] = {"cache_teacher": kind, "cache_words": count}
    rows = []
    for name, changes in ways.items():
        if changes:
            changes["cache_folder"] = folder
        with tempfile.TemporaryDirectory() as output:
            result = distill(card, output=f"{output}/student", max_steps=n_updates, **changes)
            runner = load_runner(find_model(result.output, framework="torch"), "masked_lm")
            scores = judge.evaluate(runner)
        rows.append({"from": name, "seconds": result.seconds, "scores": scores})
        print(name, {key: round(value, 4) for key, value in scores.items()}, flush=True)
    return rows


def main() -> None:
    """Measure gradients, sizes, times and, if wanted, students."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("teacher")
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        card = as_card(
            None,
            {
                "teacher": options.teacher,
                "train": options.texts,
                "output": f"{folder}/output",
                "corpus": f"{folder}/corpus",
                "max_length": 128,
                "batch_tokens": options.tokens,
                "max_held_out": 100,
            },
            DistillCard,
        )
        for part in options.parts:
            facts: dict[str, Any] = {"threads": torch.get_num_threads()}
            found: list[Comparison] = []
            if part == "gradients":
                predictions = Predictions(run_of(card), 10 * options.tokens)
                facts["tokens"] = predictions.n_tokens
                facts["gradients"] = gradients(predictions)
                facts["states"] = precision_of_states(predictions.states)
            elif part == "updates":
                found = updates(card, f"{folder}/cache", options.rounds, options.clock)
            else:
                facts["students"] = students(card, f"{folder}/cache", options.steps)
            print(write_results(f"bench_teacher_cache_{part}", found, **facts))


if __name__ == "__main__":
    main()
