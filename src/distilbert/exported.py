"""A model that was exported for a runtime: where its file is, and the manifest of its folder.

The folder has the layout of other tools (`onnx/model.onnx` next to `config.json`); `export.json`,
which only this package writes, says what was exported and holds the hashes of the files.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from distilbert._lazy import FRAMEWORKS, RUNTIMES, Runtime, has_framework, is_available
from distilbert.buckets import Bucket, parse_buckets
from distilbert.checkpoint.foreign_names import is_inside
from distilbert.checkpoint.hub import MANIFEST, resolve
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.config import DistilBertConfig
from distilbert.config_file import CONFIG_NAME
from distilbert.digests import file_sha256
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS
from distilbert.json_files import read_optional_json
from distilbert.load_options import LoadOptions
from distilbert.runner import Runner
from distilbert.runtimes.bucket_runner import with_buckets


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A file that a runtime can run; `manifest` is empty if another program wrote it."""

    runtime: str
    folder: Path
    file: Path
    manifest: Mapping[str, Any]

    def load_runner(
        self, head: str, *, device: Any = None, dtype: Any = None, num_threads: int | None = None
    ) -> Runner:
        """The runner of the file, once it is known to compute `head`.

        Raises:
            CheckpointError: the file does not, is damaged, or is not the one in the manifest.
        """
        self.check_files()
        inside = self.manifest.get("head", head)
        if inside != head:
            raise CheckpointError(
                f"An exported model computes one head: {self.file} has {inside!r}, and {head!r} is "
                f"needed. Export the checkpoint again with `head={head!r}` (--head {head})."
            )
        config = DistilBertConfig.from_pretrained(self.folder)
        config.check_buildable(head)
        module = importlib.import_module(RUNTIMES[self.runtime].module)
        options = {"device": device, "dtype": dtype, "num_threads": num_threads}
        runners = {
            bucket: module.load_runner(file, config, head, **options)
            for bucket, file in self._by_bucket().items()
        }
        return with_buckets(runners, self.file)

    def _by_bucket(self) -> dict[Bucket | None, Path]:
        """The files by their buckets; None is for one that takes any size, or that says its own."""
        names = _bucket_files(self.manifest, RUNTIMES[self.runtime], self.folder)
        return {one: self.folder / name for one, name in names.items()} or {None: self.file}

    def size(self) -> int:
        """The bytes of the file and, where its manifest names them, of its external data."""
        names = self.manifest.get("files", {})
        files = {self.folder / name for name in names} | {self.file}
        return sum(path.stat().st_size for path in files)

    def check_files(self) -> None:
        """Raise CheckpointError if a file is not the one that the manifest describes."""
        for name, facts in self.manifest.get("files", {}).items():
            path = self.folder / name
            if not path.is_file() or file_sha256(path) != facts.get("sha256"):
                found = "has another content" if path.is_file() else "is missing"
                raise CheckpointError(
                    f"`{MANIFEST}` must describe the files next to it: {path} {found}. Export the "
                    f"model again, or delete `{MANIFEST}` to use the files as they are."
                )


def find_exported(path: Path, runtime: str | None = None) -> Exported | None:
    """The exported model in a folder, or that in a file itself; None if there is none.

    A folder with several has that of an installed runtime.

    Raises:
        CheckpointError: the manifest is not a JSON object.
    """
    for name, facts in sorted(RUNTIMES.items(), key=lambda one: not _is_installed(one[0])):
        if runtime not in (None, name):
            continue
        if path.is_file():
            if path.suffix == facts.suffix:
                file = path.absolute()  # its folder may be the one above the working directory
                return _described(name, _folder_of(file), file)
            continue
        buckets = _bucket_files(read_optional_json(path / MANIFEST), facts, path)
        files = (path / file for file in (*facts.files, *buckets.values()))
        found = next((file for file in files if file.is_file()), None)
        if found is not None:
            return _described(name, path, found)
    return None


def _bucket_files(manifest: Mapping[str, Any], facts: Runtime, folder: Path) -> dict[Bucket, str]:
    """The file of each bucket of an export for a runtime; none of one for batches of any size.

    Raises:
        CheckpointError: the manifest names other buckets than it has files for.
    """
    given = manifest.get("buckets")
    if given is None:
        return {}
    try:
        files = {one: one.file(facts.files[0]) for one in parse_buckets(given)}
    except InputError as error:
        raise CheckpointError(f"`{MANIFEST}` of {folder} is damaged: {error}") from None
    described = [name for name in files.values() if name in manifest.get("files", {})]
    if described and len(described) < len(files):
        raise CheckpointError(
            f"`{MANIFEST}` must describe a file for each of its buckets: that of {folder} has "
            f"{', '.join(described)} for {', '.join(map(str, files))}. Export the model again."
        )
    return files if described else {}  # those of another runtime


def _folder_of(file: Path) -> Path:
    """The folder with the config of a file, which may be in a folder of its own below it."""
    folders = (file.parent, file.parent.parent)
    return next((one for one in folders if (one / CONFIG_NAME).is_file()), file.parent)


def _described(runtime: str, folder: Path, file: Path) -> Exported:
    manifest = read_optional_json(folder / MANIFEST)
    if manifest:
        _check_manifest(manifest, folder)
    is_ours = file.relative_to(folder).as_posix() in manifest.get("files", {})
    return Exported(runtime=runtime, folder=folder, file=file, manifest=manifest if is_ours else {})


def _check_manifest(manifest: Mapping[str, Any], folder: Path) -> None:
    files = manifest.get("files")
    has_files = isinstance(files, dict) and all(
        is_inside(name) and isinstance(facts, dict) for name, facts in files.items()
    )
    if not has_files or manifest.get("head") not in HEADS:
        raise CheckpointError(
            f"`{MANIFEST}` must name a head and the hashes of files in its folder: that of "
            f"{folder} does not. Export the model again, or delete it to use the files as they are."
        )


def choose_exported(
    source: str | PathLike[str], framework: str | None, options: LoadOptions
) -> Exported | None:
    """The exported file of a source, if it is to be run; None where weights are to be loaded.

    Raises:
        CheckpointError: the source has no file for the runtime that `options` name.
        HubError: the hub or the package index could not deliver it.
        InputError: an unknown runtime, or options for weights together with an exported file.
    """
    runtime, is_named = options.runtime, options.runtime is not None
    path = Path(fspath(source)) / options.hub.subfolder
    if runtime is not None:
        if runtime not in RUNTIMES:
            known = ", ".join([*RUNTIMES, "fastest"])
            raise InputError(f"`runtime` must be one of {known}: got {runtime!r}.")
        facts = RUNTIMES[runtime]
        files = [*zip(facts.files, facts.more, strict=True)]
        path = resolve(source, exported=files, **options.hub.as_keywords())
    found = find_exported(path, runtime)
    if found is None and is_named:
        raise CheckpointError(
            f"`runtime={runtime!r}` needs an exported model: {source} has none. Write one with: "
            f"distilbert export {source} OUTPUT --to {runtime}"
        )
    if found is None or not (is_named or path.is_file() or _is_needed(found)):
        return None
    if framework is not None:
        raise InputError(
            f"An exported model can only be run, and without `framework`: {found.file} has no "
            f"weights to train or to convert. Leave it out, or use the checkpoint that the model "
            f"was exported from."
        )
    unfit = options.of_weights()
    if unfit:
        raise InputError(
            f"{', '.join(f'`{name}`' for name in unfit)} must be left out for an exported model, "
            f"which has no weights to load: got {'it' if len(unfit) == 1 else 'them'} with "
            f"{found.file}."
        )
    return found


def _is_needed(found: Exported) -> bool:
    """Whether nothing else in the folder can be used: no weights, or no framework for them."""
    has_weights = any(files.present(found.folder) for files in WEIGHT_FILES.values())
    runs_here = _is_installed(found.runtime)
    return not has_weights or (runs_here and not any(map(has_framework, FRAMEWORKS)))


def _is_installed(runtime: str) -> bool:
    return all(is_available(name) for name in RUNTIMES[runtime].requirements)
