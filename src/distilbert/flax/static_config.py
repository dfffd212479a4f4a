"""A config with a hash, for linen modules.

`jit`, `remat` and `nnx` decide by hash and equality of a module's fields whether something is
compiled already; a plain config can change.
"""

from __future__ import annotations

import copy
from typing import Any, NoReturn

from distilbert.config import DistilBertConfig


class StaticConfig(DistilBertConfig):
    """A copy of a config at the moment a module is built. It never changes."""

    def __init__(self, config: DistilBertConfig) -> None:
        self.__dict__.update(copy.deepcopy(config.__dict__))

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(
            f"The config of a module never changes: got `{name}`={value!r}. Change the model's "
            f"`config` and build a new model."
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StaticConfig) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.vocab_size, self.dim, self.hidden_dim, self.n_layers, self.n_heads))
