"""Claims about `distilbert.torch.attention`: three implementations, one answer."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch
from torch import Tensor

from distilbert.errors import ConfigError, InputError, MissingDependencyError
from distilbert.torch import attention
from distilbert.torch.attention import attend, check_implementation

# Absolute differences allowed between implementations, per dtype: a few roundings.
TOLERANCES = {
    torch.float64: 1e-12,
    torch.float32: 2e-6,
    torch.bfloat16: 3e-2,
    torch.float16: 4e-3,
}


def qkv(dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(3, 4, 7, 8, generator=generator).to(dtype) for _ in range(3)]


def visible() -> Tensor:
    keys = torch.ones(3, 1, 1, 7, dtype=torch.bool)
    keys[1, ..., 4:] = False
    keys[2] = False
    return keys


def run(
    implementation: str, tensors: list[Tensor], keys: Tensor | None, **options: object
) -> tuple[Tensor, Tensor | None]:
    settings: dict = {"head_mask": None, "dropout": 0.0, "return_probabilities": False} | options
    return attend(*tensors, visible=keys, implementation=implementation, **settings)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("keys", [None, visible()], ids=["all visible", "masked"])
def test_sdpa_equals_eager(dtype: torch.dtype, keys: Tensor | None) -> None:
    eager, _ = run("eager", qkv(dtype), keys)
    fused, _ = run("sdpa", qkv(dtype), keys)
    assert fused.dtype == dtype
    torch.testing.assert_close(fused, eager, atol=TOLERANCES[dtype], rtol=0)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_fully_masked_row_attends_to_all_keys_equally(
    implementation: str, dtype: torch.dtype
) -> None:
    tensors = qkv(dtype)
    context, _ = run(implementation, tensors, visible())
    mean = tensors[2][2].double().mean(dim=1, keepdim=True).expand(4, 7, 8)
    torch.testing.assert_close(context[2].double(), mean, atol=TOLERANCES[dtype], rtol=0)


def test_gradients_agree_even_for_fully_masked_rows() -> None:
    gradients = []
    for implementation in ("eager", "sdpa"):
        tensors = [x.requires_grad_() for x in qkv(torch.float64)]
        context, _ = run(implementation, tensors, visible())
        gradients.append(torch.autograd.grad((context**2).sum(), tensors))
    for eager, fused in zip(*gradients, strict=True):
        torch.testing.assert_close(fused, eager)
    assert gradients[0][0][2].abs().max() == 0  # a query that sees nothing gets no gradient


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_probabilities_are_returned_whatever_the_implementation(implementation: str) -> None:
    _, probabilities = run(implementation, qkv(torch.float32), visible(), return_probabilities=True)
    assert probabilities is not None
    assert probabilities.shape == (3, 4, 7, 7)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(3, 4, 7))
    assert probabilities[1, ..., 4:].max() == 0


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_head_mask_multiplies_the_probabilities(implementation: str) -> None:
    factors = torch.tensor([1.0, 0.0, 0.5, 2.0])[None, :, None, None]
    plain, _ = run("eager", qkv(torch.float32), None)
    masked, probabilities = run(
        implementation, qkv(torch.float32), None, head_mask=factors, return_probabilities=True
    )
    torch.testing.assert_close(masked, plain * factors)
    assert probabilities is not None
    torch.testing.assert_close(probabilities.sum(-1), factors[..., 0].expand(3, 4, 7))


def test_dropout_drops_probabilities_and_scales_the_rest() -> None:
    torch.manual_seed(0)
    _, probabilities = run(
        "eager", qkv(torch.float32), None, dropout=0.5, return_probabilities=True
    )
    _, kept = run("eager", qkv(torch.float32), None, return_probabilities=True)
    assert probabilities is not None
    assert kept is not None
    dropped = probabilities == 0
    assert 0.3 < dropped.float().mean() < 0.7
    torch.testing.assert_close(probabilities[~dropped], 2 * kept[~dropped])


def test_sdpa_is_the_default_and_unknown_names_are_refused() -> None:
    assert check_implementation(None) == "sdpa"
    assert check_implementation("eager") == "eager"
    with pytest.raises(
        ConfigError, match=r"must be one of eager, sdpa, flash_attention_2: got 'x'"
    ):
        check_implementation("x")


def test_flash_attention_without_its_package_names_the_install_command() -> None:
    with pytest.raises(MissingDependencyError, match="pip install flash-attn") as caught:
        check_implementation("flash_attention_2")
    assert isinstance(caught.value, ImportError)


def test_flash_attention_without_cuda_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "is_available", lambda name: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MissingDependencyError, match=r"needs a CUDA device: found none"):
        check_implementation("flash_attention_2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert check_implementation("flash_attention_2") == "flash_attention_2"


def test_flash_attention_in_single_precision_is_refused() -> None:
    with pytest.raises(InputError, match=r"float16 or bfloat16 on a CUDA.*got torch.float32"):
        run("flash_attention_2", qkv(torch.float32), None)


def _flash_func(q: Tensor, k: Tensor, v: Tensor, dropout_p: float) -> Tensor:
    """What flash_attn.flash_attn_func computes, on (B, S, H, K)."""
    assert dropout_p == 0
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    return (scores.softmax(-1) @ v).transpose(1, 2)


def _flash_varlen_func(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    dropout_p: float,
) -> Tensor:
    """What flash_attn.flash_attn_varlen_func computes, on packed (T, H, K)."""
    assert cu_seqlens_q.dtype == cu_seqlens_k.dtype == torch.int32
    assert max_seqlen_q == cu_seqlens_q.diff().max()
    assert max_seqlen_k == cu_seqlens_k.diff().max()
    rows = zip(
        cu_seqlens_q[:-1], cu_seqlens_q[1:], cu_seqlens_k[:-1], cu_seqlens_k[1:], strict=True
    )
    return torch.cat(
        [_flash_func(q[a:b][None], k[c:d][None], v[c:d][None], dropout_p)[0] for a, b, c, d in rows]
    )


@pytest.mark.parametrize("keys", [None, visible()], ids=["all visible", "masked"])
def test_packing_for_flash_attention_changes_no_answer(
    keys: Tensor | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the kernels replaced by their definition: padded queries and empty rows still agree."""
    kernels = ModuleType("flash_attn")
    vars(kernels).update(flash_attn_func=_flash_func, flash_attn_varlen_func=_flash_varlen_func)
    monkeypatch.setitem(sys.modules, "flash_attn", kernels)
    monkeypatch.setattr(torch.Tensor, "is_cuda", True, raising=False)
    got, _ = run("flash_attention_2", qkv(torch.bfloat16), keys)
    expected, _ = run("eager", qkv(torch.bfloat16), keys)
    torch.testing.assert_close(got, expected, atol=TOLERANCES[torch.bfloat16], rtol=0)
