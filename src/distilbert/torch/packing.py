"""Packing: the sequences of a batch concatenated in one row, without their padding.

Layers that treat each token separately (embeddings, projections, feed-forward, norms) then compute
no padding. The longest sequence comes first, so that sequences of similar length are neighbours.
Attention gets padded views of a few neighbours at a time, in which each sequence attends to itself
only: the block-diagonal attention of the packed row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

# oneDNN compiles a kernel for every shape and keeps the last thousand, a quarter to half a megabyte
# each. Sizes are rounded up to multiples of these, so that few shapes occur.
LENGTH_STEP, TOKEN_STEP = 16, 64
# Inference has fewer shapes: attention compiles nothing there, and the other layers few kernels.
INFERENCE_LENGTH_STEP, INFERENCE_TOKEN_STEP = 1, 16
# The largest fraction of a padded batch that is worth packing, measured on a CPU by
# benchmarks/bench_packing.py.
WORTH_PACKING = 0.9
# Scores of attention between padding (per head) that take as long as a call for other sequences.
SCORES_PER_CALL = 64 * 64


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Neighbours in a packed row whose attention is computed at once, padded to one length.

    They are the B sequences from `first_row` on, whose T tokens begin at `start`. `slots` (T,) are
    the places of the tokens in the flattened (B * S); None if these are `arange`. `visible` is bool
    (B, 1, 1, S), None where nothing is padded.
    """

    first_row: int
    n_rows: int
    length: int
    start: int
    n_tokens: int
    slots: Tensor | None
    visible: Tensor | None

    def unpack(self, packed: Tensor) -> Tensor:
        """The tokens of these sequences in (1, T of all, D), padded with zeros to (B, S, D)."""
        flat = packed[0, self.start : self.start + self.n_tokens]
        if self.slots is not None:
            # Unlike other operations, `index_put` keeps no copy for the backward pass.
            padded = flat.new_zeros(self.n_rows * self.length, flat.shape[1])
            flat = padded.index_put((self.slots,), flat)
        return flat.unflatten(0, (self.n_rows, self.length))

    def first_tokens(self, packed: Tensor) -> Tensor:
        """The first tokens of these sequences in those of all, (1, B of all, D) to (B, 1, D)."""
        return packed[0, self.first_row : self.first_row + self.n_rows, None]

    def pack(self, padded: Tensor) -> Tensor:
        """(B, S, D) to (T, D)."""
        flat = padded.flatten(0, 1)
        return flat if self.slots is None else flat[self.slots]


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Where the tokens of B padded sequences are when packed.

    `indices` (T,) point into the flattened (B * S); the first `n_tokens` are the packed tokens, the
    others fill up. `visible` is bool (B, 1, 1, S), None where nothing is padded. `order` (B,) are
    the sequences as they are packed and `firsts` (B or more,) the places of their first tokens,
    filled up as `indices`.
    """

    n_rows: int
    length: int
    n_tokens: int
    indices: Tensor
    visible: Tensor | None
    order: Tensor
    firsts: Tensor
    groups: tuple[Group, ...]

    @staticmethod
    def from_mask(attention_mask: Tensor, *, for_inference: bool = False) -> Packing:
        """The packing of a mask (B, S) in which 0 marks padding.

        `for_inference` pads as little as pays without a backward pass.

        A sequence that begins with padding, or has nothing else, is packed with its padding: the
        hidden state of its first token is then that of the padded batch.
        """
        mask = attention_mask != 0
        kept = mask | ~mask[:, :1]
        n_rows, length = mask.shape
        lengths, order = kept.sum(1).sort(descending=True, stable=True)
        step = INFERENCE_TOKEN_STEP if for_inference else TOKEN_STEP
        ordered, n_tokens = padded_indices(kept[order], step)
        indices = order[ordered // length] * length + ordered % length
        is_full = n_tokens == n_rows * length and bool(mask.all())
        return Packing(
            n_rows,
            length,
            n_tokens,
            indices,
            None if is_full else mask[:, None, None],
            order,
            F.pad(lengths.cumsum(0) - lengths, (0, _rounded(n_rows, step) - n_rows)),
            tuple(_groups(lengths, mask.flatten()[indices], length, for_inference)),
        )

    @property
    def positions(self) -> Tensor:
        """The position of each token in its own sequence, (1, T)."""
        return (self.indices % self.length)[None]

    def pack(self, padded: Tensor) -> Tensor:
        """(B, S, ...) to (1, T, ...)."""
        flat = padded.flatten(0, 1)
        return flat[self.indices][None] if self._moves else flat[None]

    def unpack(self, packed: Tensor) -> Tensor:
        """(1, T, D) to (B, S, D), zeros where there is padding."""
        flat = packed[0]
        if self._moves:
            padded = flat.new_zeros(self.n_rows * self.length, flat.shape[1])
            n = self.n_tokens
            # Unlike other operations, this one keeps no copy for the backward pass.
            flat = padded.index_put((self.indices[:n],), flat[:n])
        return flat.unflatten(0, (self.n_rows, self.length))

    def in_batch_order(self, packed: Tensor) -> Tensor:
        """The tokens of (1, T or more, D) in the order of the batch, (T, D)."""
        return packed[0, self.indices[: self.n_tokens].argsort()]

    def first_tokens(self, packed: Tensor) -> Tensor:
        """The first token of each sequence as packed, (1, T, D) to (1, B or more, D)."""
        return packed[:, self.firsts]

    def unpack_first(self, packed: Tensor) -> Tensor:
        """The first of these (1, B or more, D) in the order of the batch: (B, 1, D)."""
        return packed[0, self.order.argsort(), None]

    @property
    def _moves(self) -> bool:
        """Whether packed and flattened batch differ."""
        return len(self.indices) != self.n_rows * self.length or self.visible is not None


def _groups(lengths: Tensor, visible: Tensor, longest: int, for_inference: bool) -> Iterator[Group]:
    """Groups of sequences of falling `lengths` (B,), with so little padding that it pays.

    `visible` is bool (T,), False where a packed token is masked. There is one group except on a
    CPU, where a call costs little.
    """
    counts = lengths.tolist()
    step = INFERENCE_LENGTH_STEP if for_inference else LENGTH_STEP
    stepped = [min(longest, _stepped(count, step)) for count in counts]
    first = start = 0
    while first < len(counts):
        width = stepped[first]
        stop = _end_of_group(stepped, first) if lengths.is_cpu else len(counts)
        n_tokens = sum(counts[first:stop])
        is_token = torch.arange(width, device=lengths.device) < lengths[first:stop, None]
        slots = None
        if n_tokens < is_token.numel():
            slots = is_token.flatten().nonzero().squeeze(1)
        shown = is_token.masked_scatter(is_token, visible[start : start + n_tokens])
        yield Group(
            first,
            stop - first,
            width,
            start,
            n_tokens,
            slots,
            None if bool(shown.all()) else shown[:, None, None],
        )
        first, start = stop, start + n_tokens


def _end_of_group(lengths: list[int], first: int) -> int:
    """The end of a group of sequences from `first` on that is padded to the length of the first."""
    stop, width = first, lengths[first]
    while stop < len(lengths):
        own = lengths[stop]
        same = stop
        while same < len(lengths) and lengths[same] >= own:
            same += 1
        if (same - stop) * (width**2 - own**2) > SCORES_PER_CALL:
            break
        stop = same
    return stop


def pad_length(batch: Tensor, longest: int) -> Tensor:
    """Append columns of zeros to a batch (B, S), so that few lengths S occur.

    The length never grows beyond `longest`.
    """
    length = batch.shape[1]
    return F.pad(batch, (0, min(-length % LENGTH_STEP, max(0, longest - length))))


def padded_indices(chosen: Tensor, step: int = TOKEN_STEP) -> tuple[Tensor, int]:
    """Indices of the true values of a flattened bool (B, S), padded with zeros to few lengths T.

    T is a multiple of `step`, or if it is at most that, of a smaller number.

    Returns the indices (T,), and how many of them are not padding.
    """
    indices = chosen.flatten().nonzero().squeeze(1)
    n = len(indices)
    return F.pad(indices, (0, _rounded(n, step) - n)), n


def saves_work(attention_mask: Tensor) -> bool:
    """Whether a batch (B, S) is computed faster when packed: with little padding, moving its tokens
    takes longer than computing the padding."""
    return _rounded(int((attention_mask != 0).sum())) < WORTH_PACKING * attention_mask.numel()


def _rounded(n_tokens: int, step: int = TOKEN_STEP) -> int:
    """The number of tokens that are computed for so many, one of few."""
    return _stepped(n_tokens, step if n_tokens > step else LENGTH_STEP)


def _stepped(n: int, step: int) -> int:
    """A count rounded up to a multiple of `step`."""
    return n + -n % step


def placeholder_row(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """A batch of one row, for a process that has none."""
    row = {name: value.new_zeros((1, *value.shape[1:])) for name, value in batch.items()}
    return row | {"attention_mask": row["attention_mask"].new_ones(row["attention_mask"].shape)}
