"""A folder of weights, in any of four formats, as one mapping of canonical names to arrays.

Reading maps files into memory and copies nothing where the format allows. Writing is all or
nothing. The bytes of each format are the business of `format_*.py`.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np

from distilbert.checkpoint import (
    format_bin,
    format_h5,
    format_msgpack,
    format_safetensors,
    int8_rows,
)
from distilbert.checkpoint.atomic import atomic_folder
from distilbert.checkpoint.foreign_names import is_inside
from distilbert.checkpoint.init import sinusoid_table
from distilbert.checkpoint.layout import (
    Flavour,
    flavour_of_names,
    native_array,
    native_name,
    to_canonical,
)
from distilbert.checkpoint.mapped import DTYPES
from distilbert.checkpoint.sharding import (
    WEIGHT_FILES,
    index_text,
    parse_size,
    plan_shards,
    read_index,
    shard_paths,
)
from distilbert.checkpoint.spec import (
    BASE_PREFIX,
    POSITION_EMBEDDINGS,
    parameter_spec,
    tied_parameters,
)
from distilbert.checkpoint.stored_types import INT8, as_stored, check_stored
from distilbert.config import DistilBertConfig
from distilbert.config_file import CONFIG_NAME
from distilbert.errors import CheckpointError, InputError, shown
from distilbert.git_lfs import refuse_pointer
from distilbert.heads import HEADS

READERS = {
    "safetensors": int8_rows.read,
    "bin": format_bin.read,
    "h5": format_h5.read,
    "msgpack": format_msgpack.read,
}
# Formats of one framework; a safetensors file names the framework of its names in its metadata.
FLAVOURS: dict[str, Flavour] = {"bin": "pt", "h5": "tf", "msgpack": "flax"}


@dataclass(eq=False, repr=False, kw_only=True)
class Checkpoint(Mapping[str, np.ndarray]):
    """The tensors of a folder under canonical names; the base prefix is as in the files.

    `quantization` says how matrices are stored if not as they are used, see `int8_rows`. Writing to
    the arrays does not change the files.
    """

    arrays: dict[str, np.ndarray]
    format: str
    flavour: Flavour
    quantization: str | None
    files: list[Path]
    folder: Path

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __repr__(self) -> str:
        return f"<Checkpoint {self.folder}: {len(self)} tensors, {self.format}/{self.flavour}>"


def open_checkpoint(
    folder: str | PathLike[str],
    *,
    formats: Sequence[str] = ("safetensors", "bin"),
    variant: str | None = None,
) -> Checkpoint:
    """The weights in the first of `formats` that the folder holds; one file before shards.

    Raises:
        CheckpointError: the folder or its weights are missing, damaged or unsafe.
        MissingDependencyError: the format needs a package that is not installed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"A checkpoint must be a folder: {folder} is not.")
    for format in formats:
        files = WEIGHT_FILES[format]
        single, index = folder / files.single(variant), folder / files.index(variant)
        if single.is_file():
            return _open_files(folder, format, [single], expected=())
        if index.is_file():
            weight_map = read_index(index, files.suffix)
            shards = shard_paths(folder, weight_map)
            return _open_files(folder, format, shards, expected=tuple(weight_map))
    raise CheckpointError(_nothing_found(folder, formats, variant))


def _open_files(
    folder: Path, format: str, paths: list[Path], *, expected: Sequence[str]
) -> Checkpoint:
    arrays: dict[str, np.ndarray] = {}
    flavours: set[Flavour] = set()
    quantization = None
    for path in paths:
        refuse_pointer(path)
        part, metadata = READERS[format](path)
        quantization = metadata.get(int8_rows.QUANTIZATION, quantization)
        flavours.add(FLAVOURS[format] if format in FLAVOURS else _flavour(path, metadata, part))
        twice = sorted(arrays.keys() & part.keys())
        if twice:
            raise CheckpointError(f"Shards must not overlap: {path} repeats {', '.join(twice)}.")
        arrays.update(part)
    if len(flavours) > 1:
        raise CheckpointError(f"Shards must be of one framework: {folder} mixes {flavours}.")
    flavour = flavours.pop()
    # The index of a sharded h5 puts the model's name before each tensor's.
    wanted = {name.partition("/")[2] if format == "h5" else name for name in expected}
    missing = sorted(wanted - arrays.keys())
    if missing:
        raise CheckpointError(
            f"Shards must hold what their index lists: {folder} lacks {', '.join(missing)}."
        )
    canonical = to_canonical(arrays, flavour)
    return Checkpoint(
        arrays=canonical,
        format=format,
        flavour=flavour,
        quantization=quantization,
        files=paths,
        folder=folder,
    )


def _flavour(path: Path, metadata: Mapping[str, str], names: Iterable[str]) -> Flavour:
    """The framework in the metadata; where there is none, the one whose names the tensors have."""
    match metadata.get("format"):
        case "pt" | "tf" | "flax" as flavour:
            return flavour
        case None | "mlx":
            return flavour_of_names(names)
        case other:
            raise CheckpointError(
                f"The metadata of a safetensors file must name its framework: {path} has "
                f"format={other!r}, not pt, tf or flax. If it came from PyTorch, save it again "
                f"with the metadata {{'format': 'pt'}}."
            )


def _nothing_found(folder: Path, formats: Sequence[str], variant: str | None) -> str:
    names = [
        name
        for format in formats
        for name in (WEIGHT_FILES[format].single(variant), WEIGHT_FILES[format].index(variant))
    ]
    text = f"A checkpoint must hold one of {', '.join(names)}: {folder} has none."
    for format, files in WEIGHT_FILES.items():
        present = files.present(folder)
        if present and format not in formats:
            text += f" It has {present[0]}: pass {files.keyword} to read it."
        elif present and variant:
            text += f" It has {present[0]}: leave out `variant` to read it."
    return text


def save_checkpoint(
    folder: str | PathLike[str],
    arrays: Mapping[str, np.ndarray],
    config: DistilBertConfig,
    *,
    head: str,
    format: str = "safetensors",
    flavour: Flavour | None = None,
    dtype: str | None = None,
    max_shard_size: int | str = "5GB",
    variant: str | None = None,
    extra_files: Mapping[str, bytes] | None = None,
    class_name: str | None = None,
    additions: Mapping[str, np.ndarray] | None = None,
) -> list[Path]:
    """Write weights and `config.json`, all or nothing; other files of the folder are kept.

    Args:
        arrays: canonical names; tied parameters may be included.
        flavour: the framework of the names in a safetensors file, "pt" by default.
        dtype: the type to store weights in, see `stored_types`; by default theirs.
        extra_files: content of further files, by name, to write together with the weights.
        class_name: for `architectures` of the config; by default the class of `head`.
        additions: arrays of layers outside the head, by the names they have in the file.

    Returns:
        The files written.

    Raises:
        CheckpointError: the format cannot hold the arrays, or `folder` is a file.
        InputError: `format`, `flavour`, `dtype` or `max_shard_size` is unknown or does not fit.
    """
    _check_names(extra_files or ())
    folder, flavour = Path(folder), _check_flavour(format, flavour)
    check_stored(dtype, format)
    ties = tied_parameters(config, head)
    native = _to_native(as_stored(arrays, dtype), config, head, format=format, flavour=flavour)
    native |= additions or {}
    if flavour == "flax" and format == "safetensors":
        native = {name.replace("/", "."): array for name, array in native.items()}
    shards = _plan(native, ties, parse_size(max_shard_size))
    n_shards, files = len(shards), WEIGHT_FILES[format]
    text = _config_text(config, class_name or HEADS[head].class_name, native, flavour == "pt")
    small = {**(extra_files or {}), CONFIG_NAME: text.encode()}
    names = [files.single(variant)]
    if n_shards > 1:
        names = [files.shard(number, n_shards, variant) for number in range(1, n_shards + 1)]
        small[files.index(variant)] = _index(native, ties, shards, names, format, head).encode()
    present = files.present(folder, variant) if folder.is_dir() else []
    stale = [name for name in present if name not in (*names, *small)]
    with atomic_folder(folder, replaces=stale, last=[files.index(variant), CONFIG_NAME]) as staging:
        for name, shard in zip(names, shards, strict=True):
            part = {tensor: native[tensor] for tensor in shard}
            kind = INT8 if dtype == INT8 else format
            _write(staging / name, part, kind, flavour, head=head, is_shard=n_shards > 1)
        for name, data in small.items():
            (staging / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).write_bytes(data)
    _warn_of_older(folder, format, variant)
    return [folder / name for name in (*names, *small)]


def _check_names(names: Iterable[str]) -> None:
    outside = [name for name in names if not is_inside(name)]
    if outside:
        raise CheckpointError(f"A file must be written into the folder: got {shown(outside[0])}.")


def _check_flavour(format: str, flavour: Flavour | None) -> Flavour:
    if format not in WEIGHT_FILES:
        raise InputError(f"`format` must be one of {', '.join(WEIGHT_FILES)}: got {format!r}.")
    fixed = FLAVOURS.get(format)
    if flavour not in (None, "pt", "tf", "flax") or (flavour and fixed and flavour != fixed):
        known = fixed or "pt, tf or flax"
        raise InputError(f"`flavour` must be {known} for format {format!r}: got {flavour!r}.")
    return fixed or flavour or "pt"


def _with_ties(
    arrays: Mapping[str, np.ndarray], ties: Mapping[str, str], *, keep: bool
) -> dict[str, np.ndarray]:
    """The arrays without the second names of tied parameters, or with all of them."""
    out = {name: array for name, array in arrays.items() if ties.get(name) not in arrays}
    if keep:
        out.update({name: arrays[other] for name, other in ties.items() if other in arrays})
    return out


def _drop_table(arrays: dict[str, np.ndarray]) -> None:
    """Remove the sinusoid table, which Flax computes; positions that differ from it are kept."""
    for name in (POSITION_EMBEDDINGS, BASE_PREFIX + POSITION_EMBEDDINGS):
        table = arrays.get(name)
        if table is not None and np.array_equal(table, sinusoid_table(*table.shape)):
            del arrays[name]


def _to_native(
    arrays: Mapping[str, np.ndarray],
    config: DistilBertConfig,
    head: str,
    *,
    format: str,
    flavour: Flavour,
) -> dict[str, np.ndarray]:
    """The arrays with the names, orientation, order and tied parameters of the file."""
    spec = {parameter.name: parameter for parameter in parameter_spec(config, head)}
    if head == "base":  # the encoder inside a user's head has the prefix
        spec |= {BASE_PREFIX + name: parameter for name, parameter in spec.items()}
    chosen = _with_ties(arrays, tied_parameters(config, head), keep=format == "bin")
    ordered = {name: chosen[name] for name in (*spec, *chosen) if name in chosen}
    if flavour == "pt":
        return ordered
    unknown = [name for name in ordered if name not in spec]
    if unknown:
        raise CheckpointError(
            f"The {flavour} layout only holds parameters of this model: got {', '.join(unknown)}."
        )
    if flavour == "flax" and config.sinusoidal_pos_embds:
        _drop_table(ordered)
    native = {
        native_name(name, spec[name].kind, flavour): native_array(array, spec[name].kind, flavour)
        for name, array in ordered.items()
    }
    if flavour == "flax":
        native = dict(sorted(native.items()))  # the order of a Flax tree
    return native


def _plan(native: Mapping[str, np.ndarray], ties: Mapping[str, str], limit: int) -> list[list[str]]:
    """Names of each shard's tensors; a tied tensor adds no bytes to its partner's shard."""
    shards = plan_shards({name: native[name].nbytes for name in native if name not in ties}, limit)
    for name, partner in ties.items():
        if name in native:
            next((s for s in shards if partner in s), shards[-1]).append(name)
    return shards


def _index(
    native: Mapping[str, np.ndarray],
    ties: Mapping[str, str],
    shards: Sequence[Sequence[str]],
    names: Sequence[str],
    format: str,
    head: str,
) -> str:
    prefix = f"{format_h5.model_name(head)}/" if format == "h5" else ""
    weight_map = {
        prefix + tensor: file for file, shard in zip(names, shards, strict=True) for tensor in shard
    }
    total_size = sum(array.nbytes for name, array in native.items() if name not in ties)
    return index_text(total_size, weight_map)


def _config_text(
    config: DistilBertConfig, class_name: str, arrays: Mapping[str, np.ndarray], sets_dtype: bool
) -> str:
    config = copy.deepcopy(config)
    config.architectures = [class_name]
    dtypes = [array.dtype.name for array in arrays.values() if array.dtype.name in _FLOATING]
    if dtypes and (sets_dtype or config.dtype_name is not None):
        config.torch_dtype = dtypes[0]
    return config.to_json_string()


_FLOATING = {name for name in DTYPES if "float" in name}


def _write(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    format: str,
    flavour: Flavour,
    *,
    head: str,
    is_shard: bool,
) -> None:
    match format:
        case "int8":
            int8_rows.write(path, arrays, {"format": flavour})
        case "safetensors":
            format_safetensors.write(path, arrays, {"format": flavour})
        case "bin":
            format_bin.write(path, arrays)
        case "h5" if is_shard:
            format_h5.write_shard(path, arrays)
        case "h5":
            format_h5.write(path, arrays, head=head)
        case "msgpack":
            format_msgpack.write(path, arrays)


def _warn_of_older(folder: Path, format: str, variant: str | None) -> None:
    older = WEIGHT_FILES["safetensors"].present(folder, variant)
    if older and format != "safetensors":
        warnings.warn(
            f"{folder} also holds {older[0]}, which is read before the {format} file just saved. "
            f"Delete it to use the new weights.",
            stacklevel=3,
        )
