"""Every error this package raises on purpose.

Each class also inherits from the built-in type that users of the reference page catch (ValueError,
OSError, ImportError, ...), so `except OSError` around `from_pretrained` works. Messages state the
rule, the value that broke it, and what to do.
"""

from __future__ import annotations

import reprlib

# Characters of a message. Only names and values from a file that are no names make a longer one.
LONGEST_MESSAGE = 20_000
# Characters of one value in a message.
LONGEST_VALUE = 120


class DistilBertError(Exception):
    """The base class of every error this package raises on purpose."""

    def __str__(self) -> str:  # KeyError would print the repr of its message
        text = str(self.args[0]) if self.args else ""
        if len(text) <= LONGEST_MESSAGE:
            return text
        half = LONGEST_MESSAGE // 2  # the end says what to do
        return f"{text[:half]} [{len(text) - 2 * half} more characters] {text[-half:]}"


class ConfigError(DistilBertError, ValueError):
    """A configuration value breaks a rule."""


class InputError(DistilBertError, ValueError):
    """An argument of a call breaks a rule: text of the wrong type, ids and embeddings together."""


class UnknownArgumentError(InputError, TypeError):
    """A call names an argument that the model or the task does not take."""


class TokenIdError(InputError, IndexError):
    """A token id or a sequence length lies outside the model's tables."""


class ActivationError(DistilBertError, KeyError, ValueError):
    """`activation` names no known function."""


class CheckpointError(DistilBertError, OSError):
    """A file or folder of weights, config or vocabulary is missing, damaged, unsafe or wrong."""


class HubError(CheckpointError):
    """A download from the hub or package index failed: not found, refused, interrupted, altered."""


class WeightMismatchError(DistilBertError, RuntimeError, ValueError):
    """Tensors of the checkpoint do not have the shapes the model needs."""


class MissingDependencyError(DistilBertError, ImportError):
    """A feature needs a package that is not installed; the message holds the install command."""


class DataError(DistilBertError, ValueError):
    """Rows of a data set break rules; the message lists each rule with counts and examples."""


class RunCardError(ConfigError):
    """A run card holds unknown keys or bad values; the message lists all of them."""


class TrainingError(DistilBertError, RuntimeError):
    """Training cannot continue: the loss is not finite, the disk is full, and so on."""


class ExportError(DistilBertError, RuntimeError):
    """An exported model does not answer as its source."""


class QuantizationError(ExportError):
    """A quantized model loses more of its metric than was allowed."""


class _Shortened(reprlib.Repr):
    """`repr` that goes a few levels deep and ends early."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = LONGEST_VALUE

    def repr_int(self, x: int, level: int) -> str:
        """Python refuses to print a number of more than 4,300 digits."""
        return repr(x) if x.bit_length() <= 256 else f"a number of {x.bit_length()} bits"


def shown(value: object) -> str:
    """A value from a file or a caller as a message shows it: short, whatever it is."""
    text = _Shortened().repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
