"""Training one model in several processes, as `torchrun` starts them, or in a single one.

The engines are PyTorch's DistributedDataParallel and FSDP2. Both average gradients over the
processes, each of which computes its part of every batch.
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
    """The group of `size` processes and this process's `rank`; rank 0 is the main process."""

    def __init__(self) -> None:
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.starts = self.size > 1 and not distributed.is_initialized()
        if self.starts:
            # Functions of this module take the group that exists at its first import as a default,
            # and keep it and its threads until the interpreter ends. So import it before.
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
        """The sum of a tensor over all processes."""
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
        """Leave the group of processes, if this object joined it.

        The caller first drops all references to the group (see `release`): while there is one,
        threads of Gloo keep running and may abort the process at its end.
        """
        if self.starts:
            gc.collect()
            distributed.barrier()  # otherwise the others see a broken connection
            distributed.destroy_process_group()


def wrap_parallel(module: nn.Module, engine: str, blocks: list[nn.Module]) -> nn.Module:
    """The module for parallel training, replicated (ddp) or sharded (fsdp) over the processes.

    Args:
        blocks: submodules that FSDP2 gathers one at a time.
    """
    if engine == "fsdp":
        from torch.distributed.fsdp import fully_shard

        for block in blocks:
            fully_shard(block)
        fully_shard(module)
        return module
    return DistributedDataParallel(module)


def release(module: nn.Module) -> None:
    """Release the references to the process group that a module holds; it cannot be used again.

    FSDP2's mesh refers to the group, and caches of PyTorch keep the mesh until the process ends.
    """
    for parameter in module.parameters():
        getattr(getattr(parameter, "device_mesh", None), "_pg_registry", {}).clear()


@contextlib.contextmanager
def local_gradients(module: nn.Module, *, is_last: bool) -> Iterator[None]:
    """Exchange no gradients between processes before the last batch of an update."""
    if isinstance(module, DistributedDataParallel):
        with contextlib.nullcontext() if is_last else module.no_sync():
            yield
        return
    if hasattr(module, "set_requires_gradient_sync"):  # FSDP2
        module.set_requires_gradient_sync(is_last)  # pyright: ignore[reportCallIssue]
    yield


def full_tensor(tensor: Tensor) -> Tensor:
    """All of a tensor that FSDP2 may have sharded over the processes."""
    gather = getattr(tensor, "full_tensor", None)
    return tensor if gather is None else gather()


def copy_to_parameter(target: Tensor, value: Tensor) -> None:
    """Copy a full tensor into one that may be sharded."""
    mesh = getattr(target, "device_mesh", None)
    if mesh is None:
        target.copy_(value)
        return
    from torch.distributed.tensor import distribute_tensor

    sharded: Any = target
    target.copy_(distribute_tensor(value.to(target.device), mesh, sharded.placements))
