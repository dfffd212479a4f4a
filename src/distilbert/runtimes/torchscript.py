"""TorchScript files: PyTorch's interpreter computes them, NumPy in and out.

Needs PyTorch, but none of this package's models. The file may come from another exporter, if its
function returns a dict of named tensors.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError
from distilbert.input_checks import WANTED_INPUT
from distilbert.runtimes.file_runner import FileRunner
from distilbert.runtimes.torch_session import Opened, load_torch_runner, reason_of
from distilbert.runtimes.torchscript_contents import KIND, read_contents


def load_runner(
    file: Path,
    config: DistilBertConfig,
    head: str,
    *,
    device: Any = None,
    dtype: Any = None,
    num_threads: int | None = None,
) -> FileRunner:
    """The runner of a TorchScript file that computes `head`.

    Args:
        device: "cpu" (the default), or another that PyTorch can use, such as "cuda".
        num_threads: that compute one batch together; None leaves it to PyTorch.

    Raises:
        CheckpointError: the file is damaged, contains functions that do more than compute with
            tensors, or does not compute `head`.
        InputError: the device or the number of threads is not available, or `dtype` is given, which
            the file decides.
        MissingDependencyError: PyTorch is not installed.
    """
    options = {"device": device, "dtype": dtype, "num_threads": num_threads}
    return load_torch_runner(file, config, head, kind=KIND, opener=_open, **options)


def _open(torch: Any, file: Path, device: Any) -> Opened:
    read_contents(file).check(KIND, file)
    try:
        with warnings.catch_warnings():  # that PyTorch recommends `torch.export`
            warnings.simplefilter("ignore", DeprecationWarning)
            loaded = torch.jit.load(str(file), map_location=device).eval()
            kept = [name for name in (WANTED_INPUT,) if hasattr(loaded, name)]
            model = torch.jit.freeze(loaded, preserved_attrs=kept)
    except Exception as error:  # of several kinds
        raise CheckpointError(f"PyTorch cannot open {file}: {reason_of(error)}") from None
    arguments = [one.name for one in model.forward.schema.arguments[1:]]  # after `self`
    # Neither sizes nor numbers of axes are in such a file.
    return model, dict.fromkeys(arguments), _names(model.graph)


def _names(graph: Any) -> list[str]:
    """The names in the dict that a function returns; none if it returns something else."""
    (value,) = graph.outputs()
    made = value.node()
    if made.kind() != "prim::DictConstruct":
        return []
    names = [key.toIValue() for key in list(made.inputs())[::2]]
    return [name for name in names if isinstance(name, str)]
