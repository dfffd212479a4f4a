"""Groups tags such as B-PER, I-PER, O into spans of the same entity, whatever the scheme.

Reads IOB1, IOB2 (BIO), IOBES, BILOU, BMES and labels without prefix, and repairs sequences that
violate their scheme: a span always begins where the type changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

# Every scheme's prefix letters in terms of IOBES: last is E, unit is S, middle is I.
PREFIXES = {"B": "B", "I": "I", "M": "I", "E": "E", "L": "E", "S": "S", "U": "S"}


class Tag(NamedTuple):
    """The parts of a label: `prefix` B, I, E, S or "" (none), and the entity type."""

    prefix: str
    type: str


def read_tags(labels: Sequence[str]) -> list[Tag]:
    """Split all labels of a model into prefix and type.

    B- and I- are always prefixes; the other letters only if the same type also occurs with one of
    these, so that a label such as "E-mail" is not split.
    """
    begun = {label[2:] for label in labels if label[:2] in ("B-", "I-")}
    tags = []
    for label in labels:
        letter, dash, kind = label[:1], label[1:2], label[2:]
        if letter in PREFIXES and dash == "-" and kind in begun:
            tags.append(Tag(PREFIXES[letter], kind))
        else:
            tags.append(Tag("", label))
    return tags


def group(tags: Sequence[Tag]) -> list[tuple[int, int]]:
    """Split a sequence of tags into spans (start, stop) of one entity, or of one bare label."""
    begins = [i for i, tag in enumerate(tags) if i == 0 or _begins(tag, tags[i - 1])]
    return list(pairwise([*begins, len(tags)]))


def _begins(tag: Tag, before: Tag) -> bool:
    return tag.type != before.type or tag.prefix in ("B", "S") or before.prefix in ("E", "S")
