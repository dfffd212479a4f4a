"""`FileRunner`: what running an exported file has in common, whatever program computes it.

A `Session` computes arrays from arrays; the runner fits its inputs and outputs to a head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from distilbert.buckets import MAX_BUCKET_TOKENS
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS
from distilbert.input_checks import RUNNER_INPUTS, WANTED_INPUT, check_batch
from distilbert.runner import only_wanted

# What other exporters call our outputs.
OTHER_NAMES = {"last_hidden_state": "token_embeddings"}
# An input of files that were made as if for BERT: DistilBERT has no token types, so it gets zeros.
TOKEN_TYPES = "token_type_ids"


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output of a file.

    Attributes:
        type: as the file calls it.
        integer: NumPy's type for it, if it is one of the integers that a batch may have.
        shape: an integer for each axis of a fixed size, else a name or None; None for a value whose
            number of axes the file does not say.
    """

    type: str
    integer: Any
    shape: Sequence[int | str | None] | None


class Session(Protocol):
    """An opened file. Threads may share it.

    Attributes:
        kind: what such a file is called in messages, such as "An ONNX file".
        inputs, outputs: by name, in the order of the file.
        has_wanted: whether `run` also takes `WANTED_INPUT`. Outputs with an S axis then hold only
            these tokens, with any number of axes before the last.
    """

    kind: str
    inputs: Mapping[str, Value]
    outputs: Mapping[str, Value]
    has_wanted: bool

    def run(self, names: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The outputs `names` for contiguous arrays of every input, and of `WANTED_INPUT`."""
        ...

    def close(self) -> None:
        """Release the memory of the session."""
        ...


class FileRunner:
    """A session that answers as a `distilbert.runner.Runner`; threads may share it.

    Attributes:
        fixed_shape: the only shape of inputs that the file takes; None for any size, or if the file
            does not say. See `distilbert.runtimes.bucket_runner`.
    """

    def __init__(
        self,
        session: Session,
        file: Path,
        config: DistilBertConfig,
        head: str,
        *,
        preferred_batch_tokens: int,
    ) -> None:
        """
        Raises:
            CheckpointError: the file does not compute `head` for batches of any size or of one.
        """
        self.session, self.head, self.config = session, head, config
        self.preferred_batch_tokens = preferred_batch_tokens
        self._inputs = _fitting_inputs(session, head, file)
        self._outputs = _fitting_outputs(session, head, config, file)
        self.fixed_shape = _fixed_shape(session, file)

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        arrays = check_batch(batch, self.config, self.head, wanted)
        names = list(self._outputs.values())
        if not arrays[0].size or (wanted is not None and not wanted.any()):
            return only_wanted(self.head, self._empty(arrays[0].shape), wanted)
        if wanted is not None and self.head == "masked_lm" and self.session.has_wanted:
            values = self._run(names, arrays, **{WANTED_INPUT: wanted})
            values, wanted = [value.reshape(-1, value.shape[-1]) for value in values], None
        else:
            values = self._run(names, arrays)
        return only_wanted(self.head, dict(zip(self._outputs, values, strict=True)), wanted)

    def compute(self, name: str, batch: Mapping[str, np.ndarray]) -> np.ndarray:
        """An output of the file that is not one of the head, such as `sentence_embedding`."""
        return self.compute_all([name], batch)[0]

    def compute_all(
        self, names: Sequence[str], batch: Mapping[str, np.ndarray]
    ) -> list[np.ndarray]:
        """Several such outputs, float32, in one run.

        Raises:
            InputError: the batch has no tokens.
        """
        arrays = check_batch(batch, self.config, self.head)
        check_has_tokens(arrays[0])
        return self._run(list(names), arrays)

    def each(self) -> list[FileRunner]:
        """This runner: it has one file. One with several has a runner for each."""
        return [self]

    def close(self) -> None:
        """Release the memory of the session; the runner cannot be used afterwards."""
        self.session.close()
        del self.session

    def _run(
        self, names: list[str], arrays: Sequence[np.ndarray], **more: np.ndarray
    ) -> list[np.ndarray]:
        given: dict[str, np.ndarray] = dict(zip(RUNNER_INPUTS, arrays, strict=True))
        given[TOKEN_TYPES] = np.zeros_like(arrays[0])
        feeds = {name: np.ascontiguousarray(given[name], i) for name, i in self._inputs.items()}
        feeds |= {name: np.ascontiguousarray(array) for name, array in more.items()}
        return [np.asarray(value, np.float32) for value in self.session.run(names, feeds)]

    def _empty(self, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """The outputs for a batch without tokens, which runtimes cannot reshape."""
        sizes = dict(zip(HEADS[self.head].input_axes, shape, strict=True)) | _sizes(self.config)
        return {
            name: np.zeros([sizes[axis] for axis in axes], np.float32)
            for name, axes in HEADS[self.head].outputs.items()
        }


def check_has_tokens(ids: np.ndarray) -> None:
    """Raise InputError for a batch without tokens: only for the outputs of a head is it known what
    shape their answer has."""
    if not ids.size:
        raise InputError(
            f"A batch must hold tokens for an output that is not one of the head: got the shape "
            f"{ids.shape}."
        )


def check_file_dtype(dtype: Any, file: Path) -> None:
    """Raise InputError unless it is None, for files whose type of computation is fixed."""
    if dtype is not None:
        raise InputError(
            f"`dtype` is chosen when a model is exported: got {dtype!r} for {file}. Export it "
            f"again with another `dtype`."
        )


def _fitting_inputs(session: Session, head: str, file: Path) -> dict[str, Any]:
    """The inputs of the file in our order, with the types that it wants.

    Raises:
        CheckpointError: they are not those of a DistilBERT.
    """
    found, axes = session.inputs, HEADS[head].input_axes
    fits = {*found} - {TOKEN_TYPES} == {*RUNNER_INPUTS} and all(
        one.integer is not None and (one.shape is None or len(one.shape) == len(axes))
        for one in found.values()
    )
    if not fits:
        described = ", ".join(f"{name} {one.type} {one.shape}" for name, one in found.items())
        raise CheckpointError(
            f"{session.kind} for {head} must take {' and '.join(RUNNER_INPUTS)}, integers with the "
            f"axes {axes}: {file} takes {described or 'nothing'}."
        )
    return {name: one.integer for name, one in found.items()}


def _fixed_shape(session: Session, file: Path) -> tuple[int, ...] | None:
    """The shape of the inputs, if all of their sizes are fixed.

    Raises:
        CheckpointError: some are, or they differ, or no batch has them.
    """
    shapes = [tuple(one.shape or ()) for one in session.inputs.values()]
    if not any(_is_size(axis) for shape in shapes for axis in shape):
        return None
    first = tuple(axis for axis in shapes[0] if isinstance(axis, int))
    if any(shape != first for shape in shapes):
        fixed = dict(zip(session.inputs, shapes, strict=True))
        raise CheckpointError(
            f"{session.kind} must take batches of any size, or all of one: {file} has fixed sizes "
            f"{fixed}. Export it with dynamic axes."
        )
    if min(first) < 1 or math.prod(first) > MAX_BUCKET_TOKENS:
        raise CheckpointError(
            f"{session.kind} of a fixed size must take sizes from 1 on, and at most "
            f"{MAX_BUCKET_TOKENS:,} tokens in all: {file} takes {[*first]}. Export it again."
        )
    return first


def _fitting_outputs(
    session: Session, head: str, config: DistilBertConfig, file: Path
) -> dict[str, str]:
    """Our name -> the name in the file for each output of the head.

    Raises:
        CheckpointError: one is missing, or has other axes.
    """
    found = {name: one.shape for name, one in session.outputs.items()}
    sizes, names = _sizes(config), {}
    for name, axes in HEADS[head].outputs.items():
        inside = name if name in found else OTHER_NAMES.get(name, name)
        wanted = [sizes.get(axis, axis) for axis in axes]
        if inside not in found or not _agree(found[inside], wanted):
            raise CheckpointError(
                f"{session.kind} for {head} must compute {name} {wanted}: {file} computes "
                f"{', '.join(f'{one} {shape}' for one, shape in found.items())}."
            )
        names[name] = inside
    return names


def _agree(shape: Sequence[Any] | None, wanted: list[Any]) -> bool:
    """Whether both have as many axes, of the same size where both sizes are known."""
    return shape is None or (
        len(shape) == len(wanted)
        and all(
            size == other or not (_is_size(size) and _is_size(other))
            for size, other in zip(shape, wanted, strict=True)
        )
    )


def _is_size(axis: Any) -> bool:
    return isinstance(axis, int)


def _sizes(config: DistilBertConfig) -> dict[str, int]:
    """The axes whose sizes the config knows."""
    return {"D": config.dim, "V": config.vocab_size, "N": config.num_labels}
