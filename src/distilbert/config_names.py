"""Names of settings, and misspellings of them.

Any other name is kept as an attribute, so a misspelled one would be ignored silently.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from distilbert.config_file import GENERIC_DEFAULTS
from distilbert.errors import LONGEST_VALUE, ConfigError, shown

# What a config may hold in addition to the parameters of its constructor and the generic settings.
OTHER_NAMES = {"num_labels", "id2label", "label2id", "torch_dtype", "attn_implementation"}
OTHER_NAMES |= {"name_or_path", "_name_or_path", "gradient_checkpointing"}
OTHER_NAMES |= {"model_type", "transformers_version"}
# Names at least this similar (`difflib`; 1 is equal) are taken for a misspelling.
SIMILAR = 0.9
# Settings of one file; those of transformers have less than 200.
MAX_SETTINGS = 2000
# What a file may not set: it would not be checked, or it is not passed to the constructor.
RESERVED = ("self", "_dtype_name")


@functools.cache
def known_names(config_class: Any) -> frozenset[str]:
    """The names of all settings of a config class."""
    parameters = {*inspect.signature(config_class).parameters} - {"kwargs"}
    return frozenset({*parameters, *GENERIC_DEFAULTS, *config_class.attribute_map, *OTHER_NAMES})


def meant(name: str, known: Collection[str]) -> str | None:
    """The known name that `name` seems to misspell; None if it is known or resembles none.

    Names with a leading underscore are attributes that a program stores, not settings of a user.
    """
    if name in known or name.startswith("_"):
        return None
    plain = {_plain(one): one for one in known}
    close = [plain.get(_plain(name)), *get_close_matches(name, known, n=1, cutoff=SIMILAR)]
    return next((one for one in close if one is not None), None)


def check_settable(config_class: type, name: str) -> None:
    """Raise ConfigError for the name of a method or of anything else that a value would replace."""
    present = getattr(config_class, name, None)
    is_computed = isinstance(present, property) and present.fset is None
    if name.startswith("__") or callable(present) or is_computed:
        raise ConfigError(f"A setting must not have the name of a part of the class: got `{name}`.")


def check_names(names: Iterable[str], known: Collection[str]) -> None:
    """Raise ConfigError for names that seem to misspell a known one, all at once."""
    misspelled = {name: near for name in names if (near := meant(name, known)) is not None}
    if misspelled:
        listed = ", ".join(
            f"`{name}` (did you mean `{near}`?)" for name, near in misspelled.items()
        )
        raise ConfigError(
            f"A setting must have a known name: got {listed}. To store a value under such a name, "
            f"set it as an attribute."
        )


def without_misspelled(
    data: Mapping[str, Any], known: Collection[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The settings of a file, and those under misspelled names, each with a warning.

    Raises:
        ConfigError: there are too many, or one has a name that no file may use.
    """
    if len(data) > MAX_SETTINGS or not data.keys().isdisjoint(RESERVED):
        raise ConfigError(
            f"A config must have at most {MAX_SETTINGS} settings, and none of the names "
            f"{', '.join(RESERVED)}: got {shown(list(data))}. Remove them from the file."
        )
    misspelled = {}
    for name, value in data.items():
        near = meant(name, known)
        if near is not None:
            misspelled[name] = value
            warnings.warn(
                f"The config has an unknown setting `{name[:LONGEST_VALUE]}`, which has no effect. "
                f"Did you mean `{near}`?",
                stacklevel=4,
            )
    return {name: value for name, value in data.items() if name not in misspelled}, misspelled


def warn_of_other_type(data: Mapping[str, Any], model_type: str, source: object) -> None:
    """Warn if the settings of a file are those of another type of model."""
    kind = data.get("model_type")
    if kind not in (None, model_type):
        warnings.warn(
            f"The config of {source} describes a model of type {shown(kind)}, not {model_type!r}; "
            f"its shared fields are used. `distilbert convert` turns a BERT checkpoint into a "
            f"DistilBERT one.",
            stacklevel=3,
        )


def _plain(name: str) -> str:
    return name.lower().replace("_", "").rstrip("s")
