"""AdamW that computes only the rows of an embedding that have a gradient or moments.

An update of fine-tuning looks up a few hundred rows of a table that holds half of all parameters.
A row that was never looked up has no gradient and no moments: AdamW only decays it. So computing
the other rows gives exactly what computing all gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from distilbert.torch.parallel import full_tensor

MOMENTS = ("exp_avg", "exp_avg_sq")


class RowAdamW(torch.optim.AdamW):
    """AdamW whose gradients of `tables` are computed row by row.

    Gradients of tables are dense and stay allocated; what is added to them in the backward pass is
    sparse. If it is not, or if `dense_gradient` was asked for, the whole table is computed.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        *,
        tables: Iterable[nn.Parameter],
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        super().__init__(groups, betas=betas, eps=eps, fused=True)
        self._tables = [_Table(parameter) for parameter in tables]

    @torch.no_grad()
    def clip(self, limit: float) -> float:
        """The norm of all gradients; if it is above `limit`, they are scaled down to it.

        A limit of 0 is none.
        """
        by_row = {id(table.parameter): table for table in self._tables if table.is_by_row}
        gradients = []
        for parameter in self._parameters():
            table = by_row.get(id(parameter))
            if table is not None:
                gradients.append(table.gather())
            elif parameter.grad is not None:
                gradients.append(parameter.grad)
        norm = float(full_tensor(nn.utils.get_total_norm(gradients)))
        if limit and norm > limit:
            for gradient in gradients:
                gradient.mul_(limit / norm)
        return norm

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step, of the gradients as `clip` left them."""
        hidden = self._hide()
        for table, _ in hidden:
            (group,) = (
                group
                for group in self.param_groups
                if any(parameter is table.parameter for parameter in group["params"])
            )
            table.step(self.state[table.parameter], group)
        result = super().step(closure)
        self._show(hidden)
        return result

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set all gradients to zero, or to None except those of tables."""
        hidden = self._hide()
        super().zero_grad(set_to_none)
        self._show(hidden)
        for table in self._tables:
            table.clear()

    def dense_gradient(self, parameter: nn.Parameter) -> Tensor | None:
        """The gradient of a parameter so far, for the caller to add to any of its rows."""
        if torch.is_grad_enabled():
            for table in self._tables:
                if table.parameter is parameter:
                    table.take_all_rows()
        return parameter.grad

    def _parameters(self) -> list[nn.Parameter]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def _hide(self) -> list[tuple[_Table, Tensor | None]]:
        """Take the gradients of tables that are computed by row, so that AdamW ignores them."""
        hidden = [(table, table.parameter.grad) for table in self._tables if table.is_by_row]
        for table, _ in hidden:
            table.parameter.grad = None
        return hidden

    def _show(self, hidden: list[tuple[_Table, Tensor | None]]) -> None:
        for table, gradient in hidden:
            table.parameter.grad = gradient


class _Table:
    """A parameter (V, D): which rows have a gradient now, and which have moments."""

    def __init__(self, parameter: nn.Parameter) -> None:
        self.parameter = parameter
        self.is_by_row = True
        self._found: list[Tensor] = []
        self._rows = self._gradients = torch.empty(0)
        # The rows with moments, and the moment of which this is known.
        self._moved, self._known = torch.empty(0), torch.empty(0)
        parameter.register_hook(self._record)

    def take_all_rows(self) -> None:
        """Any row may have a gradient in this update."""
        self.is_by_row, self._known = False, torch.empty(0)

    def _record(self, gradient: Tensor) -> Tensor:
        if not gradient.is_sparse:
            self.take_all_rows()
            return gradient
        gradient = gradient.coalesce()
        self._found.append(gradient.indices()[0])
        return gradient

    def gather(self) -> Tensor:
        """The gradients of the rows that have some (R, D), a copy that `step` uses."""
        assert self.parameter.grad is not None
        empty = torch.empty(0, dtype=torch.int64)
        self._rows = torch.cat(self._found or [empty]).unique()
        self._gradients = self.parameter.grad[self._rows]
        return self._gradients

    def step(self, state: dict[str, Any], group: dict[str, Any]) -> None:
        """A step of AdamW, with the gradients that `gather` returned."""
        parameter = self.parameter
        if not state:
            state["step"] = torch.zeros(())
            state.update({name: torch.zeros_like(parameter) for name in MOMENTS})
        if self._known is not state[MOMENTS[0]]:  # new, or restored
            moved = [(state[name] != 0).any(1) for name in MOMENTS]
            self._moved, self._known = moved[0] | moved[1], state[MOMENTS[0]]
        self._moved[self._rows] = True
        rows = self._moved.nonzero().squeeze(1)
        gradients = parameter.new_zeros(len(rows), parameter.shape[1])
        gradients[torch.searchsorted(rows, self._rows)] = self._gradients
        tensors = (parameter, *(state[name] for name in MOMENTS))
        new = [tensor[rows] for tensor in tensors]
        adamw(
            *([new[0]], [gradients], [new[1]], [new[2]], [], [state["step"]]),
            fused=True,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )
        if group["weight_decay"]:
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
        for tensor, values in zip(tensors, new, strict=True):
            tensor[rows] = values

    def clear(self) -> None:
        """Set the gradient to zero, where it may be something else."""
        assert self.parameter.grad is not None
        if self.is_by_row and self._found:
            self.parameter.grad[torch.cat(self._found)] = 0
        self.is_by_row = True
        self._found.clear()
