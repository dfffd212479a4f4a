"""bfloat16 against float32 in each framework's runner: base size, B=32, S=128.

    python benchmarks/bench_bf16.py [--rounds 5] [--batch 32] [--length 128]

The ratio is float32 time / bfloat16 time. The bar applies to processors with AMX, which have
matrix units for bfloat16; AVX512-BF16 alone only has a dot product. Writes
benchmarks/results/bench_bf16.json.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from in_turns import compare, seconds, versions, write_results

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

AMX_BAR = 3.0
FRAMEWORKS = ("torch", "tensorflow", "flax")
FLAGS = ("amx_bf16", "amx_tile", "avx512_bf16", "avx512f")


def processor_flags() -> list[str]:
    """The relevant instruction sets that the processor supports (Linux)."""
    cpuinfo = Path("/proc/cpuinfo")
    words = set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()
    return [flag for flag in FLAGS if flag in words]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=128)
    chosen = parser.parse_args()
    from distilbert import DistilBertConfig
    from distilbert.checkpoint.folder import save_checkpoint
    from distilbert.checkpoint.init import initial_weights
    from distilbert.opening import find_model, load_runner

    flags = processor_flags()
    config = DistilBertConfig()
    generator = np.random.default_rng(0)
    ids = generator.integers(1, config.vocab_size, (chosen.batch, chosen.length))
    batch = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    results, errors = [], {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "base"
        save_checkpoint(folder, initial_weights(config, "base", 0), config, head="base")
        for framework in FRAMEWORKS:
            runners: dict[str, Any] = {
                dtype: load_runner(find_model(folder, framework=framework), "base", dtype=dtype)
                for dtype in ("float32", "bfloat16")
            }
            exact, rounded = (
                runner.run_batch(batch)["last_hidden_state"] for runner in runners.values()
            )
            errors[framework] = float(np.abs(exact - rounded).max())
            half, full = runners["bfloat16"], runners["float32"]
            results.append(
                compare(
                    f"{framework}: bfloat16 (ours) against float32 (peer)",
                    lambda half=half: seconds(lambda: half.run_batch(batch)),
                    lambda full=full: seconds(lambda: full.run_batch(batch)),
                    rounds=chosen.rounds,
                    bar=AMX_BAR if "amx_bf16" in flags else None,
                )
            )
    print(
        write_results(
            "bench_bf16",
            results,
            processor_flags=flags,
            largest_difference=errors,
            batch=chosen.batch,
            length=chosen.length,
            frameworks=versions("tensorflow", "keras", "jax", "flax"),
        )
    )


if __name__ == "__main__":
    main()
