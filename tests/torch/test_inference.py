"""The encoder for inference answers as the model, and notices when the model changes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distilbert import DistilBertConfig, DistilBertModel
from distilbert.torch.inference import InferenceEncoder

SIZES: dict[str, Any] = {"vocab_size": 50, "dim": 32, "n_heads": 4, "hidden_dim": 48, "n_layers": 3}
# Equal lengths, similar and very different ones, one token, nothing visible, and holes.
LENGTHS = [[7], [5, 5, 5], [20, 19, 3, 1], [32, 31, 30, 8, 8, 8], [0, 4]]


def model(**changes: Any) -> DistilBertModel:
    torch.manual_seed(0)
    return DistilBertModel(DistilBertConfig(**SIZES | changes)).eval()


def batch(lengths: list[int]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(1, 50, (len(lengths), max(lengths)), generator=generator)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return ids, mask


def assert_same(encoder: DistilBertModel, ids: Tensor, mask: Tensor, tolerance: float) -> None:
    with torch.inference_mode():
        fast = InferenceEncoder(encoder)
        states, packing = fast.encode(ids, mask)
        unpacked, first = packing.unpack(states[None]), fast.encode_first(ids, mask)
        expected = encoder(ids, mask).last_hidden_state
    visible = mask != 0
    options = {"atol": tolerance, "rtol": 0}
    torch.testing.assert_close(unpacked[visible], expected[visible], **options)
    torch.testing.assert_close(first[:, 0], expected[:, 0], **options)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_states_are_those_of_the_model(lengths: list[int], dtype: torch.dtype) -> None:
    assert_same(model().to(dtype), *batch(lengths), 2e-6 if dtype == torch.float32 else 0.06)


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu_new"])
def test_any_activation(activation: str) -> None:
    assert_same(model(activation=activation), *batch([9, 4]), 2e-6)


def test_masks_with_holes_and_padding_on_the_left() -> None:
    ids, mask = batch([9, 9, 6])
    mask[0, 3:5] = mask[1, :4] = 0
    assert_same(model(), ids, mask, 2e-6)


def test_pruned_heads_and_layers() -> None:
    pruned = model()
    pruned.prune_heads({0: [1], 2: [0, 2, 3]})
    del pruned.transformer.layer[1]
    assert_same(pruned, *batch([9, 4, 4]), 2e-6)


def changed_weight(encoder: DistilBertModel) -> None:
    with torch.no_grad():
        encoder.transformer.layer[1].ffn.lin1.weight += 1


def changed_bias(encoder: DistilBertModel) -> None:
    with torch.no_grad():
        encoder.transformer.layer[1].attention.k_lin.bias.zero_()


def new_data(encoder: DistilBertModel) -> None:
    weight = encoder.transformer.layer[0].attention.out_lin.weight
    weight.data = weight.data * 2


def new_layer(encoder: DistilBertModel) -> None:
    encoder.transformer.layer[0].ffn.lin2 = nn.Linear(48, 32)


def fewer_layers(encoder: DistilBertModel) -> None:
    del encoder.transformer.layer[-1]


def hook(encoder: DistilBertModel) -> None:
    encoder.transformer.layer[2].register_forward_hook(lambda *given: None)


def training(encoder: DistilBertModel) -> None:
    encoder.train()


def cast(encoder: DistilBertModel) -> None:
    encoder.to(torch.bfloat16)


CHANGES = [changed_weight, changed_bias, new_data, new_layer, fewer_layers, hook, training, cast]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_model_is_noticed(change: Callable[[DistilBertModel], None]) -> None:
    encoder = model()
    fast = InferenceEncoder(encoder)
    assert fast.is_current()
    fast.encode(*batch([4]))
    assert fast.is_current()
    change(encoder)
    assert not fast.is_current()


def test_only_plain_models_on_a_cpu_are_computed() -> None:
    class Special(nn.Linear):
        """A layer that computes something else."""

    plain = model()
    assert InferenceEncoder.can_compute(plain)
    others = [copy.deepcopy(plain) for _ in range(4)]
    others[0].transformer.layer[0].ffn.lin1 = Special(32, 48)
    others[1].transformer.layer[0].register_forward_pre_hook(lambda *given: None)
    others[2].double()
    others[3].transformer.layer[0].attention.implementation = "eager"
    for other in (*others, plain.to("meta"), model().train()):
        assert not InferenceEncoder.can_compute(other)
