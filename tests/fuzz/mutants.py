"""Seeded mutants of bytes and of JSON documents; knows nothing of what reads them."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

# What a reader of JSON may not expect in any place.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 10**9, 2**31, 2**63, 2**64, 10**40, 0.5, -0.0, 1e30, 1e308),
    *("", "a", "0", "-1", "\0", "x" * 300, "\ud800", "../a", "/etc/passwd", "[UNK]", "é", "##"),
    *([], [[]], [0], ["a"], [None], {}, {"a": 0}, {"0": "a"}, {"content": 1}, {"content": "[X]"}),
)
NAMES = (
    *("self", "to_dict", "__class__", "kwargs", "", "x" * 300, "\0", "\ud800", "0", "-1", "9" * 50),
    *("update", "num_labels", "name_or_path", "_dtype_name", "dtype", "type", "content", "id"),
)
# What JSON cannot say, but a text can.
TEXTS = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 41,
    b"9" * 5000,
    b"[" * 70 + b"]" * 70,
    b"[" * 2000 + b"]" * 2000,
)


def mutant(data: bytes, random: random.Random) -> bytes:
    """`data` with one to four faults: of its structure if it is JSON, else of its bytes."""
    if data[:1] in (b"{", b"[") and random.random() < 0.8:
        for line in data, *data.splitlines():
            try:
                document = json.loads(line)
            except ValueError:
                continue
            return data.replace(line, _json_mutant(document, random), 1)
    out = bytearray(data)
    for _ in range(random.randint(1, 4)):
        _spoil(out, random)
    return bytes(out)


def _spoil(data: bytearray, random: random.Random) -> None:
    at = random.randrange(len(data) + 1)
    end = min(len(data), at + random.choice((1, 1, 2, 4, 8, 64, 1024)))
    match random.randrange(8):
        case 0 if at < len(data):
            data[at] ^= 1 << random.randrange(8)
        case 1 if at < len(data):
            data[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        case 2:
            data[at:end] = b""
        case 3:
            data[at:at] = random.randbytes(end - at)
        case 4:
            data[at:at] = data[at:end] * random.choice((1, 2, 100))
        case 5:
            data[at:end] = bytes([random.choice((0, 0xFF))]) * (end - at)
        case 6:
            del data[at:]
        case _:
            data[at:end] = random.choice((b"\xff" * 8, b"\0", b"\r\n", b"\xed\xa0\x80", b"9" * 50))


def _json_mutant(document: Any, random: random.Random) -> bytes:
    document = copy.deepcopy(document)
    mark = None
    for _ in range(random.randint(1, 3)):
        place = _place(document, random)
        if place is None:
            return json.dumps(random.choice(VALUES)).encode()
        holder, key = place
        match random.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[random.choice(NAMES)] = holder.pop(key)
            case 2 if isinstance(holder, dict):
                holder[random.choice(NAMES)] = random.choice(VALUES)
            case 3:
                mark = f"mark {random.random()}"
                holder[key] = mark
            case _:
                holder[key] = random.choice(VALUES)
    text = json.dumps(document).encode()
    return text if mark is None else text.replace(f'"{mark}"'.encode(), random.choice(TEXTS))


def _place(document: Any, random: random.Random) -> tuple[Any, Any] | None:
    """A container inside of the document, and one of its keys; None if all are empty."""
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        value = waiting.pop()
        keys = [*value] if isinstance(value, dict) else range(len(value))
        # Large containers, such as vocabularies, are as likely as small ones.
        places += [(value, key) for key in random.sample([*keys], min(len(keys), 8))]
        waiting += [value[key] for key in keys if isinstance(value[key], dict | list)]
    return random.choice(places) if places else None
