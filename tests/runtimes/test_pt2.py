"""Exported programs: those of other programs, and files that would run something when opened."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stand_ins import small_config

from distilbert.errors import CheckpointError
from distilbert.runtimes import pt2_contents
from distilbert.runtimes.pt2 import _weights, load_runner
from distilbert.runtimes.pt2_contents import Program, Stored
from distilbert.runtimes.torch_archive import open_archive

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


@cache
def small_program() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return exported(Path(folder) / "m.pt2", Small()).read_bytes()


def run_node(path: Path, index: int = 0, **changes: Any) -> None:
    """Run the program with one step changed."""

    def change(facts: dict[str, Any]) -> None:
        facts["graph_module"]["graph"]["nodes"][index] |= changes

    path.write_bytes(small_program())
    load_runner(rewritten(path, change), CONFIG, HEAD).run_batch(BATCH)


@pytest.mark.parametrize("overload", ["op", "overloads", "Future"])
def test_only_an_overload_of_an_operator_is_called(tmp_path: Path, overload: str) -> None:
    with pytest.raises(CheckpointError, match=f"PyTorch .* cannot open .*{overload}"):
        run_node(tmp_path / "m.pt2", target=f"torch.ops.aten.add.{overload}")


def test_an_operator_that_writes_into_its_arguments_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pt2_contents, "OPERATORS", pt2_contents.OPERATORS | {"add_"})
    with pytest.raises(CheckpointError, match=r"contains torch\.ops\.aten\.add_\.Tensor, which"):
        run_node(tmp_path / "m.pt2", target="torch.ops.aten.add_.Tensor")


@pytest.mark.parametrize(
    ("target", "arguments"),
    [
        ("_operator.floordiv", [{"as_int": 1}, {"as_int": 0}]),
        ("_operator.mul", [{"as_string": "a"}, {"as_int": 2}]),
        ("_operator.mul", [{"as_ints": [1]}, {"as_int": 2}]),
        ("_operator.add", [{"as_int": 2**63}, {"as_int": 2}]),
        ("torch.ops.aten.ones.default", [{"as_ints": [10**30]}]),
    ],
)
def test_arguments_that_an_operator_does_not_take(tmp_path: Path, target, arguments) -> None:
    inputs = [{"name": "", "arg": one, "kind": 1} for one in arguments]
    with pytest.raises(CheckpointError, match="PyTorch cannot compute"):
        run_node(tmp_path / "m.pt2", target=target, inputs=inputs)


def test_an_output_that_is_a_number_is_refused(tmp_path: Path) -> None:
    inputs = [{"name": "", "arg": {"as_int": 1}, "kind": 1}] * 2
    outputs = [{"as_tensor": {"name": "masked_fill"}}]
    with pytest.raises(CheckpointError, match=r"PyTorch cannot compute .*'float'"):
        run_node(tmp_path / "m.pt2", -1, target="_operator.add", inputs=inputs, outputs=outputs)


def test_tensors_of_one_entry_share_its_memory(tmp_path: Path) -> None:
    file = zipped(tmp_path / "m.pt2", **{"m/w": bytes(range(16))})
    views = {
        name: Stored("w", scalar_type, (size,), (1,), 0)
        for name, scalar_type, size in (("a", 7, 2), ("b", 7, 4), ("c", 5, 1), ("d", 1, 16))
    }
    with open_archive(file, "A file") as entries:
        found = _weights(torch, entries, Program(weights=views), torch.device("cpu"))
    assert len({one.untyped_storage().data_ptr() for one in found.values()}) == 1
    assert found["d"].tolist() == [*range(16)]
    assert found["c"].dtype == torch.int64


def test_an_empty_tensor_has_its_type(tmp_path: Path) -> None:
    stored = Stored("w", 5, (0, 3), (3, 1), 0)
    with open_archive(zipped(tmp_path / "m.pt2", **{"m/w": b""}), "A file") as entries:
        program = Program(weights={"a": stored})
        (found,) = _weights(torch, entries, program, torch.device("cpu")).values()
    assert (found.dtype, found.shape) == (torch.int64, (0, 3))


def zipped(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


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
    ("place", "value"),
    [
        ("strides", [{"as_int": 9}, {"as_int": 1}]),
        ("sizes", [{"as_int": 10**30}, {"as_int": 1}]),
        ("dtype", 99),
    ],
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
