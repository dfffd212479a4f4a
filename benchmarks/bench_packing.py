"""Time of a batch whose padding is not computed, against the same batch computed with its padding.

    python benchmarks/bench_packing.py [--rounds 15]

An encoder of the size of MiniLM with random weights, in PyTorch. Each batch is described by its
rows, its length and the shortest row. A ratio above 1 means that packing is faster; the line says
which of the two the runner chooses, see `distilbert.torch.packing.WORTH_PACKING`. Writes
benchmarks/results/bench_packing.json.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from in_turns import Comparison, compare, seconds, write_results

from distilbert import DistilBertConfig, DistilBertModel
from distilbert.torch.packing import saves_work

# Rows, length, shortest row.
BATCHES = ((1, 149, 149), (3, 144, 130), (8, 64, 56), (8, 64, 32), (32, 16, 14), (32, 16, 4))


def compare_batch(model: DistilBertModel, shape: tuple[int, int, int], rounds: int) -> Comparison:
    """A batch whose row lengths are drawn evenly."""
    rows, length, shortest = shape
    rng = np.random.default_rng(0)
    lengths = rng.integers(shortest, length + 1, rows)
    lengths[0] = length
    mask = torch.tensor((np.arange(length) < lengths[:, None]).astype(np.int64))
    ids = torch.tensor(rng.integers(1000, 30_000, (rows, length))) * mask
    chosen = "packed" if saves_work(mask) else "padded"
    share = int(mask.sum()) / mask.numel()
    with torch.inference_mode():
        return compare(
            f"{rows} rows of {shortest} to {length} tokens, {share:.0%} full, runner: {chosen}",
            lambda: 1000 * seconds(lambda: model.encode_packed(ids, mask)),
            lambda: 1000 * seconds(lambda: model(ids, mask)),
            rounds=rounds,
            warm_up=3,
            unit="ms",
        )


def main() -> None:
    """Measure all batches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    config = DistilBertConfig(dim=384, hidden_dim=1536, n_layers=6)
    model = DistilBertModel(config).eval()
    results = [compare_batch(model, shape, rounds) for shape in BATCHES]
    print(write_results("bench_packing", results, threads=torch.get_num_threads()))


if __name__ == "__main__":
    main()
