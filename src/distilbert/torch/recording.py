"""A model as one function of ids and mask, which `torch.jit.trace` and `torch.export` can record.

What is recorded has no size and no device of the example: a file runs for any batch, anywhere.
"""

from __future__ import annotations

import copy
import io
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.export
from torch import Tensor, nn

from distilbert.config import DistilBertConfig
from distilbert.errors import ExportError
from distilbert.heads import HEADS
from distilbert.input_checks import WANTED_INPUT
from distilbert.runner import name_outputs
from distilbert.torch.attention import DEFAULT_IMPLEMENTATION
from distilbert.torch.heads import MODEL_CLASSES
from distilbert.torch.weights import assign

# The places in the source code of what was recorded, with the folders of this machine.
SOURCE_PLACES = ".debug_pkl"
# What `torch.export` notes of an operator's origin: such places, and names of our classes.
ORIGINS = ("stack_trace", "nn_module_stack", "torch_fn", "from_node")
# Older versions of PyTorch write the weights of an exported program as pickles.
OLDEST_TORCH_EXPORT = (2, 9)
# Tensors begin at multiples of this many bytes in a file, so that it can be mapped into memory.
ALIGNMENT = 64
# Bytes before a tensor: the header of its entry and, after the name, that of a field of padding.
ENTRY_HEADER, PADDING_HEADER = 30, 4
# Sizes of the example, by axis. An axis of size 0 or 1 would be recorded as one of this size, and
# so would two axes of equal sizes as one.
EXAMPLE_SIZES = {"B": 3, "C": 2, "S": 7}


class Recordable(nn.Module):
    """The outputs of a head from `input_ids` and `attention_mask`, by the names of the head.

    Classifiers compute only the first token in their last layer.
    """

    positions: Tensor

    def __init__(self, model: Any, *, more: Mapping[str, tuple[str, bool]]) -> None:
        """
        Args:
            more: the name of a further output, a vector per text -> how the states are pooled, and
                whether the vectors are scaled to length 1.
        """
        super().__init__()
        self.model, self.head, self.more = model, model.head, dict(more)
        longest = model.config.max_position_embeddings
        # A slice of it is on the device of the model; `arange` would record that of the example.
        self.register_buffer("positions", torch.arange(longest, device=model.device))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """The outputs for integers (B, S), or (B, C, S) for multiple choice; a mask of 0 hides."""
        shape = input_ids.shape
        states, visible = self._states(input_ids, attention_mask)
        if self.head == "base":
            return {"last_hidden_state": states} | {
                name: _vectors(states, visible, *how) for name, how in self.more.items()
            }
        logits = self.model.compute_logits(states)
        if self.head == "multiple_choice":
            logits = logits.reshape(shape[0], shape[1])  # (B, C)
        return name_outputs(self.head, logits)

    def wanted(
        self, input_ids: Tensor, attention_mask: Tensor, wanted: Tensor
    ) -> dict[str, Tensor]:
        """The logits (P, V) of a masked LM where `wanted`, bool (B, S)."""
        states, _ = self._states(input_ids, attention_mask)
        return name_outputs(self.head, self.model.compute_logits(states[wanted]))

    def _states(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """The last hidden states, (B, S, D) or (B, 1, D), and the visible tokens (B, S)."""
        ids, mask = input_ids, attention_mask
        if self.head == "multiple_choice":  # choices as rows
            ids, mask = ids.flatten(0, 1), mask.flatten(0, 1)
        base, facts = cast(Any, self.model).base_model, HEADS[self.head]
        x = base.embeddings(ids, positions=self.positions[: ids.shape[-1]])  # (B, S, D)
        visible = mask != 0  # (B, S)
        keys = visible.unsqueeze(1).unsqueeze(1)  # (B, 1, 1, S)
        no_head_mask = [None] * len(base.transformer.layer)
        first = facts.reads_first_token
        output = base.transformer(x, keys, no_head_mask, False, False, first_only=first)
        return output.last_hidden_state, visible


def recordable(
    arrays: Mapping[str, np.ndarray],
    config: DistilBertConfig,
    head: str,
    *,
    more: Mapping[str, tuple[str, bool]],
) -> Recordable:
    """A module with the weights of a checkpoint, in float32 and on the CPU; `more` as there."""
    config = copy.deepcopy(config)
    config.chunk_size_feed_forward = 0  # the number of chunks would be recorded; answers are equal
    config._attn_implementation = DEFAULT_IMPLEMENTATION
    model = MODEL_CLASSES[head](config)
    assign(model, arrays, dtype=torch.float32, device=torch.device("cpu"))
    model.tie_weights()  # `arrays` may lack a tied one
    return Recordable(model.eval(), more=more).eval().requires_grad_(False)


def example_inputs(head: str, sizes: Mapping[str, int] | None = None) -> tuple[Tensor, Tensor]:
    """Ids and a mask to record with; one token is hidden. `sizes` are those of the axes."""
    shape = [(sizes or EXAMPLE_SIZES)[axis] for axis in HEADS[head].input_axes]
    mask = torch.ones(shape, dtype=torch.int64)
    mask[0, ..., -1] = 0
    return torch.zeros(shape, dtype=torch.int64), mask


def save_torchscript(model: Recordable, file: Path, sizes: Mapping[str, int] | None = None) -> None:
    """Write a TorchScript file, which PyTorch runs from Python or C++ without this package.

    Args:
        sizes: the fixed sizes of all axes; None for a file that takes batches of any size.
    """
    buffer, inputs = io.BytesIO(), example_inputs(model.head, sizes)
    methods: dict[str, tuple[Tensor, ...]] = {"forward": inputs}
    if model.head == "masked_lm" and sizes is None:
        methods[WANTED_INPUT] = (*inputs, inputs[1] != 0)
    with warnings.catch_warnings():  # that PyTorch recommends `torch.export`
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace_module(
            model,
            methods,
            strict=False,  # it returns a dict
            check_trace=False,  # the export compares answers to texts
            _store_inputs=False,
        )
        torch.jit.save(traced, buffer)
    _write_without_places(buffer, file)


def save_exported_program(
    model: Recordable, file: Path, sizes: Mapping[str, int] | None = None
) -> None:
    """Write an exported program (`torch.export`), which holds no pickle.

    Args:
        sizes: as of `save_torchscript`.

    Raises:
        ExportError: this PyTorch would write pickles.
    """
    version = tuple(map(int, torch.__version__.split(".")[:2]))
    if version < OLDEST_TORCH_EXPORT:
        oldest = ".".join(map(str, OLDEST_TORCH_EXPORT))
        raise ExportError(
            f"An exported program needs PyTorch {oldest} or newer, which writes weights as plain "
            f"bytes: got {torch.__version__}. Install a newer one, or export to torchscript."
        )
    axes = None if sizes else _dynamic_axes(model)
    program: Any = torch.export.export(
        model,
        example_inputs(model.head, sizes),
        dynamic_shapes=None if axes is None else (axes, axes),
        strict=False,
    )
    for node in program.graph.nodes:
        for name in ORIGINS:
            node.meta.pop(name, None)
    program.example_inputs = None  # they would be a pickle
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    _write_without_places(buffer, file)


def _dynamic_axes(model: Recordable) -> dict[int, Any]:
    """The axes of an input of any size, by number."""
    longest = cast(Any, model.model).config.max_position_embeddings
    axes = {
        "B": torch.export.Dim("batch", min=1),
        "C": torch.export.Dim("choices", min=1),
        "S": torch.export.Dim("length", min=1, max=longest),
    }
    return dict(enumerate(axes[axis] for axis in HEADS[model.head].input_axes))


def _write_without_places(archive: io.BytesIO, file: Path) -> None:
    with zipfile.ZipFile(archive) as entries, zipfile.ZipFile(file, "w") as written:
        for name in entries.namelist():
            if name.endswith(SOURCE_PLACES):
                continue
            entry = zipfile.ZipInfo(name)  # of no date: equal models give equal bytes
            position = cast(Any, written.fp).tell()
            start = position + ENTRY_HEADER + len(name.encode()) + PADDING_HEADER
            n_padding = -start % ALIGNMENT
            entry.extra = b"FB" + n_padding.to_bytes(2, "little") + bytes(n_padding)
            written.writestr(entry, entries.read(name))


def _vectors(states: Tensor, visible: Tensor, mode: str, is_scaled: bool) -> Tensor:
    """One vector per text, (B, D), from states (B, S, D) and the visible tokens (B, S)."""
    counted = visible.unsqueeze(-1)  # (B, S, 1)
    if mode == "cls":
        vectors = states[:, 0]
    elif mode == "max":
        vectors = states.masked_fill(~counted, torch.finfo(states.dtype).min).amax(1)
    else:
        total = states.masked_fill(~counted, 0.0).sum(1)
        vectors = total / visible.sum(1, keepdim=True).clamp(min=1)
    if not is_scaled:
        return vectors
    length = vectors.norm(dim=-1, keepdim=True)
    return vectors / length.clamp(min=torch.finfo(states.dtype).tiny)
