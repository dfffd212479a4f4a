"""Several processes that train one model, as `torchrun` starts them; one process is the plain case.

The engines are PyTorch's own, DistributedDataParallel and FSDP2. Both average gradients over the
processes, each of which computes its share of every batch.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from distilbert.torch.runner import available_device


class Processes:
    """This process among its peers: `rank` of `size`; the one of rank 0 is the main process."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.starts = self.size > 1 and not distributed.is_initialized()
        if self.starts:
            # Functions of this module take the group of their first import as a default and would
            # keep it, and its threads, until the interpreter ends; before there is one, none.
            importlib.import_module("torch.distributed.nn")
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    @property
    def is_main_process(self) -> bool:
        """Whether this process logs, evaluates and writes."""
        return self.rank == 0

    def device(self, chosen: str | None) -> torch.device:
        """The device of this process; None takes its GPU if there is one."""
        if chosen is not None:
            return available_device(chosen)
        if not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))

    def total(self, value: Tensor) -> Tensor:
        """The sum of a scalar over all processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def broadcast(self, value: Any) -> Any:
        """The main process's value, in every process."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def close(self) -> None:
        """Part from the peers, if this object met them.

        The caller lets go of what holds the group first (see `let_go`): threads of Gloo run on
        while it is held, and abort the process if they need Python's lock at its end.
        """
        if self.starts:
            gc.collect()
            distributed.barrier()  # a peer that is gone early looks like a broken connection
            distributed.destroy_process_group()


def spread_out(module: nn.Module, engine: str, blocks: list[nn.Module]) -> nn.Module:
    """The module as every process computes it: a copy each (ddp), or a piece each (fsdp).

    Args:
        blocks: parts that FSDP2 gathers one at a time.
    """
    if engine == "fsdp":
        from torch.distributed.fsdp import fully_shard

        for block in blocks:
            fully_shard(block)
        fully_shard(module)
        return module
    return DistributedDataParallel(module)


def let_go(module: nn.Module) -> None:
    """Take the group of processes from a module that is no longer used.

    FSDP2's mesh holds the group, and caches of PyTorch hold the mesh as long as the process lives.
    """
    for parameter in module.parameters():
        getattr(getattr(parameter, "device_mesh", None), "_pg_registry", {}).clear()


@contextlib.contextmanager
def local_gradients(module: nn.Module, *, is_last: bool) -> Iterator[None]:
    """Hold gradients back from the peers until the last batch of an update."""
    if isinstance(module, DistributedDataParallel):
        with contextlib.nullcontext() if is_last else module.no_sync():
            yield
        return
    if hasattr(module, "set_requires_gradient_sync"):  # FSDP2
        module.set_requires_gradient_sync(is_last)  # pyright: ignore[reportCallIssue]
    yield


def whole(tensor: Tensor) -> Tensor:
    """A tensor of which FSDP2 may have left every process only a piece."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def put(target: Tensor, value: Tensor) -> None:
    """Copy a whole tensor into one that may be in pieces."""
    mesh = getattr(target, "device_mesh", None)
    if mesh is None:
        target.copy_(value)
        return
    from torch.distributed.tensor import distribute_tensor

    pieces: Any = target
    target.copy_(distribute_tensor(value.to(target.device), mesh, pieces.placements))
