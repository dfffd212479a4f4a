"""The part of a layer that treats each token separately, compiled by torch.compile on request.

Sequences of a batch have other lengths every time, and attention has kernels of its own; what is
left of a layer only knows how many tokens there are, so one graph serves all layers and batches.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from distilbert.errors import MissingDependencyError

# Lines of a compiler's output that an error shows.
REASON_LENGTH = 200


def after_attention(block: Any, attended: Tensor, x: Tensor) -> Tensor:
    """The output of a layer from its input x and that of its attention, all (B, S, D)."""
    function = _compiled(_after_attention) if block.is_compiled else _after_attention
    return function(block, attended, x)


def _after_attention(block: Any, attended: Tensor, x: Tensor) -> Tensor:
    x = block.sa_layer_norm(attended + x)
    return block.output_layer_norm(block.ffn(x) + x)


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function compiled for tensors of any size."""
    return torch.compile(function, dynamic=True)


def compile_layers(model: nn.Module) -> None:
    """Let the layers of a model compute compiled from now on; parameters keep their names."""
    base: Any = getattr(model, "base_model", model)
    for block in base.transformer.layer:
        block.is_compiled = True


def check_compiler(device: str | None) -> None:
    """Compile a small function as a test.

    Raises:
        MissingDependencyError: the compiler is missing or fails.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if place.type == "cpu":
        compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
        if shutil.which(compiler) is None:  # a result may be cached from when there was one
            raise _no_compiler(compiler, "was not found")
    else:
        compiler = "Triton"
    try:
        _compiled(_probe)(torch.ones(16, device=place))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:REASON_LENGTH]
        raise _no_compiler(compiler, f"failed ({reason})") from error


def _no_compiler(name: str, fault: str) -> MissingDependencyError:
    return MissingDependencyError(
        f"`compile` needs a compiler that PyTorch can use: `{name}` {fault}. Install it (g++ on "
        f"Linux), name another C++ compiler in the environment variable CXX, or leave out "
        f"`compile`."
    )


def _probe(x: Tensor) -> Tensor:
    return x.sin() + 1
