"""The keywords of opening a model: where it comes from, and how its files are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from distilbert.checkpoint.hub import HubOptions, take_hub_options
from distilbert.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """How the files of a source are found and read.

    `formats`, `variant`, `attn_implementation` and `allow_untrained` are those of weights,
    `runtime` that of an exported model; `num_threads` is what `distilbert.threads` says.
    """

    hub: HubOptions = field(default_factory=HubOptions)
    formats: Mapping[str, Any] = field(default_factory=dict)  # `from_pt`, ..., `use_safetensors`
    variant: str | None = None
    attn_implementation: str | None = None
    allow_untrained: bool = False  # give answers although parts of the model are random
    runtime: str | None = None
    num_threads: int | None = None

    def of_weights(self) -> list[str]:
        """The names of the options that were set and have a meaning only for weights."""
        names = ("variant", "attn_implementation", "allow_untrained")
        return [*self.formats, *(name for name in names if getattr(self, name))]

    def check_unused(self) -> None:
        """Check that nothing is set which says how to open a source: a model object is open.

        Raises:
            InputError: something is.
        """
        names = ("runtime", "num_threads", "variant")
        given = [*(name for name in names if getattr(self, name) is not None), *self.formats]
        if given:
            raise InputError(
                f"{', '.join(f'`{name}`' for name in given)} must be left out with a model or a "
                f"runner, which is loaded already. Pass its folder or name instead."
            )


def take_load_options(options: dict[str, Any]) -> LoadOptions:
    """Pop the keywords of loading from `options`: those of the hub (`revision`, `token`,
    `cache_dir`, ...), `from_pt`, `from_tf`, `from_flax`, `use_safetensors`, `variant`,
    `attn_implementation`, `allow_untrained`, `runtime` and `num_threads`."""
    names = ("from_pt", "from_tf", "from_flax", "use_safetensors")
    return LoadOptions(
        hub=take_hub_options(options),
        formats={name: options.pop(name) for name in names if name in options},
        variant=options.pop("variant", None),
        attn_implementation=options.pop("attn_implementation", None),
        allow_untrained=bool(options.pop("allow_untrained", False)),
        runtime=options.pop("runtime", None),
        num_threads=options.pop("num_threads", None),
    )
