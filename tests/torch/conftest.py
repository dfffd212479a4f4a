"""The padded batch as tensors for every test of the PyTorch package."""

from __future__ import annotations

import numpy as np
import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture
def ids(ids: np.ndarray) -> torch.Tensor:
    """(3, 7), every token ordinary."""
    return torch.from_numpy(ids)


@pytest.fixture
def mask(mask: np.ndarray) -> torch.Tensor:
    """(3, 7): a full row, a padded row, and a row with one token."""
    return torch.from_numpy(mask)
