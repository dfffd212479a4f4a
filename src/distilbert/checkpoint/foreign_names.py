"""Names that come from someone else's file or server and are about to become part of a path.

They are checked here before anything on the disk is touched. Does not know where they come from.
"""

from __future__ import annotations

import re

# Separators and drives of Windows, control characters, and what no file name can be encoded from.
_REFUSED = re.compile(r"[\\:\x00-\x1f\x7f\ud800-\udfff]")
_MAX_BYTES = 255  # of one name, on all usual filesystems


def is_inside(path: object) -> bool:
    """Whether the text can only mean a path below the current folder, on every system.

    The empty text, which means the current folder, is one of them.
    """
    return (
        isinstance(path, str)
        and not path.startswith("/")
        and _REFUSED.search(path) is None
        and all(
            part != ".." and len(part.encode("utf-8")) <= _MAX_BYTES for part in path.split("/")
        )
    )


def is_plain_name(name: object) -> bool:
    """Whether the text can only mean a file in the current folder, on every system."""
    return isinstance(name, str) and is_inside(name) and name not in ("", ".") and "/" not in name
