"""Packing: the sequences of a batch concatenated in one row, without their padding.

Layers that treat each token separately (embeddings, projections, feed-forward, norms) then compute
no padding. Attention gets a padded view, in which each sequence attends to itself only: the
block-diagonal attention of the packed row.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

# oneDNN compiles a kernel for every shape and keeps the last thousand, a quarter to half a megabyte
# each. Sizes are rounded up to multiples of these, so that few shapes occur.
LENGTH_STEP, TOKEN_STEP = 16, 64
# The largest fraction of a padded batch that is worth packing, measured on a CPU by
# benchmarks/bench_packing.py.
WORTH_PACKING = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Where the tokens of B padded sequences are when packed.

    `indices` (T,) point into the flattened (B * S); the first `n_tokens` are the packed tokens, the
    others fill up. `visible` is bool (B, 1, 1, S), None where nothing is padded.
    """

    n_rows: int
    length: int
    n_tokens: int
    indices: Tensor
    visible: Tensor | None

    @staticmethod
    def from_mask(attention_mask: Tensor) -> Packing:
        """The packing of a mask (B, S) in which 0 marks padding.

        A sequence that begins with padding, or has nothing else, is packed with its padding: the
        hidden state of its first token is then that of the padded batch.
        """
        mask = attention_mask != 0
        n_rows, length = mask.shape
        indices, n_tokens = padded_indices(mask | ~mask[:, :1])
        is_full = n_tokens == n_rows * length and bool(mask.all())
        return Packing(n_rows, length, n_tokens, indices, None if is_full else mask[:, None, None])

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

    @property
    def _moves(self) -> bool:
        """Whether packed and flattened batch differ."""
        return len(self.indices) != self.n_rows * self.length or self.visible is not None


def pad_length(batch: Tensor, longest: int) -> Tensor:
    """Append columns of zeros to a batch (B, S), so that few lengths S occur.

    The length never grows beyond `longest`.
    """
    length = batch.shape[1]
    return F.pad(batch, (0, min(-length % LENGTH_STEP, max(0, longest - length))))


def padded_indices(chosen: Tensor) -> tuple[Tensor, int]:
    """Indices of the true values of a flattened bool (B, S), padded with zeros to few lengths T.

    Returns the indices (T,), and how many of them are not padding.
    """
    indices = chosen.flatten().nonzero().squeeze(1)
    n = len(indices)
    return F.pad(indices, (0, _rounded(n) - n)), n


def saves_work(attention_mask: Tensor) -> bool:
    """Whether a batch (B, S) is computed faster when packed: with little padding, moving its tokens
    takes longer than computing the padding."""
    return _rounded(int((attention_mask != 0).sum())) < WORTH_PACKING * attention_mask.numel()


def _rounded(n_tokens: int) -> int:
    """The number of tokens that are computed for so many, one of few."""
    step = TOKEN_STEP if n_tokens > TOKEN_STEP else LENGTH_STEP
    return n_tokens + -n_tokens % step


def placeholder_row(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """A batch of one row, for a process that has none."""
    row = {name: value.new_zeros((1, *value.shape[1:])) for name, value in batch.items()}
    return row | {"attention_mask": row["attention_mask"].new_ones(row["attention_mask"].shape)}
