"""The sums and gradients of the vocabulary loss, computed in blocks of rows.

Logits exist for one block at a time, and their gradients replace them in place. Matrix products
work on large blocks, because each adds to the whole gradient of the weight; everything else works
on a few rows that stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from distilbert.heads import IGNORED_LABEL
from distilbert.torch.packing import TOKEN_STEP
from distilbert.torch.sparse_targets import SparseTargets, sparse_divergence

MIB = 2**20
# Bytes of the logits of a block (student and teacher together), and bytes of the few rows of one of
# them that are computed at once (on a CPU for each thread). Measured at V=30,522 on a CPU: half or
# twice of either changes the time by less than 5 %.
BLOCK_BYTES_CPU = (64 * MIB, MIB)
BLOCK_BYTES_ELSEWHERE = (512 * MIB, 128 * MIB)
# Columns of which `row_maxima` takes a maximum at once, and rows of the weight whose gradient is
# converted at once.
COLUMNS_AT_ONCE, WORDS_AT_ONCE = 256, 1024
# Words whose logits one product computes on a CPU in float32. A product with all of them is up to
# half slower in MKL, which writes a whole row at a time; oneDNN, for bfloat16, has no such problem.
WORDS_PER_PRODUCT = 1024


@dataclass(frozen=True, slots=True)
class Scales:
    """The factor of each sum in the total loss, and the temperature of the divergence.

    The factors contain the weight of the loss and the division by the number of its rows. A term
    whose factor is 0 is not computed.
    """

    kl: float = 0.0
    ce: float = 0.0
    mse: float = 0.0
    temperature: float = 2.0


def row_maxima(values: Tensor) -> tuple[Tensor, Tensor]:
    """The largest value of each row and its first index, both (..., 1), of values (..., V).

    PyTorch searches for indices one value at a time on a CPU. Here only a part of each row is
    searched, that with the largest maximum.
    """
    n_columns = values.shape[-1]
    n_parts = n_columns // COLUMNS_AT_ONCE
    if n_parts < 2:
        return values.max(-1, keepdim=True)
    split = n_parts * COLUMNS_AT_ONCE
    tops = values[..., :split].unflatten(-1, (n_parts, COLUMNS_AT_ONCE)).amax(-1)  # (..., parts)
    if split < n_columns:
        tops = torch.cat((tops, values[..., split:].amax(-1, keepdim=True)), -1)
    start = tops.argmax(-1, keepdim=True) * COLUMNS_AT_ONCE
    start = start.clamp_(max=n_columns - COLUMNS_AT_ONCE)
    columns = start + torch.arange(COLUMNS_AT_ONCE, device=values.device)  # (..., columns)
    top, index = values.gather(-1, columns).max(-1, keepdim=True)
    return top, start + index


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows to compute: first those of the teacher, last those with a label.

    `order` (M,) are their indices and `labels` (M,) their labels. The first `n_teacher` have a
    teacher; those from `first_label` on have a label.
    """

    order: Tensor
    labels: Tensor
    n_teacher: int
    first_label: int

    @staticmethod
    def needed(labels: Tensor, scales: Scales, teacher_rows: Tensor | None) -> Rows:
        """The rows that a term with a factor needs."""
        is_labelled = (labels != IGNORED_LABEL) & bool(scales.ce)
        is_taught = torch.full_like(is_labelled, bool(scales.kl or scales.mse))
        if teacher_rows is not None:
            is_taught &= teacher_rows
        kind = torch.where(is_taught, is_labelled.long(), 3 - is_labelled.long())
        only_taught, both, only_labelled, _ = kind.bincount(minlength=4).tolist()
        order = kind.argsort(stable=True)[: only_taught + both + only_labelled]
        return Rows(order, labels[order], only_taught + both, only_taught)


Projection = tuple[Tensor, Tensor, Tensor]  # states, weight, bias


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """What to compute, in addition to the student's tensors."""

    rows: Rows
    scales: Scales
    teacher: Projection | SparseTargets | None
    dtype: torch.dtype  # of the products
    wanted: tuple[bool, ...]  # whether states, weight and bias need gradients
    add_to: Tensor | None = None  # where that of the weight is added, if not to zeros


class Run:
    """One computation of the loss: its blocks, its sums and its gradients so far.

    `z` stands for logits divided by the temperature. The gradient of a logit is computed in units
    of `unit`, so that the divergence needs no factor. Pairs have the student first and then, where
    there is one, the teacher.
    """

    def __init__(self, student: Projection, task: Task) -> None:
        self.rows, self.scales, self.dtype = task.rows, task.scales, task.dtype
        self.temperature = 1.0 if task.teacher is None else task.scales.temperature
        self.unit = task.scales.kl * self.temperature or 1.0
        self.exact = torch.float64 if self.dtype == torch.float64 else torch.float32
        self.n_rows = len(self.rows.order)
        self.pair = [self._prepared(student, self.n_rows)]
        self.targets = None
        if isinstance(task.teacher, SparseTargets):
            self.targets = task.teacher.at(self.rows.order[: self.rows.n_teacher])
        elif task.teacher is not None:
            self.pair.append(self._prepared(task.teacher, self.rows.n_teacher))
        device = student[0].device
        self.kl, self.ce, self.mse, self.n_correct, self.n_agree = (
            torch.zeros((), dtype=dtype, device=device)
            for dtype in (*3 * [torch.float64], *2 * [torch.int64])
        )
        given = (None, task.add_to, None)
        self.d_states, self.d_weight, self.d_bias = (
            (torch.zeros(x.shape, dtype=self.exact, device=device) if out is None else out)
            if wanted
            else None
            for x, wanted, out in zip(student, task.wanted, given, strict=True)
        )
        self.needs_gradient = any(task.wanted)
        self._allocate(len(student[1]), device)

    def _prepared(self, given: Projection, n_rows: int) -> Projection:
        """States of the first `n_rows`, filled up with zeros, weight and bias, which give z."""
        states, weight, bias = given
        n_padded = -(-n_rows // TOKEN_STEP) * TOKEN_STEP
        padded = torch.zeros((n_padded, states.shape[1]), dtype=self.dtype, device=states.device)
        padded[:n_rows] = states[self.rows.order[:n_rows]].div_(self.temperature)
        return padded, weight.to(self.dtype), bias.to(self.exact) / self.temperature

    def _allocate(self, n_words: int, device: torch.device) -> None:
        """Decide the sizes of the blocks and allocate what they need."""
        in_block, in_cache = BLOCK_BYTES_ELSEWHERE
        if device.type == "cpu":
            in_block, in_cache = BLOCK_BYTES_CPU
            in_cache *= torch.get_num_threads()
        n_sides, n_padded = len(self.pair), len(self.pair[0][0])
        most = in_block // (n_words * self.dtype.itemsize * n_sides) // TOKEN_STEP * TOKEN_STEP
        n_blocks = -(-n_padded // max(most, TOKEN_STEP)) or 1
        self.n_at_once = -(-n_padded // (n_blocks * TOKEN_STEP)) * TOKEN_STEP
        self.n_in_cache = max(1, in_cache // (n_words * self.exact.itemsize))
        width = self.pair[0][1].shape[1]
        self.products = [
            torch.empty((WORDS_AT_ONCE, width), dtype=dtype, device=device)
            for dtype in (self.dtype, self.exact)
        ]
        shape = (n_sides, self.n_at_once, n_words)
        self.block = torch.empty(shape, dtype=self.dtype, device=device)
        few = (min(self.n_in_cache, self.n_rows), n_words)
        self.z, self.labelled, self.difference = (
            torch.empty(shape, dtype=self.exact, device=device)
            for shape in ((n_sides, *few), few, few)
        )

    def compute(self) -> None:
        """All blocks, one after the other."""
        for start in range(0, len(self.pair[0][0]), self.n_at_once or 1):
            stop = start + self.n_at_once
            for block, (states, weight, _) in zip(self.block, self.pair, strict=True):
                part = states[start:stop]
                self._project(part, weight, block[: len(part)])
            for first, last in self._steps(start, min(stop, self.n_rows)):
                self._few_rows(self.block[:, first - start : last - start], first)
            if self.needs_gradient:
                n_left = self.n_rows - start
                self.block[0, n_left:] = 0  # the rows that fill up
                self._add_products(self.block[0, : -(-n_left // TOKEN_STEP) * TOKEN_STEP], start)

    def _project(self, states: Tensor, weight: Tensor, out: Tensor) -> None:
        """Write the products of states (R, H) and weight (V, H) to `out` (R, V)."""
        step = len(weight) if out.dtype == torch.bfloat16 or not out.is_cpu else WORDS_PER_PRODUCT
        for part, of_part in zip(weight.split(step), out.split(step, 1), strict=True):
            torch.mm(states, part.t(), out=of_part)

    def _steps(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Few rows at a time, first those with a teacher and then those without."""
        middle = min(max(start, self.rows.n_teacher), stop)
        for low, high in ((start, middle), (middle, stop)):
            for first in range(low, high, self.n_in_cache):
                yield first, min(first + self.n_in_cache, high)

    def _few_rows(self, products: Tensor, first: int) -> None:
        """Add the terms of products (1 or 2, R, V); the student's gradients replace them."""
        is_taught = first < self.rows.n_teacher
        sides = self.pair if is_taught else self.pair[:1]
        given = products[: len(sides)]
        z = given
        if given.dtype != self.exact:
            z = self.z[: len(sides), : given.shape[1]].copy_(given)
        for side, (_, _, bias) in zip(z, sides, strict=True):
            side += bias
        tops, indices = row_maxima(z)
        if is_taught:
            gradients = self._compare(z, first, tops, indices)
        else:
            gradients = self._cross_entropy(z[0], first, tops[0], indices[0], out=z[0])
        if self.d_bias is not None:
            self.d_bias.add_(gradients.sum(0), alpha=self.unit)
        if z is not given and self.needs_gradient:
            given[0] = gradients

    def _compare(self, z: Tensor, first: int, tops: Tensor, indices: Tensor) -> Tensor:
        """Add the terms of a few rows with a teacher, overwrite `z` and return the gradients."""
        n_rows = z.shape[1]
        skipped = max(0, self.rows.first_label - first)
        labelled = None
        if skipped < n_rows:
            labelled = self._cross_entropy(
                z[0, skipped:],
                first + skipped,
                tops[0, skipped:],
                indices[0, skipped:],
                out=self.labelled[: n_rows - skipped],
            )
        if self.targets is None:
            self.n_agree += (indices[0] == indices[1]).sum()
            gradients = self._both(z, tops)
        else:
            targets = self.targets.at(slice(first, first + n_rows))
            self.n_agree += (indices[0, :, 0] == targets.best).sum()
            divergences, gradients = sparse_divergence(z[0], tops[0], targets)
            self.kl += divergences.sum(dtype=torch.float64)
        if labelled is not None and self.needs_gradient:
            gradients[skipped:] += labelled
        return gradients

    def _both(self, z: Tensor, tops: Tensor) -> Tensor:
        """Add the terms of a few rows with the teacher's logits and return their gradients."""
        difference = torch.sub(z[1], z[0], out=self.difference[: z.shape[1]])
        if self.scales.mse:
            self.mse += torch.linalg.vecdot(difference, difference).sum(dtype=torch.float64)
        gradients = self._divergence(z, tops, difference) if self.scales.kl else z[0].zero_()
        if self.scales.mse and self.needs_gradient:
            factor = -2 * self.temperature * self.scales.mse / self.unit
            gradients.add_(difference, alpha=factor)
        return gradients

    def _divergence(self, z: Tensor, tops: Tensor, difference: Tensor) -> Tensor:
        """Add the divergence of a few rows and return its gradients."""
        exps = z.sub_(tops).exp_()
        sums = exps.sum(-1, keepdim=True)
        out = None if self.scales.mse else difference
        means = torch.mul(exps[1], difference, out=out).sum(-1, keepdim=True) / sums[1]
        # Nearly equal numbers are subtracted first: the divergence of a good student is small.
        divergences = means + (tops[0] - tops[1]) + (sums[0] / sums[1]).log()
        self.kl += divergences.sum(dtype=torch.float64)
        if not self.needs_gradient:
            return exps[0]
        return exps[0].div_(sums[0]).addcmul_(exps[1], sums[1].reciprocal(), value=-1)

    def _cross_entropy(
        self, z: Tensor, first: int, top: Tensor, index: Tensor, *, out: Tensor
    ) -> Tensor:
        """Add the cross entropy of a few labelled rows and return its gradients, in `out`."""
        labels = self.rows.labels[first : first + len(z), None]
        at_label = z.gather(1, labels)
        exps = torch.sub(z, top, out=out).mul_(self.temperature).exp_()
        sums = exps.sum(-1, keepdim=True)
        losses = sums.log() + self.temperature * (top - at_label)
        self.ce += losses.sum(dtype=torch.float64)
        self.n_correct += (index == labels).sum()
        if not self.needs_gradient:
            return exps
        scale = self.scales.ce / self.unit
        gradients = exps.mul_(scale / sums)
        return gradients.scatter_(1, labels, gradients.gather(1, labels) - scale)

    def _add_products(self, gradients: Tensor, start: int) -> None:
        """Add what a block of gradients (R, V) means for states and weight."""
        states, weight, _ = self.pair[0]
        rows = slice(start, start + len(gradients))
        if self.d_states is not None:
            order = self.rows.order[rows]
            product = (gradients @ weight)[: len(order)]
            self.d_states[order] = product.to(self.exact).mul_(self.unit)
        if self.d_weight is None:
            return
        factor = self.unit * self.temperature  # by which the states are divided
        if self.dtype == self.exact:
            self.d_weight.addmm_(gradients.t(), states[rows], alpha=factor)
            return
        for first in range(0, len(weight), WORDS_AT_ONCE):
            words = slice(first, first + WORDS_AT_ONCE)
            part = self.d_weight[words]
            product, exact = (buffer[: len(part)] for buffer in self.products)
            torch.mm(gradients[:, words].t(), states[rows], out=product)
            part.add_(exact.copy_(product), alpha=factor)

    def results(self) -> tuple[Tensor, ...]:
        """The total and the five sums."""
        scales, squared = self.scales, self.temperature**2
        kl, mse = self.kl * squared, self.mse * squared
        total = scales.kl * kl + scales.ce * self.ce + scales.mse * mse
        sums = (x.to(self.exact) for x in (total, kl, self.ce, mse))
        return *sums, self.n_correct, self.n_agree
