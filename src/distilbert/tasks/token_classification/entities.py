"""Entities in sequences of tags, as `seqeval` finds them: leniently, or strictly by a scheme.

Prediction groups tags by its rules in `tagging.py`. Scores are compared across papers, so the
published rules are followed here, with all their effects on invalid tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from distilbert.errors import InputError

OUTSIDE = "O"
NO_TYPE = "_"  # the type of a tag that is a letter alone, "O" among them

# An entity: its type, its first tag and its last (inclusive).
Entity = tuple[str, int, int]
Pair = tuple[str, str]


@dataclass(frozen=True)
class Scheme:
    """Which pairs of neighbouring tags begin, continue and end an entity.

    A pair is written as the letters of the tag before and of this one, then `=` if both must have
    the same type and `!` if the types must differ.
    """

    letters: str
    begins: str
    goes_on: str
    ends: str

    @cached_property
    def rules(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """`begins`, `goes_on` and `ends`, each as all its `XY=` and `XY!`."""
        return _all(self.begins), _all(self.goes_on), _all(self.ends)


def _all(rules: str) -> frozenset[str]:
    marked = [rule if rule[-1] in "=!" else rule + "=!" for rule in rules.split()]
    return frozenset(rule[:2] + mark for rule in marked for mark in rule[2:])


# The rules of seqeval 1.2.2, whose IOE1 is known to miss some entities.
SCHEMES = {
    "IOB1": Scheme("IOB", "OI II! BI IB= BB=", "BI= II=", "II! IO IB BO BI! BB="),
    "IOB2": Scheme("IOB", "IB OB BB", "BI= II=", "IO II! IB BO BI! BB"),
    "IOE1": Scheme("IOE", "OI II! EI EE=", "II= IE=", "II! IO IE! EI= EE="),
    "IOE2": Scheme("IOE", "OI OE EI EE II! IE!", "IE= II=", "EI EO EE"),
    "IOBES": Scheme(
        "IOBES",
        "IB OB BB EB SB IS OS BS ES SS",
        "BI= BE= II= IE=",
        "SI SO SB SE SS EI EO EB EE ES",
    ),
    "BILOU": Scheme(
        "BILOU",
        "IB OB BB LB UB IU OU BU LU UU",
        "BI= BL= II= IL=",
        "UI UO UB UL UU LI LO LB LL LU",
    ),
}


def lenient_entities(tags: Sequence[str]) -> list[Entity]:
    """Entities by the rules of conlleval, which read IOB1, IOB2 and IOBES and repair invalid tags.

    A change of type, B and S begin an entity, even if the scheme does not allow them there.
    """
    found: list[Entity] = []
    before, kind_before, begin = OUTSIDE, "", 0
    for i, tag in enumerate([*tags, OUTSIDE]):
        letter, kind = tag[:1], tag[1:].split("-", maxsplit=1)[-1] or NO_TYPE
        changed = kind != kind_before
        if before not in ("O", ".") and (
            before in "ES" or changed or (before in "BI" and letter in "BSO")
        ):
            found.append((kind_before, begin, i - 1))
        if letter not in ("O", ".") and (
            letter in "BS" or changed or (before in "ESO" and letter in "EI")
        ):
            begin = i
        before, kind_before = letter, kind
    return found


def strict_entities(tags: Sequence[str], scheme: str) -> list[Entity]:
    """Entities that follow a scheme, a key of `SCHEMES`; invalid ones do not count.

    Raises:
        InputError: a tag begins with a letter that is not in the scheme.
    """
    begins, goes_on, ends = SCHEMES[scheme].rules
    read = [_letter_and_type(tag, scheme) for tag in tags]
    read.append((OUTSIDE, NO_TYPE))
    pairs = ["", *(a + b + ("=" if s == t else "!") for (a, s), (b, t) in pairwise(read))]
    pairs[0] = OUTSIDE + read[0][0] + ("=" if read[0][1] == NO_TYPE else "!")
    found, i = [], 0
    while i < len(read):
        begin = i
        i += 1
        if pairs[begin] not in begins:
            continue
        while pairs[i] in goes_on:
            i += 1
        if pairs[i] in ends:
            found.append((read[begin][1], begin, i - 1))
    return found


def _letter_and_type(tag: str, scheme: str) -> Pair:
    letter = tag[:1]
    if not letter or letter not in SCHEMES[scheme].letters:
        raise InputError(
            f"Tags of the scheme {scheme} must begin with one of "
            f"{', '.join(SCHEMES[scheme].letters)}: got {tag!r}."
        )
    return letter, tag[1:].strip("-") or NO_TYPE


def is_bare(labels: Iterable[str]) -> bool:
    """Whether labels are plain classes of words (parts of speech), not parts of entities."""
    labels = set(labels)
    prefixed = {label for label in labels if label[:1] in "BIESLUM" and label[1:2] == "-"}
    return not any(label[0] in "BI" for label in prefixed) and prefixed | {OUTSIDE} != labels


def detect_scheme(sentences: Sequence[Sequence[str]]) -> str | None:
    """The scheme of these sentences, a key of `SCHEMES`; None for bare tags and other schemes.

    The letters decide. Between IOB1 and IOB2, and between IOE1 and IOE2, the majority of the
    entities that the two write differently decides, so that a few mistakes do not matter.
    """
    letters = {tag[:1] for tags in sentences for tag in tags}
    if is_bare({tag for tags in sentences for tag in tags}):
        return None
    if letters <= set("BILOU") and letters & set("LU"):
        return "BILOU"
    if letters <= set("IOBES") and letters & set("ES") and letters & set("BS"):
        return "IOBES"
    if letters <= set("IOB"):
        return "IOB1" if _votes(sentences, "B", forward=True) > 0 else "IOB2"
    if letters <= set("IOE"):
        return "IOE1" if _votes(sentences, "E", forward=False) > 0 else "IOE2"
    return None


def _votes(sentences: Sequence[Sequence[str]], mark: str, *, forward: bool) -> int:
    """How many entities begin (or end, if not `forward`) with I, minus those with the mark."""
    votes = 0
    for tags in sentences:
        ordered = tags if forward else tags[::-1]
        for before, tag in pairwise([OUTSIDE, *ordered]):
            if tag[:1] != OUTSIDE and tag[1:] != before[1:]:
                votes += -1 if tag[:1] == mark else 1
    return votes
