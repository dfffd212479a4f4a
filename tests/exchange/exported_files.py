"""Exported files travel between this package and other programs, both ways, run by hand.

    python tests/exchange/exported_files.py write FOLDER    # here: exports a model of every head
    python tests/exchange/exported_files.py answer FOLDER   # there: runs them, and saves its own
    node tests/exchange/transformers_js.mjs FOLDER          # there: runs them in transformers.js
    python tests/exchange/exported_files.py read FOLDER     # here: runs those

"There" are environments with onnxruntime, openvino, sentence-transformers, optimum-onnx or
optimum-intel, of which each is used if it is installed; optimum-onnx 0.1 needs transformers 4.57,
so that it has to be another environment than that of sentence-transformers 6. Each step compares
answers with those of PyTorch here; a difference beyond the tolerance ends it with an error.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

TOLERANCE = 2e-4
TEXTS = ["the cat sat on mat .", "who lives in berlin ?", "wolfgang"]
# Head -> the part of a name of optimum's classes, and its name of the task.
HEADS = {
    "base": ("FeatureExtraction", "feature-extraction"),
    "masked_lm": ("MaskedLM", "fill-mask"),
    "sequence_classification": ("SequenceClassification", "text-classification"),
    "token_classification": ("TokenClassification", "token-classification"),
    "question_answering": ("QuestionAnswering", "question-answering"),
    "multiple_choice": ("MultipleChoice", "multiple-choice"),
}
RUNTIMES = {"onnx": "onnx/model.onnx", "openvino": "openvino/openvino_model.xml"}
VECTORS = "sentence_embedding"
# Left alone, OpenVINO computes in bfloat16 where it can.
FLOAT32 = {"INFERENCE_PRECISION_HINT": "f32"}


def write(folder: Path) -> None:
    """Export small models, and note a batch for each and the outputs of PyTorch."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from exports import tiny_source

    import distilbert
    from distilbert.opening import open_model

    for head in HEADS:
        source = tiny_source(folder / "checkpoints" / head, head)
        if head == "base":  # a sentence encoder for other programs too
            distilbert.export(source, folder / "onnx" / head, pooling="mean")
            for name in ("modules.json", "1_Pooling", "sentence_bert_config.json"):
                place = folder / "onnx" / head / name
                if place.is_dir():
                    shutil.copytree(place, source / name)
                elif place.exists():
                    shutil.copy(place, source / name)
        else:
            distilbert.export(source, folder / "onnx" / head)
        distilbert.export(source, folder / "openvino" / head, to="openvino")
        opened = open_model(source, head)
        encoded = opened.tokenizer(TEXTS, padding=True, return_tensors="np")
        batch = {name: np.asarray(encoded[name], np.int64) for name in encoded}
        if head == "multiple_choice":
            batch = {name: np.stack([array, array[::-1]], 1) for name, array in batch.items()}
        outputs = opened.runner.run_batch(batch)
        if head == "base":
            outputs[VECTORS] = distilbert.pipeline("sentence-embedding", source)(TEXTS)
        np.savez(folder / f"{head}.npz", **batch, **outputs)
    vectors = np.load(folder / "base.npz")[VECTORS]
    (folder / "vectors.json").write_text(json.dumps({"texts": TEXTS, "vectors": vectors.tolist()}))


def answer(folder: Path) -> None:
    """Run the files with every program that is installed, and save files with those that can."""
    if find_spec("onnxruntime"):
        each_head(folder, "onnxruntime", "onnx", run_onnxruntime)
    if find_spec("openvino"):
        each_head(folder, "openvino", "openvino", run_openvino)
    for runtime, package, prefix in (
        ("onnx", "optimum.onnxruntime", "ORTModelFor"),
        ("openvino", "optimum.intel.openvino", "OVModelFor"),
    ):
        try:  # a version that does not fit the others is found only now
            module = importlib.import_module(package)
            getattr(module, f"{prefix}FeatureExtraction")
        except ImportError as error:
            print(package, "is not used:", str(error).strip().splitlines()[-1])
            continue
        if find_spec("sentence_transformers"):  # uses optimum for both
            answer_sentences(folder, runtime)
        for head in HEADS:
            answer_optimum(folder, module, prefix, runtime, head)


def each_head(folder: Path, name: str, runtime: str, run: Callable[..., Any]) -> None:
    """Compare all outputs of every head."""
    for head in HEADS:
        batch, expected = stored(folder, head)
        found = run(folder / runtime / head / RUNTIMES[runtime], batch, list(expected))
        for output, value in expected.items():
            check(found[output], value, batch, f"{name} {head} {output}")


def run_onnxruntime(file: Path, batch: Any, names: list[str]) -> dict[str, np.ndarray]:
    """The outputs of onnxruntime alone."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file))
    assert {one.name for one in session.get_inputs()} == {*batch}
    return dict(zip(names, session.run(names, batch), strict=True))


def run_openvino(file: Path, batch: Any, names: list[str]) -> dict[str, np.ndarray]:
    """The outputs of openvino alone."""
    import openvino

    model = openvino.compile_model(str(file), "CPU", FLOAT32)
    found = model(batch)
    return {name: found[name] for name in names}


def answer_sentences(folder: Path, runtime: str) -> None:
    """Encode with sentence-transformers, from our file and from the one that it makes itself."""
    from sentence_transformers import SentenceTransformer

    expected = np.load(folder / "base.npz")[VECTORS]
    options: dict[str, Any] = {"backend": runtime, "device": "cpu", "local_files_only": True}
    if runtime == "openvino":
        options["model_kwargs"] = {"ov_config": FLOAT32}
    model = SentenceTransformer(str(folder / runtime / "base"), **options)
    check(model.encode(TEXTS), expected, None, f"sentence-transformers {runtime}")
    own = SentenceTransformer(str(folder / "checkpoints" / "base"), **options)
    own.save_pretrained(str(folder / "theirs" / f"sentence-transformers-{runtime}" / "base"))


def answer_optimum(folder: Path, module: Any, prefix: str, runtime: str, head: str) -> None:
    """Run a head with a class of optimum, and save the one that optimum makes itself."""
    kind, _ = HEADS[head]
    model_class = getattr(module, prefix + kind, None)
    if model_class is None:
        print(module.__name__, "has no class for", head)
        return
    import torch

    batch, expected = stored(folder, head)
    place, file = folder / runtime / head, Path(RUNTIMES[runtime])
    names = {"subfolder": file.parent.name, "file_name": file.name}
    more = {"ov_config": FLOAT32} if runtime == "openvino" else {}
    model = model_class.from_pretrained(place, **names, **more)
    outputs = model(**{name: torch.from_numpy(array) for name, array in batch.items()})
    for name, value in expected.items():
        if name in outputs:
            check(np.asarray(outputs[name]), value, batch, f"{module.__name__} {head} {name}")
    own = model_class.from_pretrained(folder / "checkpoints" / head, export=True)
    target = folder / "theirs" / f"optimum-{runtime}" / head
    own.save_pretrained(target)
    for name in ("vocab.txt", "tokenizer_config.json"):
        shutil.copy(folder / "checkpoints" / head / name, target / name)


def read(folder: Path) -> None:
    """Run the files of other programs with this package."""
    from distilbert.opening import open_model
    from distilbert.pipelines.factory import pipeline

    for place in sorted((folder / "theirs").glob("*/*")):
        batch, expected = stored(folder, place.name)
        outputs = open_model(place, place.name).runner.run_batch(batch)
        for name, value in expected.items():
            if name in outputs:
                check(outputs[name], value, batch, f"{place.parent.name} {place.name} {name}")
        if place.name == "base":
            vectors = pipeline("sentence-embedding", place, pooling="mean")(TEXTS)
            check(vectors, expected[VECTORS], None, f"{place.parent.name} {VECTORS}")


def stored(folder: Path, head: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The batch of a head, and its outputs."""
    arrays = dict(np.load(folder / f"{head}.npz"))
    names = ("input_ids", "attention_mask")
    return {name: arrays.pop(name) for name in names}, arrays


def check(found: Any, expected: np.ndarray, batch: Any, name: str) -> None:
    """Raise AssertionError unless both are equal where there is a token."""
    found = np.asarray(found)
    assert found.shape == expected.shape, (name, found.shape, expected.shape)
    difference = np.abs(found - expected)
    if batch is not None and expected.shape[:2] == batch["attention_mask"].shape:
        difference = difference[batch["attention_mask"] == 1]
    largest = float(difference.max())
    assert largest < TOLERANCE, (name, largest)
    print(f"{name}: {largest:.1e}", flush=True)


if __name__ == "__main__":
    step, place = sys.argv[1:]
    {"write": write, "answer": answer, "read": read}[step](Path(place).absolute())
