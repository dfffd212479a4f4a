"""Distributions over the vocabulary of which few words are kept: drawn ones, or the most likely.

A teacher's predictions can be stored in this form. Drawn words give gradients that are right on
average; the most likely words with the mass of the others give a lower bound of the divergence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from distilbert.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class SparseTargets:
    """The distributions of N rows, of which K words each are kept.

    Attributes:
        ids: int64 (N, K), the words.
        probabilities: (N, K), those of the words, which then differ from each other. What they
            lack to 1 is the mass of all other words together; the loss compares it as that of one
            word. None for words that were drawn, each of which counts 1/K; one may occur often.
        entropy: (N,), that of the whole distribution for drawn words, otherwise that of the words
            and of the mass of the others.
        best: int64 (N,), the most likely word.
    """

    ids: Tensor
    probabilities: Tensor | None
    entropy: Tensor
    best: Tensor

    def at(self, rows: Tensor | slice) -> SparseTargets:
        """Those of some rows."""
        of = self.probabilities
        return replace(
            self,
            ids=self.ids[rows],
            probabilities=None if of is None else of[rows],
            entropy=self.entropy[rows],
            best=self.best[rows],
        )

    def check(self, n_rows: int) -> None:
        """Raise InputError unless there is a distribution for each row."""
        of = self.probabilities
        if (
            self.ids.shape[:1] != (n_rows,)
            or self.ids.dim() != 2
            or not self.ids.shape[1]
            or self.entropy.shape != (n_rows,)
            or self.best.shape != (n_rows,)
            or (of is not None and of.shape != self.ids.shape)
        ):
            raise InputError(
                f"`targets` must have `ids` (N, K), `probabilities` (N, K) or None, `entropy` and "
                f"`best` (N,), where N={n_rows} is the number of labels: got "
                f"{tuple(self.ids.shape)}, {None if of is None else tuple(of.shape)}, "
                f"{tuple(self.entropy.shape)} and {tuple(self.best.shape)}."
            )


def sparse_divergence(z: Tensor, tops: Tensor, targets: SparseTargets) -> tuple[Tensor, Tensor]:
    """KL(targets || softmax(z)) and its gradient with respect to z.

    Args:
        z: (R, V), overwritten.
        tops: (R, 1), the largest value of each row.

    Returns:
        The divergences (R,) and the gradients (R, V), which take the place of z.
    """
    ids, entropy = targets.ids, targets.entropy.to(z.dtype)
    logs = z.gather(1, ids).sub_(tops)
    exps = z.sub_(tops).exp_()
    if targets.probabilities is None:
        sums = exps.sum(-1, keepdim=True)
        crossed = sums.log().squeeze(1) - logs.mean(-1)
        gradients = exps.div_(sums)
        share = 1 / ids.shape[1]
        return crossed - entropy, gradients.scatter_add_(1, ids, torch.full_like(logs, -share))
    of, kept = targets.probabilities.to(z.dtype), logs.exp()
    others = exps.scatter_(1, ids, 0.0).sum(-1, keepdim=True)  # without cancellation
    sums = others + kept.sum(-1, keepdim=True)
    tail = (1 - of.sum(-1, keepdim=True)).clamp_(min=0) * (others > 0)
    crossed = (of * (sums.log() - logs)).sum(-1) - torch.xlogy(tail, others / sums).squeeze(1)
    smallest = torch.finfo(z.dtype).tiny
    gradients = exps.mul_(sums.reciprocal() - tail / others.clamp(min=smallest))
    return crossed - entropy, gradients.scatter_(1, ids, kept / sums - of)
