"""Whether a vocabulary is cased, judged by its pieces, for sources that do not say so.

Lower-cased text never reaches a piece with a capital letter, so a vocabulary that has many of them
was learned on text that kept its case.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection
from os import PathLike

# A cased BERT vocabulary has capitals in a quarter to a third of its pieces with letters. An
# uncased one has none, or a few words that somebody wrote over its unused entries. Single letters
# are judged apart: a small vocabulary consists mostly of them, and one for a script without case
# may have no longer piece with capitals.
CASED_SHARE = 0.05
CASED_LETTERS = 0.25
_MARKER = re.compile(r"\[.*\]|<.*>|.*unused.*", re.IGNORECASE | re.DOTALL)


def is_cased(vocabulary: Collection[str], *, special_tokens: Collection[str] = ()) -> bool:
    """Whether `vocabulary` has upper-case pieces.

    Special tokens, others in brackets such as `<S>`, and unused entries are ignored.
    """
    text = "\n".join(vocabulary)
    if text.lower() == text:
        return False
    markers = set(special_tokens)
    pieces = [p for p in vocabulary if p not in markers and not _MARKER.fullmatch(p)]
    longer = [piece for piece in pieces if len(piece.removeprefix("##")) > 1]
    letters = [piece for piece in pieces if len(piece.removeprefix("##")) == 1]
    return _upper_share(longer) >= CASED_SHARE or _upper_share(letters) >= CASED_LETTERS


def _upper_share(pieces: list[str]) -> float:
    """How many of the pieces with letters have capitals, from 0 to 1."""
    n_upper = sum(piece.lower() != piece for piece in pieces)
    n_lettered = sum(piece.lower() != piece.upper() for piece in pieces)
    return n_upper / n_lettered if n_lettered else 0.0


def keeps_case(
    vocabulary: Collection[str], source: str, *, special_tokens: Collection[str] = ()
) -> bool:
    """Whether text should keep its case, where neither a file nor a caller says; warns if so."""
    cased = is_cased(vocabulary, special_tokens=special_tokens)
    if cased:
        warnings.warn(
            f"The vocabulary of {source} has upper-case pieces, and no file says `do_lower_case`: "
            "text keeps its case. Pass `do_lower_case=False` or True to choose.",
            stacklevel=2,
        )
    return cased


def warn_if_lowered(
    vocab_file: object, vocabulary: Collection[str], *, special_tokens: Collection[str]
) -> None:
    """Warn where a constructor that was given a file lower-cases text for a cased vocabulary.

    Callers that pass the vocabulary itself, such as `from_pretrained`, have decided before.
    """
    if isinstance(vocab_file, str | PathLike) and is_cased(
        vocabulary, special_tokens=special_tokens
    ):
        warnings.warn(
            f"The vocabulary {os.fspath(vocab_file)} has upper-case pieces, which text in lower "
            "case never reaches: got `do_lower_case=True`. Pass `do_lower_case=False` for a cased "
            "model.",
            stacklevel=4,
        )
