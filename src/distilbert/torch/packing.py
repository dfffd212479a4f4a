"""Sequences one behind the other instead of padded side by side.

Everything that treats tokens one by one (embeddings, projections, feed-forward, norms) then
computes no padding; only attention sees a padded view, in which each sequence attends to itself
alone: the block-diagonal attention of the packed row.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

# oneDNN compiles a kernel for every shape it meets and keeps the last thousand, a quarter
# to half a megabyte each. Sizes are therefore rounded up to multiples of these, so that few shapes
# occur.
LENGTH_STEP, TOKEN_STEP = 16, 64


@dataclass(frozen=True, slots=True, eq=False)
class Packing:
    """Where the tokens of B padded sequences lie when packed.

    `places` (T,) are positions in the flattened (B * S), of which the first `n_tokens` count and
    the others fill up; `visible` is bool (B, 1, 1, S), None where nothing is padded.
    """

    n_rows: int
    length: int
    n_tokens: int
    places: Tensor
    visible: Tensor | None

    @staticmethod
    def of(attention_mask: Tensor) -> Packing:
        """The packing of a mask (B, S) in which 0 marks padding."""
        mask = attention_mask != 0
        n_rows, length = mask.shape
        places, n_tokens = places_of(mask)
        is_full = n_tokens == n_rows * length
        return Packing(n_rows, length, n_tokens, places, None if is_full else mask[:, None, None])

    @property
    def positions(self) -> Tensor:
        """The position of each token in its own sequence, (1, T)."""
        return (self.places % self.length)[None]

    def pack(self, padded: Tensor) -> Tensor:
        """(B, S, ...) to (1, T, ...)."""
        flat = padded.flatten(0, 1)
        return flat[self.places][None] if self._moves else flat[None]

    def spread(self, packed: Tensor) -> Tensor:
        """(1, T, D) to (B, S, D), zeros where there is padding."""
        flat = packed[0]
        if self._moves:
            room = flat.new_zeros(self.n_rows * self.length, flat.shape[1])
            n = self.n_tokens
            flat = room.index_put((self.places[:n],), flat[:n])  # keeps no copy, as others do
        return flat.unflatten(0, (self.n_rows, self.length))

    @property
    def _moves(self) -> bool:
        """Whether packed and flattened differ."""
        return len(self.places) != self.n_rows * self.length or self.visible is not None


def rounded_up(batch: Tensor, longest: int) -> Tensor:
    """A batch (B, S) with columns of zeros after it, to a length that occurs often.

    They end at `longest`, or where the batch does if that is further.
    """
    length = batch.shape[1]
    return F.pad(batch, (0, min(-length % LENGTH_STEP, max(0, longest - length))))


def places_of(chosen: Tensor) -> tuple[Tensor, int]:
    """Where a bool (B, S) is true in its flattened form, then zeros up to a size that occurs often.

    Returns the places (T,), and how many of them are true ones.
    """
    places = chosen.flatten().nonzero().squeeze(1)
    n = len(places)
    step = TOKEN_STEP if n > TOKEN_STEP else LENGTH_STEP
    return F.pad(places, (0, -n % step)), n
