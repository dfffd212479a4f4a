"""What a teacher says of the tokens of a batch, as arrays to store.

That is its last hidden states, and few words of its distribution over the vocabulary: drawn ones,
or the most likely. See `distilbert.torch.sparse_targets`, which learns from them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distilbert.errors import TrainingError
from distilbert.torch.packing import pad_length
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.torch.vocabulary_blocks import row_maxima
from distilbert.training.objective import BEST, ENTROPY, IDS, PROBABILITIES, STATES, KeptWords

# Bytes of the logits that are computed at once.
BLOCK_BYTES_CPU, BLOCK_BYTES_ELSEWHERE = 1 << 23, 1 << 28


class TeacherTargets:
    """A teacher that computes the rows of tokens: hidden states, words, or both."""

    def __init__(
        self,
        teacher: PreTrainedModel,
        words: KeptWords | None,
        *,
        states: bool,
        device: torch.device,
        dtype: torch.dtype | None,
    ) -> None:
        """
        Args:
            teacher: taken over; a masked LM where `words` are wanted.
            words: which words of its distributions to keep, if any.
            states: whether to return its hidden states.
            dtype: that of matrix products; None leaves them in float32.
        """
        self.teacher = teacher.eval().requires_grad_(False).to(device)
        self.words, self.states, self.device, self.dtype = words, states, device, dtype

    @torch.no_grad()
    def __call__(
        self, batch: Mapping[str, np.ndarray], places: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The rows of all T tokens of a batch, one sequence after the other, by name.

        Args:
            batch: `input_ids` and `attention_mask` (B, S), padded on the right.
            places: float64 (T,) in [0, 1), which decide the words that are drawn.

        Raises:
            TrainingError: a hidden state cannot be stored in 16 bits.
        """
        longest = self.teacher.config.max_position_embeddings
        ids, mask = (
            pad_length(torch.from_numpy(batch[name]).to(self.device), longest)
            for name in ("input_ids", "attention_mask")
        )
        parts: list[dict[str, Tensor]] = []
        with self._precision():
            output, packing = self.teacher.base_model.encode_packed(ids, mask)
            states = packing.in_batch_order(output.last_hidden_state)  # (T, D)
            if self.words is not None:
                head: Any = self.teacher
                drawn = torch.from_numpy(places).to(self.device)
                parts += self._kept(head.transform_states(states), drawn, self.words)
        # Outside of autocast, which refuses to join float16 where it computes in bfloat16.
        found = {STATES: _stored(states)} if self.states else {}
        for name in parts[0] if parts else ():
            found[name] = torch.cat([part[name] for part in parts]).cpu().numpy()
        return found

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None)

    def _kept(
        self, transformed: Tensor, places: Tensor, words: KeptWords
    ) -> Iterator[dict[str, Tensor]]:
        """The words of some rows after the others."""
        head: Any = self.teacher
        projector = head.vocab_projector
        weight, bias = projector.weight, projector.bias.float() / words.temperature
        if self.dtype is not None:
            weight = weight.to(self.dtype)
        size = BLOCK_BYTES_CPU if self.device.type == "cpu" else BLOCK_BYTES_ELSEWHERE
        step = max(1, size // (4 * len(bias)))
        for start in range(0, len(transformed), step):
            rows = slice(start, start + step)
            products = transformed[rows].to(weight.dtype) @ weight.t()
            z = products.float().div_(words.temperature).add_(bias)  # (R, V)
            yield kept_words(z, places[rows], words)


def kept_words(z: Tensor, places: Tensor, words: KeptWords) -> dict[str, Tensor]:
    """The words to keep of softmax(z), z (R, V) float, which is overwritten.

    See `distilbert.torch.sparse_targets.SparseTargets` for the four results, in which
    probabilities are float16.
    """
    if words.kind == "top":
        return _most_likely(z, min(words.count, z.shape[1]))
    tops, best = row_maxima(z)
    z.sub_(tops)
    exps = z.exp()
    sums = exps.sum(-1)
    entropy = sums.log() - torch.linalg.vecdot(exps, z) / sums
    return {
        IDS: _drawn(exps, places, words.count),
        ENTROPY: entropy,
        BEST: best.squeeze(1),
    }


def _drawn(weights: Tensor, places: Tensor, count: int) -> Tensor:
    """Words drawn in proportion to their weights (R, V), int64 (R, count), in increasing order.

    One number of `places` (R,) draws all of a row: they are evenly spaced on the cumulative
    weights. The number of times that a word comes up is right on average and never off by one or
    more, so it varies less than that of independent draws (systematic sampling).
    """
    steps = weights.cumsum(-1, dtype=torch.float64)
    even = torch.arange(count, device=weights.device, dtype=torch.float64)
    points = (places[:, None] + even) * (steps[:, -1:] / count)
    return torch.searchsorted(steps, points, right=True).clamp_(max=weights.shape[1] - 1)


def _most_likely(z: Tensor, count: int) -> dict[str, Tensor]:
    """The most likely words with their probabilities, and the entropy with the others as one."""
    sums = z.logsumexp(-1, keepdim=True)
    values, ids = z.topk(count, dim=-1)
    probabilities = (values - sums).exp().half()
    of = probabilities.float()
    tail = (1 - of.sum(-1)).clamp_(min=0) if count < z.shape[1] else of.new_zeros(len(of))
    entropy = torch.special.entr(of).sum(-1) + torch.special.entr(tail)
    return {IDS: ids, PROBABILITIES: probabilities, ENTROPY: entropy, BEST: ids[:, 0]}


def _stored(states: Tensor) -> np.ndarray:
    stored = states.half()
    if not bool(stored.isfinite().all()):
        raise TrainingError(
            "A teacher's hidden states must be finite and below 65,504 to be stored in 16 bits: "
            f"got {float(states.abs().max()):g}. Leave `cache_teacher` out."
        )
    return stored.cpu().numpy()
