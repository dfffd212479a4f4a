"""Tiny random BERTs of every class, made and saved by transformers, the peer we compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

TINY = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 37,
    "max_position_embeddings": 40,
}


def save_bert(folder: Path, name: str = "BertModel", **config: Any) -> Any:
    """A tiny random BERT saved in `folder`; large weights, so that differences would show."""
    torch.manual_seed(7)
    settings = {**TINY, "initializer_range": 0.3, "num_labels": 2, **config}
    model = getattr(transformers, name)(transformers.BertConfig(**settings)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return model
