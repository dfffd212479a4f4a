"""The command that installs an optional package, true for the way this package was installed."""

from __future__ import annotations

import json
import shlex
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

# Import name -> the extra of this package that brings it.
EXTRAS = {
    "torch": "torch",
    "h5py": "formats",
    "msgpack": "formats",
    "tensorflow": "tf",
    "keras": "tf",
    "jax": "flax",
    "flax": "flax",
    "tensorboardX": "train",
    "matplotlib": "train",
    "pyarrow": "data",
    "datasets": "data",
    "ray": "ray",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "onnx": "export",
}
# Import name -> what to install, where it is not the same name.
_REQUIREMENTS = {"flash_attn": "flash-attn --no-build-isolation", "ray": "'ray[tune]'"}


def install_command(name: str) -> str:
    """The command that installs the optional package `name` in this environment.

    It names an extra of this package where pip can find it again: on the index or in the checkout
    it was installed from. For any other (a wheel, a copy) it names the missing package itself.
    """
    name = name.partition(".")[0]
    extra, place = EXTRAS.get(name), _place()
    if extra is None or place is None:
        return f"pip install {_REQUIREMENTS.get(name, name)}"
    options, requirement = place
    return f"pip install {options}{shlex.quote(f'{requirement}[{extra}]')}"


def _place() -> tuple[str, str] | None:
    """Options and requirement with which pip can install this package again; None if it cannot."""
    try:
        recorded = metadata.distribution("distilbert").read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # not installed: Python's path names src
        return _checkout(Path(__file__).parents[2], editable=False)
    if recorded is None:  # pip records where a package comes from, unless it is an index
        return "", "distilbert"
    origin = json.loads(recorded)
    if "dir_info" not in origin:
        return None
    folder = Path(url2pathname(urlsplit(origin["url"]).path))
    return _checkout(folder, editable=origin["dir_info"].get("editable", False))


def _checkout(folder: Path, *, editable: bool) -> tuple[str, str] | None:
    try:
        is_ours = 'name = "distilbert"' in (folder / "pyproject.toml").read_text("utf-8")
    except OSError:
        return None
    return ("-e " if editable else "", str(folder)) if is_ours else None
