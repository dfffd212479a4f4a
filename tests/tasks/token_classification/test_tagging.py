"""Entities from tags of any scheme, also from sequences that break it."""

from __future__ import annotations

import pytest

from distilbert.tasks.token_classification.tagging import Tag, group, read_tags


def entities(labels: str) -> list[tuple[str, int, int]]:
    """The entities of a sequence of labels, as (type, start, stop)."""
    names = labels.split()
    vocabulary = list(dict.fromkeys(names))
    read = dict(zip(vocabulary, read_tags(vocabulary), strict=True))
    tags = [read[name] for name in names]
    return [(tags[a].type, a, b) for a, b in group(tags) if tags[a].type != "O"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),  # IOB2
        ("B-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)]),
        ("I-PER I-PER B-PER O I-LOC", [("PER", 0, 2), ("PER", 2, 3), ("LOC", 4, 5)]),  # IOB1
        ("O I-PER I-LOC I-LOC", [("PER", 1, 2), ("LOC", 2, 4)]),  # repaired: no B
        ("B-PER I-LOC I-PER", [("PER", 0, 1), ("LOC", 1, 2), ("PER", 2, 3)]),
        ("B-PER I-PER E-PER S-PER O", [("PER", 0, 3), ("PER", 3, 4)]),  # IOBES
        ("B-PER E-PER I-PER", [("PER", 0, 2), ("PER", 2, 3)]),  # repaired: goes on after its end
        ("U-LOC B-LOC L-LOC I-LOC", [("LOC", 0, 1), ("LOC", 1, 3), ("LOC", 3, 4)]),  # BILOU
        ("B-LOC M-LOC E-LOC S-LOC", [("LOC", 0, 3), ("LOC", 3, 4)]),  # BMES
        ("NOUN NOUN VERB NOUN", [("NOUN", 0, 2), ("VERB", 2, 3), ("NOUN", 3, 4)]),  # no prefix
        ("B-PER-first I-PER-first", [("PER-first", 0, 2)]),
    ],
)
def test_entities_of_every_scheme(labels: str, expected: list[tuple[str, int, int]]) -> None:
    assert entities(labels) == expected


def test_letters_other_than_b_and_i_are_prefixes_only_beside_them() -> None:
    tags = read_tags(["O", "E-mail", "S-Bahn", "B-PER", "E-PER", "I-LOC", "U-LOC"])
    assert tags == [
        Tag("", "O"),
        Tag("", "E-mail"),
        Tag("", "S-Bahn"),
        Tag("B", "PER"),
        Tag("E", "PER"),
        Tag("I", "LOC"),
        Tag("S", "LOC"),
    ]


def test_no_tags_make_no_groups() -> None:
    assert group([]) == []
