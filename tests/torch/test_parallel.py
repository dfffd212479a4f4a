"""Two processes train as one does: same losses, same gradients, same model in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).parent / "train_in_processes.py"


def trained(folder: Path, engine: str, processes: int) -> dict[str, Any]:
    folder.mkdir()
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    ran = subprocess.run(
        [*launcher, str(SCRIPT), str(folder), engine],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads((folder / "found.json").read_text())


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return trained(tmp_path_factory.mktemp("alone") / "run", "ddp", 1)


@pytest.mark.parametrize("engine", ["ddp", "fsdp"])
def test_two_processes_have_the_losses_of_one(
    alone: dict[str, Any], tmp_path: Path, engine: str
) -> None:
    found = trained(tmp_path / "run", engine, 2)
    assert (alone["size"], found["size"]) == (1, 2)
    assert found["same"]
    assert found["losses"] == pytest.approx(alone["losses"], rel=1e-5)
    assert found["norms"] == pytest.approx(alone["norms"], rel=1e-4)
    np.testing.assert_allclose(found["scores"], alone["scores"], atol=1e-4)
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
