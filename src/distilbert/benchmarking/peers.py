"""Other programs with the same weights: transformers as users call it, runtimes with plain padding.

The only place of this package that imports transformers, when a user asks for peers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import is_available, require
from distilbert.batching import BatchPlan, padded_batch
from distilbert.benchmarking.contenders import Contender, Subject
from distilbert.benchmarking.inputs import Batch, full_batch, inputs_of
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.config import DistilBertConfig
from distilbert.exporting.source import read_export_source
from distilbert.heads import HEADS
from distilbert.opening import open_tokenizer
from distilbert.threads import torch_threads

# Head -> the pipeline of transformers; questions and choices are no texts that others take alike.
PIPELINES = {
    "base": "feature-extraction",
    "masked_lm": "fill-mask",
    "sequence_classification": "text-classification",
    "token_classification": "token-classification",
}
BATCH_SIZE = 32
# Padded tokens of a batch of texts that are sorted by length.
SORTED_TOKENS = 1024
PURPOSE = "measure it as a peer"

# From arrays to outputs.
Run = Callable[[Batch], object]


def find_peers(
    subject: Subject,
    folder: Path,
    files: Mapping[str, Path],
    texts: Sequence[str],
    *,
    is_wide: bool = False,
    int8: Mapping[str, Path] | None = None,
) -> tuple[list[Contender], list[str]]:
    """The peers that are installed, and why others are not measured.

    Args:
        folder: takes a copy of the checkpoint in float32.
        files: the exported file of each runtime.
        is_wide: also runtimes with sorted batches and in bfloat16, and transformers in bfloat16.
        int8: further files of runtimes, of the model in int8.
    """
    if subject.head not in PIPELINES:
        return [], [f"peers: they are measured for {', '.join(PIPELINES)}, not {subject.head}."]
    try:
        peers, left_out = _transformers(subject, folder / "checkpoint", texts, is_wide=is_wide)
    except Exception as error:  # of any type: it is another program's
        peers, left_out = [], [f"transformers: {type(error).__name__}: {error}"]
    orders = ("in order of arrival", "sorted") if is_wide else ("in order of arrival",)
    for runtime, make in RUNS.items():
        if runtime not in files:
            left_out.append(f"{runtime} as a peer: there is no file for it.")
            continue
        inside = {"float32": files[runtime]}
        if is_wide and runtime == "openvino":
            inside["bfloat16"] = files[runtime]
        if int8 and runtime in int8:
            inside["int8"] = int8[runtime]
        for dtype, file in inside.items():
            run = make(file, dtype, subject.num_threads)
            for order in orders:
                name = f"{runtime} alone, {order}"
                peers.append(_of_file(name, dtype, run, subject, texts))
    return peers, left_out


def _transformers(
    subject: Subject, folder: Path, texts: Sequence[str], *, is_wide: bool
) -> tuple[list[Contender], list[str]]:
    """Its pipeline at its defaults, which take one text at a time, and with batches of 32."""
    if not subject.has_weights:
        return [], ["transformers: it needs a checkpoint, and this is an exported model."]
    if not is_available("transformers") or not is_available("torch"):
        return [], ["transformers: it is not installed."]
    transformers, torch = require("transformers", "measure it"), require("torch", PURPOSE)
    transformers.utils.logging.disable_progress_bar()
    source = read_export_source(subject.found, head=subject.head, pooling=None, normalize=None)
    folder.mkdir()
    source.write_settings(folder)
    save_checkpoint(folder, source.arrays, source.config, head=subject.head)
    kind = getattr(transformers, HEADS[subject.head].class_name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs, peers = inputs_of(subject.head, texts, open_tokenizer(folder)), []
    n = subject.num_threads
    for dtype in ("float32", "bfloat16") if is_wide else ("float32",):
        model = kind.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
        task = PIPELINES[subject.head]
        pipe = transformers.pipeline(task, model=model, tokenizer=tokenizer, device="cpu")
        run = _in_torch(torch, model)
        for name, size in (("defaults", None), (f"batches of {BATCH_SIZE}", BATCH_SIZE)):
            options = {} if size is None else {"batch_size": size}
            peers.append(
                Contender(
                    name=f"transformers, {name}",
                    dtype=dtype,
                    batch=_batches(_with_threads(torch, n, run), source.config, subject.head),
                    texts=_with_threads(torch, n, partial(pipe, inputs, **options)),
                )
            )
    return peers, []


def _with_threads(torch: Any, num_threads: int | None, call: Callable[..., Any]) -> Any:
    """A call in which PyTorch computes with so many threads."""

    def limited(*given: Any) -> Any:
        with torch_threads(torch, num_threads):
            return call(*given)

    return limited


def _in_torch(torch: Any, model: Any) -> Run:
    def run(batch: Batch) -> object:
        with torch.inference_mode():
            return model(**{name: torch.from_numpy(array) for name, array in batch.items()})

    return run


def _batches(
    run: Run, config: DistilBertConfig, head: str
) -> Callable[[int, int], Callable[[], object]]:
    def batch(n_rows: int, length: int) -> Callable[[], object]:
        arrays = full_batch(config, head, n_rows, length)
        return lambda: run(arrays)

    return batch


def _of_file(
    name: str,
    dtype: str,
    run: Run,
    subject: Subject,
    texts: Sequence[str],
) -> Contender:
    """A runtime with our tokenizer, and batches that are padded to their longest text."""
    tokenizer = open_tokenizer(subject.found.folder)
    config = DistilBertConfig.from_pretrained(subject.found.folder)
    inputs = inputs_of(subject.head, texts, tokenizer)
    longest = min(int(tokenizer.model_max_length), config.max_position_embeddings)

    def answer() -> None:
        encoded = tokenizer(inputs, truncation=True, max_length=longest)["input_ids"]
        rows = [np.array(ids, dtype=np.int64) for ids in encoded]
        for numbers in _groups([len(row) for row in rows], is_sorted=name.endswith("sorted")):
            run(padded_batch([rows[i] for i in numbers], pad_id=tokenizer.pad_token_id))

    batch = _batches(run, config, subject.head)
    return Contender(name=name, dtype=dtype, batch=batch, texts=answer)


def _groups(lengths: Sequence[int], *, is_sorted: bool) -> Iterator[Sequence[int]]:
    """The numbers of the texts of each batch."""
    if is_sorted:
        yield from (found.tolist() for found in BatchPlan.by_length(lengths, SORTED_TOKENS))
        return
    for start in range(0, len(lengths), BATCH_SIZE):
        yield range(start, min(start + BATCH_SIZE, len(lengths)))


def _onnxruntime(file: Path, dtype: str, num_threads: int | None) -> Run:
    runtime = require("onnxruntime", PURPOSE)
    options = runtime.SessionOptions()
    if num_threads is not None:
        options.intra_op_num_threads = num_threads
    session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, batch)


def _openvino(file: Path, dtype: str, num_threads: int | None) -> Run:
    openvino = require("openvino", PURPOSE)
    # For int8, the rest is computed in what it prefers on this processor.
    hints = {"float32": "f32", "bfloat16": "bf16"}
    properties: dict[str, Any] = (
        {"INFERENCE_PRECISION_HINT": hints[dtype]} if dtype in hints else {}
    )
    if num_threads is not None:
        properties["INFERENCE_NUM_THREADS"] = num_threads
    model = openvino.compile_model(str(file), "CPU", properties)
    return lambda batch: model(batch)


# Runtime -> what opens its file without this package.
RUNS: dict[str, Callable[[Path, str, int | None], Run]] = {
    "onnx": _onnxruntime,
    "openvino": _openvino,
}
