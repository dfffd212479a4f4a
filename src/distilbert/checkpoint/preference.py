"""Which of the four formats a class of a framework looks for in a folder, the preferred one first.

The order is the reference page's. It never reads a foreign pickle unasked; what else TensorFlow and
Flax could not read there stands behind what they could.
"""

from __future__ import annotations

from pathlib import Path

from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.errors import InputError

UNASKED = {
    "torch": ("safetensors", "bin"),
    "tensorflow": ("safetensors", "h5", "msgpack"),
    "flax": ("msgpack", "safetensors", "h5"),
}
# (framework, origin) -> formats. Only TensorFlow takes a pickle before safetensors, as on the page.
ASKED = {
    ("torch", "from_pt"): ("safetensors", "bin"),
    ("torch", "from_tf"): ("h5",),
    ("torch", "from_flax"): ("msgpack",),
    ("tensorflow", "from_pt"): ("bin", "safetensors", "h5"),
    ("tensorflow", "from_tf"): ("h5", "safetensors"),
    ("tensorflow", "from_flax"): ("msgpack", "safetensors"),
    ("flax", "from_pt"): ("safetensors", "bin"),
    ("flax", "from_tf"): ("h5", "safetensors"),
    ("flax", "from_flax"): ("msgpack", "safetensors"),
}
# Format -> the keyword of `from_pretrained` that asks for it; safetensors say whose they are.
ORIGINS = {"bin": "from_pt", "h5": "from_tf", "msgpack": "from_flax"}
# What `use_safetensors=False` leaves.
NATIVE = {"torch": "bin", "tensorflow": "h5", "flax": "msgpack"}


def wanted_formats(
    framework: str,
    *,
    from_pt: bool = False,
    from_tf: bool = False,
    from_flax: bool = False,
    use_safetensors: bool | None = None,
) -> tuple[str, ...]:
    """Formats to look for.

    Args:
        framework: "torch", "tensorflow" or "flax".
        from_pt, from_tf, from_flax: the framework that wrote the files.
        use_safetensors: True leaves only safetensors, False only what is not.

    Raises:
        InputError: more than one origin.
    """
    given = {"from_pt": from_pt, "from_tf": from_tf, "from_flax": from_flax}
    origins = [name for name, is_given in given.items() if is_given]
    if len(origins) > 1:
        raise InputError(
            f"A checkpoint has one origin: got {' and '.join(f'`{name}`' for name in origins)}. "
            f"Pass one of them."
        )
    formats = ASKED[framework, origins[0]] if origins else UNASKED[framework]
    if use_safetensors is None:
        return formats
    if use_safetensors:
        return ("safetensors",)
    return tuple(name for name in formats if name != "safetensors") or (NATIVE[framework],)


def all_formats(framework: str) -> tuple[str, ...]:
    """All formats, those a class of the framework prefers first."""
    first = UNASKED[framework]
    return (*first, *(name for name in WEIGHT_FILES if name not in first))


def origin_keyword(
    folder: Path, formats: tuple[str, ...], *, variant: str | None = None
) -> dict[str, bool]:
    """The keyword that makes `from_pretrained` read the first of `formats` that is in the folder.

    For whoever takes any checkpoint, as a pipeline does; empty when no keyword is needed.
    """
    if folder.is_dir():
        for name in formats:
            if WEIGHT_FILES[name].present(folder, variant):
                return {ORIGINS[name]: True} if name in ORIGINS else {}
    return {}
