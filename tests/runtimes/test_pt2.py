"""Exported programs: those of other programs, and files that would run something when opened."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stand_ins import small_config

from distilbert.errors import CheckpointError
from distilbert.runtimes.pt2 import load_runner

CONFIG = small_config(initializer_range=0.2)
HEAD = "token_classification"
BATCH = {"input_ids": np.array([[5, 6, 7]]), "attention_mask": np.array([[1, 1, 0]])}
IDS, MASK = (torch.from_numpy(array) for array in BATCH.values())
ANY_SIZE = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("length", min=1, max=64)}


class Small(torch.nn.Module):
    """As many logits as a model of `CONFIG` has, in other words of `torch.export`."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(CONFIG.vocab_size, CONFIG.num_labels, dtype=torch.bfloat16)
        self.register_buffer("shift", torch.arange(2.0), persistent=False)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        x = self.table(input_ids).to(torch.float32)
        left, *more = x.split(1, dim=-1)
        length = x.shape[1] * 2 - x.shape[1]
        steps = torch.arange(length, device=x.device).unsqueeze(-1)
        x = torch.cat([left + self.shift[1], *more], -1) + torch.tensor(0.5) * steps
        return {"logits": x.masked_fill(attention_mask.unsqueeze(-1) == 0, float("-inf"))}


def exported(path: Path, model: torch.nn.Module, axes: Any = ANY_SIZE) -> Path:
    shapes = None if axes is None else (axes, axes)
    example = tuple(torch.ones(3, 7, dtype=torch.int64) for _ in range(2))
    torch.export.save(torch.export.export(model, example, dynamic_shapes=shapes), path)
    return path


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same archive with another program."""
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries.items():
            if name.endswith("models/model.json"):
                facts = json.loads(content)
                change(facts)
                content = json.dumps(facts).encode()
            file.writestr(name, content)
    return path


def test_the_steps_of_another_program_run(tmp_path: Path) -> None:
    model = Small()
    runner = load_runner(exported(tmp_path / "m.pt2", model), CONFIG, HEAD, num_threads=1)
    with torch.no_grad():
        expected = model(IDS, MASK)["logits"].numpy()
    np.testing.assert_allclose(runner.run_batch(BATCH)["logits"], expected, rtol=1e-6)
    np.testing.assert_allclose(runner.run_batch(BATCH)["logits"], expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")  # of recording
def test_a_model_recorded_from_transformers_runs(tmp_path: Path) -> None:
    from transformers import DistilBertConfig, DistilBertForTokenClassification

    source = DistilBertForTokenClassification(DistilBertConfig(**CONFIG.to_dict())).eval()
    source.config.return_dict = True
    runner = load_runner(exported(tmp_path / "m.pt2", source), CONFIG, HEAD)
    with torch.no_grad():
        expected = source(IDS, MASK).logits.numpy()
    found = runner.run_batch(BATCH)["logits"]
    np.testing.assert_allclose(found[:, :2], expected[:, :2], atol=2e-5)


def test_no_text_of_a_file_is_evaluated(tmp_path: Path) -> None:
    path, trap = exported(tmp_path / "m.pt2", Small()), tmp_path / "ran"
    expected = load_runner(path, CONFIG, HEAD).run_batch(BATCH)["logits"]

    def change(facts: dict[str, Any]) -> None:
        text = f"__import__('pathlib').Path({str(trap)!r}).touch() == 0"
        facts["guards_code"] = [text]
        graph = facts["graph_module"]["graph"]
        graph["tensor_values"]["input_ids"]["sizes"][0]["as_expr"]["expr_str"] = text
        facts["range_constraints"] = {text: {"min_val": 2, "max_val": 3}}

    found = load_runner(rewritten(path, change), CONFIG, HEAD).run_batch(BATCH)["logits"]
    np.testing.assert_array_equal(found, expected)
    assert not trap.exists()


def test_a_call_of_anything_else_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path / "m.pt2", Small())

    def change(facts: dict[str, Any]) -> None:
        facts["graph_module"]["graph"]["nodes"][0]["target"] = "torch.serialization.os.system"

    with pytest.raises(CheckpointError, match=r"contains torch\.serialization\.os\.system, which"):
        load_runner(rewritten(path, change), CONFIG, HEAD)


def test_an_operator_that_pytorch_lacks_is_named(tmp_path: Path) -> None:
    path = exported(tmp_path / "m.pt2", Small())

    def change(facts: dict[str, Any]) -> None:
        facts["graph_module"]["graph"]["nodes"][0]["target"] = "torch.ops.aten.add.Future"

    with pytest.raises(CheckpointError, match=r"PyTorch .* cannot open .*Future"):
        load_runner(rewritten(path, change), CONFIG, HEAD)


def test_fixed_sizes_are_seen(tmp_path: Path) -> None:
    runner_text = "must take batches of any size"
    with pytest.raises(CheckpointError, match=runner_text):
        load_runner(exported(tmp_path / "m.pt2", Small(), {0: ANY_SIZE[0]}), CONFIG, HEAD)


def test_a_program_without_names_of_its_outputs_is_refused(tmp_path: Path) -> None:
    class Unnamed(Small):
        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
            return (super().forward(input_ids, attention_mask)["logits"],)

    with pytest.raises(CheckpointError, match="must compute logits"):
        load_runner(exported(tmp_path / "m.pt2", Unnamed()), CONFIG, HEAD)


@pytest.mark.parametrize(
    ("place", "value"), [("strides", [{"as_int": 9}, {"as_int": 1}]), ("dtype", 99)]
)
def test_a_tensor_outside_of_its_bytes_is_refused(tmp_path: Path, place: str, value: Any) -> None:
    path = exported(tmp_path / "m.pt2", Small())
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    name = next(name for name in entries if name.endswith("model_weights_config.json"))
    config = json.loads(entries[name])
    config["config"]["table.weight"]["tensor_meta"][place] = value
    entries[name] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    with pytest.raises(CheckpointError, match="damaged or another kind of file"):
        load_runner(path, CONFIG, HEAD)


def test_compiled_code_is_never_opened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt2", "w") as file:
        file.writestr("m/data/aotinductor/model/model.wrapper.so", b"\x7fELF")
    with pytest.raises(CheckpointError, match="contains compiled code, which could do something"):
        load_runner(tmp_path / "m.pt2", CONFIG, HEAD)
