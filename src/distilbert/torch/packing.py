"""Sequences one behind the other instead of padded side by side.

Everything that treats tokens one by one (embeddings, projections, feed-forward, norms) then
computes no padding; only attention sees a padded view, in which each sequence attends to itself
alone: the block-diagonal attention of the packed row.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Where the T tokens of B padded sequences lie when packed.

    `places` (T,) are positions in the flattened (B * S); `visible` is bool (B, 1, 1, S), None where
    nothing is padded.
    """

    n_rows: int
    length: int
    places: Tensor
    visible: Tensor | None

    @staticmethod
    def of(attention_mask: Tensor) -> Packing:
        """The packing of a mask (B, S) in which 0 marks padding."""
        mask = attention_mask != 0
        places = mask.flatten().nonzero().squeeze(1)  # (T,)
        n_rows, length = mask.shape
        is_full = len(places) == n_rows * length
        return Packing(n_rows, length, places, None if is_full else mask[:, None, None])

    @property
    def positions(self) -> Tensor:
        """The position of each token in its own sequence, (1, T)."""
        return (self.places % self.length)[None]

    def pack(self, padded: Tensor) -> Tensor:
        """(B, S, ...) to (1, T, ...)."""
        flat = padded.flatten(0, 1)
        return (flat if self.visible is None else flat[self.places])[None]

    def spread(self, packed: Tensor) -> Tensor:
        """(1, T, D) to (B, S, D), zeros where there is padding."""
        flat = packed[0]
        if self.visible is not None:
            room = flat.new_zeros(self.n_rows * self.length, flat.shape[1])
            flat = room.index_copy(0, self.places, flat)
        return flat.unflatten(0, (self.n_rows, self.length))
