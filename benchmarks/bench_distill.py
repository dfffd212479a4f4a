"""Time of an update of distillation against the step of the original, re-stated from its paper.

    python benchmarks/bench_distill.py [--rounds 3] [--sequences 250] [--size base] [--clock cpu]

Both sides train a student of half the layers on the same sequences of real text with random weights
of the sizes of BERT-base or of MiniLM: teacher forward, student forward and backward, all three
losses, clipping, AdamW. The peer pads micro-batches of 5 sequences and keeps all logits, as the
original does, in float32; by default its update has 50 of them. Ours packs the sequences of an
update. The unit is seconds per 1,000 tokens. In the results, `padded_tokens` are what the peer
computes: divided by `tokens`, the ratio that packing alone can give. The original can also group
sequences by length, which leaves less padding (`padded_tokens_if_grouped`). The bars apply to
processors with AMX; where bfloat16 is emulated it is slower than float32. On a busy machine,
measure processor time with OMP_NUM_THREADS=1. Reads the public texts in Python's own documentation.
Writes benchmarks/results/bench_distill.json.
"""

from __future__ import annotations

import argparse
import pydoc_data.topics
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from in_turns import CLOCKS, Comparison, compare, seconds, write_results

SIZES = {
    "base": {"dim": 768, "n_heads": 12, "hidden_dim": 3072, "n_layers": 12},
    "minilm": {"dim": 384, "n_heads": 12, "hidden_dim": 1536, "n_layers": 6},
}
BARS = {("base", "fp32"): 3.0, ("base", "bf16"): 8.0}
N_WORDS, MICRO_BATCH, TEMPERATURE, WEIGHTS = 30_522, 5, 2.0, (5.0, 2.0, 1.0)
MASK_ID, N_SPECIAL, MASK_SHARE = 103, 1000, 0.15
Rows = list[np.ndarray]


def sequences(count: int) -> Rows:
    """Ids in the lengths of real paragraphs; which words they are does not matter for time."""
    paragraphs = [
        re.findall(r"\w+|[^\w\s]", paragraph)
        for topic in pydoc_data.topics.topics.values()
        for paragraph in topic.split("\n\n")
    ]
    usual = [words for words in paragraphs if 10 <= len(words) <= 500]
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(usual), count, replace=False)
    return [rng.integers(N_SPECIAL, N_WORDS, len(usual[number]) + 2) for number in chosen]


def masked(rows: Rows) -> dict[str, np.ndarray]:
    """A padded batch in which 15 % of the tokens are masked."""
    rng = np.random.default_rng(1)
    width = max(map(len, rows))
    batch = {
        name: np.zeros((len(rows), width), np.int64) for name in ("input_ids", "attention_mask")
    }
    batch["labels"] = np.full((len(rows), width), -100)
    for number, ids in enumerate(rows):
        hidden = rng.random(len(ids)) < MASK_SHARE
        hidden[1] = True
        batch["input_ids"][number, : len(ids)] = np.where(hidden, MASK_ID, ids)
        batch["attention_mask"][number, : len(ids)] = 1
        batch["labels"][number, : len(ids)][hidden] = ids[hidden]
    return batch


def models(size: str) -> tuple[Any, Any]:
    """A teacher and a student of half its layers."""
    from distilbert import DistilBertConfig, DistilBertForMaskedLM

    teacher = DistilBertForMaskedLM(DistilBertConfig(**SIZES[size]))
    half = {**SIZES[size], "n_layers": SIZES[size]["n_layers"] // 2}
    return teacher, DistilBertForMaskedLM(DistilBertConfig(**half))


def ours(size: str, precision: str, rows: Rows) -> Callable[[], object]:
    """An update of this package's trainer."""
    from distilbert.torch.distillation import DistillationObjective
    from distilbert.torch.train import Trainer
    from distilbert.training.feed import Update
    from distilbert.training.objective import DistillationSettings, TrainerSettings
    from distilbert.training.run_card import OptimizationSection

    teacher, student = models(size)
    kind = "bfloat16" if precision == "bf16" else "float32"
    options = OptimizationSection(precision=kind, max_grad_norm=5.0, beta2=0.98, epsilon=1e-6)
    objective = DistillationObjective(student, teacher, DistillationSettings(*WEIGHTS))
    trainer = Trainer(student, objective, TrainerSettings(options, tokens_at_once=2048))
    batch = masked(rows)
    n_tokens = int(batch["attention_mask"].sum())
    counts = {
        "tokens": n_tokens,
        "masked": int((batch["labels"] != -100).sum()),
        "compared": n_tokens,
    }
    return lambda: trainer.update(Update(0, 0, 5e-4, [batch], counts, len(rows), n_tokens))


def original(size: str, rows: Rows) -> Callable[[], object]:
    """The original's step over micro-batches of 5 padded sequences."""
    import torch

    teacher, student = models(size)
    teacher.eval()
    parameters = list(student.parameters())
    optimizer = torch.optim.AdamW(parameters, 5e-4, (0.9, 0.98), 1e-6, weight_decay=0.0)
    parts = [masked(rows[i : i + MICRO_BATCH]) for i in range(0, len(rows), MICRO_BATCH)]
    tensors = [{name: torch.from_numpy(a) for name, a in part.items()} for part in parts]

    def step() -> None:
        student.train()
        for part in tensors:
            (triple_loss(student, teacher, part) / len(tensors)).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def triple_loss(student: Any, teacher: Any, batch: dict[str, Any]) -> Any:
    """Divergence, masked tokens and cosine, from copies of the logits and states of all tokens."""
    import torch
    from torch.nn import functional as F

    inputs = (batch["input_ids"], batch["attention_mask"])
    own = student(*inputs, output_hidden_states=True, return_dict=True)
    with torch.no_grad():
        theirs = teacher(*inputs, output_hidden_states=True, return_dict=True)
    mask = batch["attention_mask"].bool().unsqueeze(-1)
    s, t = (chosen(x, mask) for x in (own.logits, theirs.logits))
    divergence = F.kl_div(
        (s / TEMPERATURE).log_softmax(-1), (t / TEMPERATURE).softmax(-1), reduction="batchmean"
    )
    words = F.cross_entropy(own.logits.view(-1, N_WORDS), batch["labels"].view(-1))
    s, t = (chosen(x.hidden_states[-1], mask) for x in (own, theirs))
    cosine = F.cosine_embedding_loss(s, t, s.new_ones(len(s)))
    kl, mlm, cos = WEIGHTS
    return kl * divergence * TEMPERATURE**2 + mlm * words + cos * cosine


def chosen(values: Any, mask: Any) -> Any:
    """The values (T, ...) of all tokens, copied out of (B, S, ...)."""
    return values.masked_select(mask.expand_as(values)).view(-1, values.shape[-1])


def padded_tokens(rows: Rows) -> int:
    """The tokens of micro-batches that are padded to their longest sequence."""
    parts = [rows[i : i + MICRO_BATCH] for i in range(0, len(rows), MICRO_BATCH)]
    return sum(len(part) * max(map(len, part)) for part in parts)


def compare_steps(size: str, precision: str, rows: Rows, rounds: int, clock: str) -> Comparison:
    mine, theirs = ours(size, precision, rows), original(size, rows)
    thousands = sum(map(len, rows)) / 1000
    return compare(
        f"{size}, {precision} against float32",
        lambda: seconds(mine, clock) / thousands,
        lambda: seconds(theirs, clock) / thousands,
        rounds=rounds,
        unit=f"s per 1,000 tokens ({clock})",
        bar=BARS.get((size, precision)),
    )


def main() -> None:
    """Measure the chosen sizes and precisions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequences", type=int, default=250)
    parser.add_argument("--size", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--precision", nargs="+", choices=("fp32", "bf16"), default=["fp32"])
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    import torch

    rows = sequences(options.sequences)
    results = [
        compare_steps(size, precision, rows, options.rounds, options.clock)
        for size in options.size
        for precision in options.precision
    ]
    ordered = sorted(rows, key=len)
    facts = {
        "threads": torch.get_num_threads(),
        "clock": options.clock,
        "lengths": list(map(len, ordered)),
        "tokens": sum(map(len, rows)),
        "padded_tokens": padded_tokens(rows),
        "padded_tokens_if_grouped": padded_tokens(ordered),
    }
    print(write_results("bench_distill", results, **facts))


if __name__ == "__main__":
    main()
