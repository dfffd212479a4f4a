"""A tiny model and a padded batch for every test of the PyTorch room."""

from __future__ import annotations

import pytest
import torch

from distilbert import DistilBertConfig

torch.set_num_threads(1)


@pytest.fixture
def config() -> DistilBertConfig:
    """2 layers, D 32, V 99, no dropout, so that train mode is deterministic too."""
    return DistilBertConfig(
        vocab_size=99,
        dim=32,
        n_heads=4,
        n_layers=2,
        hidden_dim=64,
        max_position_embeddings=40,
        dropout=0.0,
        attention_dropout=0.0,
        qa_dropout=0.0,
        seq_classif_dropout=0.0,
    )


@pytest.fixture
def ids() -> torch.Tensor:
    """(3, 7), every token ordinary."""
    return torch.randint(1, 99, (3, 7), generator=torch.Generator().manual_seed(5))


@pytest.fixture
def mask() -> torch.Tensor:
    """(3, 7): a full row, a padded row, and a row with one token."""
    return torch.tensor([[1] * 7, [1] * 4 + [0] * 3, [1] + [0] * 6])
