"""Which of the four formats each framework looks for in a folder, the preferred one first.

The order is the reference page's. A pickle of another framework is only read when it is requested;
formats that the reference cannot read come after those it can.
"""

from __future__ import annotations

from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.errors import InputError

DEFAULT = {
    "torch": ("safetensors", "bin"),
    "tensorflow": ("safetensors", "h5", "msgpack"),
    "flax": ("msgpack", "safetensors", "h5"),
}
# (framework, origin) -> formats. Only TensorFlow prefers a pickle to safetensors, as on the page.
REQUESTED = {
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
# What `use_safetensors=False` leaves where only safetensors would be read.
NATIVE = {"torch": "bin", "tensorflow": "h5", "flax": "msgpack"}


def wanted_formats(
    framework: str,
    *,
    from_pt: bool = False,
    from_tf: bool = False,
    from_flax: bool = False,
    use_safetensors: bool | None = None,
) -> tuple[str, ...]:
    """Formats to look for, the preferred one first.

    Args:
        framework: "torch", "tensorflow" or "flax".
        from_pt, from_tf, from_flax: the framework that wrote the files.
        use_safetensors: True leaves only safetensors, False all but safetensors.

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
    formats = REQUESTED[framework, origins[0]] if origins else DEFAULT[framework]
    if use_safetensors is None:
        return formats
    if use_safetensors:
        return ("safetensors",)
    return tuple(name for name in formats if name != "safetensors") or (NATIVE[framework],)


def all_formats(framework: str) -> tuple[str, ...]:
    """All formats, those that the framework prefers first."""
    first = DEFAULT[framework]
    return (*first, *(name for name in WEIGHT_FILES if name not in first))
