"""Loading DistilBERT-base (66 million weights, safetensors) into PyTorch, against transformers.

    python benchmarks/bench_load.py [--rounds 9]

Measures `from_pretrained` in a warm process, the time from process start to a loaded model, and
the additional peak memory relative to the size of the weights. Needs the dev extra. Writes
benchmarks/results/bench_load.json.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from in_turns import compare, seconds, write_results

# Limit of the peak memory of loading, as a multiple of the size of the weights.
MEMORY_BAR = 1.2

# Linux only. Not `ru_maxrss`: a child process inherits that from its parent.
PEAK = """
import sys
from pathlib import Path
from distilbert import DistilBertModel
def kilobytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field + ":")))
Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
before = kilobytes("VmRSS")
model = DistilBertModel.from_pretrained(sys.argv[1])
loaded = kilobytes("VmHWM")
for parameter in model.parameters():
    parameter.sum()  # read every weight
print((loaded - before) * 1024, (kilobytes("VmHWM") - before) * 1024)
"""


def make_checkpoint(folder: Path) -> int:
    """Write a DistilBERT-base with initial weights; return its size in bytes."""
    from distilbert import DistilBertConfig
    from distilbert.checkpoint.folder import save_checkpoint
    from distilbert.checkpoint.init import initial_weights

    config = DistilBertConfig()
    save_checkpoint(folder, initial_weights(config, "base", 0), config, head="base")
    return (folder / "model.safetensors").stat().st_size


def process_seconds(package: str, folder: Path) -> float:
    """Wall time of a new interpreter until the model is loaded."""
    code = f"from {package} import DistilBertModel as M; M.from_pretrained({str(folder)!r})"
    return seconds(
        lambda: subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    )


def warm_seconds(load: Callable[[str], object], folder: Path) -> float:
    """Wall time of one load in this process, progress bars hidden."""
    with open(os.devnull, "w") as sink, contextlib.redirect_stderr(sink):
        return seconds(lambda: load(str(folder)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    import transformers

    import distilbert

    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "base"
        size = make_checkpoint(folder)
        warm = compare(
            "from_pretrained in a warm process",
            lambda: warm_seconds(distilbert.DistilBertModel.from_pretrained, folder),
            lambda: warm_seconds(transformers.DistilBertModel.from_pretrained, folder),
            rounds=rounds,
            warm_up=2,
            bar=1.0,
        )
        cold = compare(
            "from process start to a loaded model",
            lambda: process_seconds("distilbert", folder),
            lambda: process_seconds("transformers", folder),
            rounds=rounds,
            bar=2.0,
        )
        command = [sys.executable, "-c", PEAK, str(folder)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
        loaded, used = (int(number) / size for number in ran.stdout.split())
    print(f"extra memory at the peak: {loaded:.2f} x the weights after loading, {used:.2f} x")
    print(f"after every weight was read (bar {MEMORY_BAR})")
    path = write_results(
        "bench_load",
        [warm, cold],
        weights_bytes=size,
        peak_extra_memory_after_loading=loaded,
        peak_extra_memory_after_reading_every_weight=used,
        peak_extra_memory_bar=MEMORY_BAR,
    )
    print(path)


if __name__ == "__main__":
    main()
