"""The identity of a run follows contents: moved files keep it, changed ones are named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig
from distilbert.finetuning.identity import NOT_DECISIVE
from distilbert.opening import find_model
from distilbert.training.card_file import with_changes
from distilbert.training.identity import card_identity, model_identity
from distilbert.training.run_card import RunCard

SIZES: dict[str, Any] = {"vocab_size": 9, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 8}


def test_fields_that_do_not_decide_the_result_may_change() -> None:
    card = RunCard(model="m", output="o")
    own = card_identity(card, NOT_DECISIVE)
    same = {"model": "n", "output": "p", "log_every": 3, "bootstrap": 5, "train": "x.csv"}
    assert card_identity(with_changes(card, same), NOT_DECISIVE) == own
    for name, value in {"seed": 1, "patience": 2, "learning_rate": 0.1, "max_length": 9}.items():
        assert card_identity(with_changes(card, {name: value}), NOT_DECISIVE) != own


def test_a_moved_model_is_the_same_and_an_edited_one_is_not(tmp_path: Path) -> None:
    encoder, config = tmp_path / "encoder", DistilBertConfig(**SIZES)
    save_checkpoint(encoder, initial_weights(config, "base", 0), config, head="base")
    moved = shutil.copytree(encoder, tmp_path / "moved")
    one, other = (model_identity(find_model(at, framework="torch"), "m") for at in (encoder, moved))
    assert one == other
    assert set(one) == {"the config of m", "the weights of m"}
    with (moved / "model.safetensors").open("r+b") as file:
        file.seek(-2, 2)
        file.write(b"\x99\x99")
    edited = model_identity(find_model(moved, framework="torch"), "m")
    assert {name for name in one if one[name] != edited[name]} == {"the weights of m"}
