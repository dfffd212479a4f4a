"""The fused loss of masked-LM distillation against the same loss from all logits.

    python benchmarks/bench_vocabulary_loss.py [--rows 1024] [--rounds 5] [--precision fp32 bf16]
        [--clock cpu]

Loss and gradients of divergence (T=2, all rows) and cross entropy (15 % of the rows) over 30,522
words. There are two peers: the original's way, which also copies the logits of the chosen rows, has
the bars; the plain formula is compared without. The bars of bfloat16 apply to processors with AMX.
Peak memory is what one call needs in addition to its inputs, in a process of its own. Also measured
is how far loss and gradients are from those of the formula. Takes about two minutes on two idle
cores with AMX; without it, bfloat16 is emulated and `--precision fp32` is enough. Writes
benchmarks/results/bench_vocabulary_loss.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from in_turns import CLOCKS, Comparison, compare, seconds, write_results

N_WORDS, TEMPERATURE, SHARE_WITH_LABEL = 30_522, 2.0, 0.15
PRECISIONS = ("fp32", "bf16")
SPEED_BARS = {("fp32", 384): 2.0, ("bf16", 384): 4.0, ("fp32", 768): 1.5, ("bf16", 768): 3.5}
MEMORY_BARS = {"fp32": 200, "bf16": 300}  # MiB
ROWS_FOR_MEMORY = (2_560, 10_240)
Inputs = dict[str, Any]


def inputs(n: int, width: int, n_words: int = N_WORDS) -> Inputs:
    """Random states and projections of a student and of a teacher, with logits of usual size."""
    import torch

    torch.manual_seed(0)
    labels = torch.randint(0, n_words, (n,))
    given = {"labels": labels.masked_fill(torch.rand(n) > SHARE_WITH_LABEL, -100)}
    for side in ("", "teacher_"):
        given[side + "states"] = torch.randn(n, width)
        given[side + "weight"] = torch.randn(n_words, width) * 2 / width**0.5
        given[side + "bias"] = torch.zeros(n_words)
    for name in ("states", "weight", "bias"):
        given[name].requires_grad_()
    return given


def fused(given: Inputs, kl: float, ce: float) -> Any:
    """This package's loss."""
    from distilbert.torch.vocabulary_loss import Scales, vocabulary_loss

    return vocabulary_loss(**given, scales=Scales(kl, ce, temperature=TEMPERATURE)).total


def formula(given: Inputs, kl: float, ce: float, *, selects: bool = False) -> Any:
    """The plain formula; with `selects`, of copies of the logits as in the original."""
    import torch
    from torch.nn import functional as F

    logits = F.linear(given["states"], given["weight"], given["bias"])
    with torch.no_grad():
        targets = F.linear(*(given[f"teacher_{name}"] for name in ("states", "weight", "bias")))
    own, theirs = logits, targets
    if selects:
        mask = torch.ones(len(logits), 1, dtype=torch.bool).expand_as(logits)
        own, theirs = (x.masked_select(mask).view(x.shape) for x in (logits, targets))
    log_student = (own / TEMPERATURE).log_softmax(-1)
    teacher = (theirs / TEMPERATURE).softmax(-1)
    kl_sum = F.kl_div(log_student, teacher, reduction="sum") * TEMPERATURE**2
    return kl * kl_sum + ce * F.cross_entropy(logits, given["labels"], reduction="sum")


def original(given: Inputs, kl: float, ce: float) -> Any:
    """As the original computes it."""
    return formula(given, kl, ce, selects=True)


SIDES: dict[str, Callable[..., Any]] = {"fused": fused, "original": original, "formula": formula}


def run(side: str, given: Inputs, precision: str) -> list[Any]:
    """The loss and its gradients, with the published weights 5 and 2."""
    import torch

    n = len(given["labels"])
    for name in ("states", "weight", "bias"):
        given[name].grad = None
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        loss = SIDES[side](given, 5 / n, 2 / (n * SHARE_WITH_LABEL))
    loss.backward()
    return [loss.detach(), *(given[name].grad for name in ("states", "weight", "bias"))]


def differences(precision: str, width: int = 384, n: int = 256) -> dict[str, float]:
    """Relative to the formula, whose float32 loss is computed in float64; cosines in bfloat16."""
    from torch.nn import functional as F

    given = inputs(n, width)
    found = run("fused", given, precision)
    if precision == "fp32":
        for name in given.keys() - {"labels"}:
            given[name] = given[name].detach().double().requires_grad_()
    wanted = run("formula", given, precision)
    result = {"loss": abs(float(found[0] / wanted[0]) - 1)}
    for name, mine, theirs in zip(("states", "weight", "bias"), found[1:], wanted[1:], strict=True):
        if precision == "fp32":
            result[f"gradient of {name}"] = float((mine - theirs).norm() / theirs.norm())
        else:
            cosine = F.cosine_similarity(mine.double().flatten(), theirs.double().flatten(), 0)
            result[f"cosine of {name}"] = float(cosine)
    return result


def peak(side: str, precision: str, n: int) -> float:
    """MiB that a call at H=384 needs in addition to its inputs, measured in another process."""
    command = [sys.executable, __file__, "--peak", side, precision, str(n)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(ran.stdout.splitlines()[-1])


def peak_here(side: str, precision: str, n: int) -> float:
    """The same in this process, after a small call that loads all libraries (Linux)."""
    run(side, inputs(64, 384, n_words=512), precision)
    given = inputs(n, 384)
    before = resident("VmRSS")
    run(side, given, precision)
    return resident("VmHWM") - before


def resident(field: str) -> float:
    """A field of the memory of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def compare_memory(precision: str) -> list[Comparison]:
    """The peak against what is allowed, against the original's, and that of more rows."""
    few, many = ROWS_FOR_MEMORY
    at_few, at_many = (peak("fused", precision, n) for n in ROWS_FOR_MEMORY)
    sides = [
        (f"{few} rows, allowed", at_few, MEMORY_BARS[precision], 1.0),
        (f"{few} rows, original", at_few, peak("original", precision, few), None),
        (f"{many} rows, allowed for {few}", at_many, MEMORY_BARS[precision], None),
    ]
    return [
        compare(
            f"{precision} memory, {what}",
            lambda mine=mine: mine,
            lambda peer=peer: peer,
            rounds=1,
            warm_up=0,
            unit="MiB",
            bar=bar,
        )
        for what, mine, peer, bar in sides
    ]


def compare_speed(precision: str, width: int, n: int, rounds: int, clock: str) -> list[Comparison]:
    """Times of the loss and its gradients against those of both peers."""
    given = inputs(n, width)
    return [
        compare(
            f"{precision} time, H={width}, {peer}",
            lambda: seconds(lambda: run("fused", given, precision), clock),
            lambda peer=peer: seconds(lambda: run(peer, given, precision), clock),
            rounds=rounds,
            bar=SPEED_BARS[precision, width] if peer == "original" else None,
        )
        for peer in ("original", "formula")
    ]


def main() -> None:
    """Measure differences, memory and speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak:
        side, precision, n = chosen.peak
        print(peak_here(side, precision, int(n)))
        return
    import torch

    found = {precision: differences(precision) for precision in chosen.precision}
    print(json.dumps(found, indent=1), flush=True)
    results = [one for precision in chosen.precision for one in compare_memory(precision)]
    for precision, width in SPEED_BARS:
        if precision in chosen.precision:
            results += compare_speed(precision, width, chosen.rows, chosen.rounds, chosen.clock)
    flags = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f") if flag in processor_flags()]
    facts: dict[str, Any] = {
        "processor_flags": flags,
        "threads": torch.get_num_threads(),
        "rows": chosen.rows,
    }
    facts["clock"] = chosen.clock
    print(write_results("bench_vocabulary_loss", results, differences=found, **facts))


def processor_flags() -> set[str]:
    """The words that describe the processor (Linux)."""
    cpuinfo = Path("/proc/cpuinfo")
    return set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()


if __name__ == "__main__":
    main()
