"""Every error this package raises on purpose.

Each one is also a child of the built-in type that users of the reference page catch (ValueError,
OSError, ImportError, ...), so `except OSError` around `from_pretrained` keeps working. Messages
follow one form: the rule, what was got, what to do. Nothing here may import a framework.
"""

from __future__ import annotations


class DistilBertError(Exception):
    """The parent of every error this package raises on purpose."""

    def __str__(self) -> str:  # KeyError would print the repr of its message
        return str(self.args[0]) if self.args else ""


class ConfigError(DistilBertError, ValueError):
    """A configuration value breaks a rule."""


class InputError(DistilBertError, ValueError):
    """An argument of a call breaks a rule: text of the wrong type, ids and embeddings together."""


class UnknownArgumentError(InputError, TypeError):
    """A call names an argument that the model does not take."""


class TokenIdError(InputError, IndexError):
    """A token id or a sequence length lies outside the model's tables."""


class ActivationError(DistilBertError, KeyError, ValueError):
    """`activation` names no known function."""


class CheckpointError(DistilBertError, OSError):
    """A file or folder of weights, config or vocabulary is missing, foreign, broken or unsafe."""


class HubError(CheckpointError):
    """A remote source (hub, package index) did not deliver: not found, refused, cut, altered."""


class WeightMismatchError(DistilBertError, RuntimeError, ValueError):
    """Tensors of the checkpoint do not have the shapes the model needs."""


class MissingDependencyError(DistilBertError, ImportError):
    """A feature needs a package that is not installed; the message holds the install command."""


class DataError(DistilBertError, ValueError):
    """Rows of a data set break rules; the message lists every rule, with counts and examples."""


class RunCardError(ConfigError):
    """A run card holds unknown keys or bad values; the message lists all of them."""


class TrainingError(DistilBertError, RuntimeError):
    """Training cannot go on: the loss is no number, the disk is full, a checkpoint is foreign."""
