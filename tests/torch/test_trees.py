"""PyTorch's tree utilities take outputs apart and put them together."""

from __future__ import annotations

import torch
from torch.utils import _pytree as pytree

from distilbert.outputs import MaskedLMOutput
from distilbert.torch.trees import register_outputs


def test_an_output_survives_a_map_over_its_tensors():
    register_outputs()
    out = MaskedLMOutput(logits=torch.ones(2), hidden_states=(torch.ones(1), torch.zeros(1)))
    twice = pytree.tree_map(lambda tensor: tensor * 2, out)
    assert type(twice) is MaskedLMOutput
    assert list(twice) == ["logits", "hidden_states"]
    assert twice.logits.tolist() == [2, 2]
    assert [tensor.item() for tensor in twice.hidden_states] == [2, 0]


def test_paths_name_the_fields():
    register_outputs()  # a second time is no error
    out = MaskedLMOutput(loss=torch.ones(()), logits=torch.ones(2))
    paths = [path[0].key for path, _ in pytree.tree_flatten_with_path(out)[0]]
    assert paths == ["loss", "logits"]
