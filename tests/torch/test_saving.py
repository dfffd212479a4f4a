"""What is written into a folder, what is refused, and what a second writing leaves."""

from __future__ import annotations

import torch

from distilbert import DistilBertModel


def test_saving_twice_and_not_on_other_processes(config, tmp_path):
    model = DistilBertModel(config)
    model.save_pretrained(tmp_path / "m", is_main_process=False)
    assert not (tmp_path / "m").exists()
    model.save_pretrained(tmp_path / "m", max_shard_size="20KB")
    model.save_pretrained(tmp_path / "m")
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names == {"config.json", "model.safetensors"}


def test_another_state_dict_can_be_saved(config, tmp_path):
    model = DistilBertModel(config)
    zeros = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    model.save_pretrained(tmp_path / "m", state_dict=zeros)
    again = DistilBertModel.from_pretrained(tmp_path / "m")
    assert not any(parameter.any() for parameter in again.parameters())
