"""Lone surrogates: halves of a character, which texts cut in the middle of an emoji contain.

They have no UTF-8 form, so neither files nor the `tokenizers` library can hold them.
"""

from __future__ import annotations

import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
REPLACEMENT = "\ufffd"  # as decoders use it for what they cannot decode


def without_surrogates(value: Any) -> Any:
    """`value` with every lone surrogate in its strings replaced; itself if there is none.

    Strings, and lists, tuples and dicts of them, keep their lengths; other values stay as they are.
    """
    if isinstance(value, str):
        return value if _is_encodable(value) else _SURROGATE.sub(REPLACEMENT, value)
    if isinstance(value, list | tuple):
        items = [without_surrogates(item) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    if isinstance(value, dict):
        changed = {without_surrogates(k): without_surrogates(item) for k, item in value.items()}
        return value if all(changed.get(k) is item for k, item in value.items()) else changed
    return value


def _is_encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
