"""A recorded model answers as the model itself, for sizes that it was not recorded with."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import tiny_weights
from stand_ins import small_config

from distilbert.heads import HEADS
from distilbert.tasks.embedding import normalize, pool
from distilbert.torch.recording import ALIGNMENT, example_inputs, recordable, save_torchscript

SIZES = [(1, 1), (1, 9), (5, 3), (7, 7), (2, 64)]
SHAPES: dict[str, dict[str, Any]] = {
    "usual": {},
    "pruned": {"pruned_heads": {0: [1, 2], 1: [0]}},
    "all heads of a layer pruned": {"pruned_heads": {1: [0, 1, 2, 3]}},
    "one layer": {"n_layers": 1},
    "another activation": {"activation": "gelu_new"},
    "chunks": {"chunk_size_feed_forward": 4},
    "eager": {"attn_implementation": "eager"},
}


def batch_of(head: str, rows: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    shape = (rows, 3, length) if head == "multiple_choice" else (rows, length)
    drawn = torch.Generator().manual_seed(rows * length)
    mask = torch.rand(shape, generator=drawn) > 0.3
    mask[..., 0] = True
    return torch.randint(1, 80, shape, generator=drawn), mask.long()


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("head", HEADS)
def test_a_torchscript_file_answers_for_any_size(tmp_path: Path, head: str, changes) -> None:
    config = small_config(initializer_range=0.3, **changes)
    model = recordable(tiny_weights(config, head), config, head, more={})
    save_torchscript(model, tmp_path / "m.pt")
    loaded = torch.jit.load(tmp_path / "m.pt")
    for rows, length in SIZES:
        ids, mask = batch_of(head, rows, length)
        with torch.no_grad():
            expected = model.model(ids, mask, return_dict=True)
            found = loaded(ids, mask)
        assert list(found) == [*HEADS[head].outputs]
        for name, value in found.items():
            torch.testing.assert_close(value, expected[name], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("is_scaled", [True, False])
@pytest.mark.parametrize("mode", ["mean", "cls", "max"])
def test_vectors_are_those_of_the_pipeline(mode: Any, is_scaled: bool) -> None:
    config = small_config(initializer_range=0.3)
    weights = tiny_weights(config, "base")
    model = recordable(weights, config, "base", more={"v": (mode, is_scaled)})
    ids, mask = batch_of("base", 4, 9)
    found = model(ids, mask)
    rows = zip(found["last_hidden_state"].numpy(), mask.numpy() == 1, strict=True)
    expected = np.stack([pool(states[real], mode) for states, real in rows])
    expected = normalize(expected) if is_scaled else expected
    np.testing.assert_allclose(found["v"].numpy(), expected, atol=1e-6)


def test_a_row_without_visible_tokens_is_finite() -> None:
    config = small_config(initializer_range=0.3)
    for mode in ("mean", "max"):
        model = recordable(tiny_weights(config, "base"), config, "base", more={"v": (mode, True)})
        ids = torch.ones(2, 5, dtype=torch.int64)
        found = model(ids, torch.zeros_like(ids))
        assert torch.isfinite(found["v"]).all()


def test_a_file_names_no_device_and_no_folder_of_this_machine(tmp_path: Path) -> None:
    config = small_config()
    model = recordable(tiny_weights(config, "base"), config, "base", more={})
    save_torchscript(model, tmp_path / "m.pt")
    content = (tmp_path / "m.pt").read_bytes()
    assert str(Path(__file__).parents[2]).encode() not in content
    assert b"site-packages" not in content
    loaded = torch.jit.load(tmp_path / "m.pt", map_location="meta")
    found = loaded(*(x.to("meta") for x in example_inputs("base")))
    assert found["last_hidden_state"].device.type == "meta"


def test_tensors_are_aligned_and_a_tied_table_is_stored_once(tmp_path: Path) -> None:
    config = small_config()
    weights = tiny_weights(config, "masked_lm")
    model = recordable(weights, config, "masked_lm", more={})
    save_torchscript(model, tmp_path / "m.pt")
    with zipfile.ZipFile(tmp_path / "m.pt") as file:
        entries = [entry for entry in file.infolist() if "/data/" in entry.filename]
        for entry in entries:
            extra = int.from_bytes(
                (tmp_path / "m.pt").read_bytes()[entry.header_offset + 28 :][:2], "little"
            )
            start = entry.header_offset + 30 + len(entry.filename) + extra
            assert start % ALIGNMENT == 0
    table = config.vocab_size * config.dim * 4
    assert sum(entry.file_size == table for entry in entries) == 1
