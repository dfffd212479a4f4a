"""TorchScript files: those of other programs, and files that are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from stand_ins import small_config

from distilbert.errors import CheckpointError
from distilbert.runtimes.torchscript import load_runner

CONFIG = small_config(initializer_range=0.2)
HEAD = "token_classification"
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


@pytest.mark.filterwarnings("ignore")  # of tracing
def test_a_model_traced_from_transformers_runs(tmp_path: Path) -> None:
    from transformers import DistilBertConfig, DistilBertForTokenClassification

    source = DistilBertForTokenClassification(DistilBertConfig(**CONFIG.to_dict())).eval()
    source.config.return_dict = True
    ids, mask = torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])

    class Named(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = source

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
            return {"logits": self.model(input_ids, attention_mask).logits}

    traced = torch.jit.trace(Named(), (ids, mask), strict=False)
    torch.jit.save(traced, tmp_path / "model.pt")
    runner = load_runner(tmp_path / "model.pt", CONFIG, HEAD)
    batch = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    found = runner.run_batch(batch)["logits"]
    with torch.no_grad():
        expected = source(ids, mask).logits.numpy()
    real = mask.numpy() == 1
    np.testing.assert_allclose(found[real], expected[real], atol=2e-5)


class Tuple(torch.nn.Module):
    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        return input_ids, attention_mask


class Other(torch.nn.Module):
    def forward(self, words: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": words}


class Writes(torch.nn.Module):
    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        torch.save(input_ids, "stolen.pt")
        return {"logits": input_ids}


class Maps(torch.nn.Module):
    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        return {"logits": torch.from_file("/etc/passwd", False, 10)}


class RunsWhenOpened(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.training = False

    @torch.jit.export
    def __getstate__(self):
        return self.training

    @torch.jit.export
    def __setstate__(self, state: bool):
        self.training = state

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor):
        return {"logits": input_ids}


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Tuple, "must compute logits"),
        (Other, "must take input_ids and attention_mask"),
        (Writes, "contains .*save"),
        (Maps, r"contains torch\.from_file, which could"),
        (RunsWhenOpened, "contains the method __getstate__, the method __setstate__"),
    ],
)
def test_another_file_is_one_sentence(tmp_path: Path, monkeypatch, module, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    torch.jit.save(torch.jit.script(module()), "model.pt")
    with pytest.raises(CheckpointError, match=text):
        load_runner(Path("model.pt"), CONFIG, HEAD)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt"]


@pytest.mark.parametrize("name", ["int", "forward1"])
def test_a_function_under_another_name_never_runs(tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    torch.jit.save(torch.jit.script(Other()), "plain.pt")
    lines = f'{name} = torch.save\n    _0 = {name}(words, "stolen.pt")\n    return'
    with zipfile.ZipFile("plain.pt") as plain, zipfile.ZipFile("model.pt", "w") as changed:
        for entry in plain.namelist():
            content = plain.read(entry)
            if entry.endswith(".py"):
                content = content.replace(b"return", lines.encode(), 1)
            changed.writestr(entry, content)
    with pytest.raises(CheckpointError, match="a function of torch that it does not call"):
        load_runner(Path("model.pt"), CONFIG, HEAD)
    assert not Path("stolen.pt").exists()


def test_a_checkpoint_of_pytorch_is_not_opened(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "model.pt")
    with pytest.raises(CheckpointError, match="damaged or another kind of file"):
        load_runner(tmp_path / "model.pt", CONFIG, HEAD)


def test_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    torch.jit.save(torch.jit.script(Tuple()), tmp_path / "model.pt")
    content = (tmp_path / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(content[:-100])
    with pytest.raises(CheckpointError, match="damaged or another kind of file"):
        load_runner(tmp_path / "model.pt", CONFIG, HEAD)
