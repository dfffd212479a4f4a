"""`export`: a folder that other programs read, complete or not there at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from exports import tiny_source
from tolerances import OUTPUT, assert_close

import distilbert
from distilbert.errors import (
    CheckpointError,
    ExportError,
    InputError,
    MissingDependencyError,
    UnknownArgumentError,
)
from distilbert.exporting import agreement
from distilbert.heads import HEADS

TEXTS = ["the cat sat on the mat .", "berlin", "who lives in paris ? the wolf , my dog !"]


@pytest.mark.parametrize("head", HEADS)
def test_plain_onnxruntime_reads_the_usual_names_from_the_usual_place(
    tmp_path: Path, head: str
) -> None:
    done = distilbert.export(tiny_source(tmp_path / "m", head), tmp_path / "out")
    assert done.files == [tmp_path / "out" / "onnx" / "model.onnx"]
    session = onnxruntime.InferenceSession(str(done.files[0]))
    axes = ["batch_size", *(["num_choices"] if head == "multiple_choice" else [])]
    for one, name in zip(session.get_inputs(), ("input_ids", "attention_mask"), strict=True):
        assert (one.name, one.type, one.shape) == (
            name,
            "tensor(int64)",
            [*axes, "sequence_length"],
        )
    assert [one.name for one in session.get_outputs()] == [*HEADS[head].outputs] == done.outputs
    assert HEADS[head].class_name in done.describe()


def test_the_folder_has_what_other_tools_expect_and_says_how_it_was_made(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "token_classification", cased=True)
    done = distilbert.export(source, tmp_path / "out")
    names = {path.relative_to(done.folder).as_posix() for path in done.folder.rglob("*")}
    assert {"onnx/model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"} < names
    manifest = json.loads((done.folder / "export.json").read_text())
    assert (manifest["runtime"], manifest["head"], manifest["opset"]) == ("onnx", done.head, 20)
    assert manifest["agreement"]["largest_difference"] < manifest["agreement"]["tolerance"] == 5e-5
    assert manifest["versions"]["onnxruntime"] == onnxruntime.__version__
    assert len(manifest["source"]["sha256"]) == 64
    assert str(tmp_path) not in json.dumps(manifest)
    again = distilbert.export(source, tmp_path / "again")
    assert again.files[0].read_bytes() == done.files[0].read_bytes()
    cased = distilbert.AutoTokenizer.from_pretrained(done.folder)
    assert cased.tokenize("U u") == distilbert.AutoTokenizer.from_pretrained(source).tokenize("U u")


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_a_sentence_encoder_makes_its_vectors_in_the_graph(tmp_path: Path, pooling: str) -> None:
    source = tiny_source(tmp_path / "m", "base")
    done = distilbert.export(source, tmp_path / "out", pooling=pooling, normalize=True)
    options = {"pooling": pooling, "normalize": True}
    expected = distilbert.pipeline("sentence-embedding", source, **options)(TEXTS)
    tokenizer = distilbert.AutoTokenizer.from_pretrained(done.folder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="np")
    session = onnxruntime.InferenceSession(str(done.files[0]))
    vectors = session.run(["sentence_embedding"], dict(batch))[0]
    assert_close(vectors, expected, OUTPUT)
    of_folder = distilbert.pipeline("sentence-embedding", done.folder)(TEXTS)
    assert_close(of_folder, expected, OUTPUT)


def test_the_embedded_encoder_as_masked_lm_says_how_to_get_its_vectors(tmp_path: Path) -> None:
    done = distilbert.export("embedded", tmp_path / "out", framework="torch")
    assert done.head == "masked_lm"
    assert done.describe().endswith("export with `head='base'` (--head base).")
    with pytest.raises(CheckpointError, match="--head base"):
        distilbert.pipeline("sentence-embedding", tmp_path / "out")


def test_external_data_stay_in_the_folder_and_are_part_of_the_manifest(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "masked_lm")
    done = distilbert.export(source, tmp_path / "out", external_data=True, dtype="float16")
    assert [path.name for path in done.files] == ["model.onnx", "model.onnx_data"]
    found = distilbert.pipeline("fill-mask", done.folder)("the [MASK] sat .", top_k=3)
    expected = distilbert.pipeline("fill-mask", source)("the [MASK] sat .", top_k=3)
    scores = [[one["score"] for one in answers] for answers in (found, expected)]
    np.testing.assert_allclose(*scores, atol=1e-2)
    manifest = json.loads((done.folder / "export.json").read_text())
    assert set(manifest["files"]) == {"onnx/model.onnx", "onnx/model.onnx_data"}


def test_an_export_replaces_an_earlier_one_but_nothing_else(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    out = tmp_path / "out"
    distilbert.export(source, out, external_data=True, pooling="mean")
    with pytest.raises(InputError, match="`output` must be a new or empty folder"):
        distilbert.export(source, out)
    distilbert.export(source, out, buckets="1x16", overwrite=True)
    distilbert.export(source, out, overwrite=True)
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert "onnx/model.onnx" in names
    assert not {"onnx/model.onnx_data", "modules.json", "1_Pooling/config.json"} & names
    assert not any("1x16" in name for name in names)
    other = tiny_source(tmp_path / "other", "base")
    with pytest.raises(
        InputError, match=r"only the folder of an export: .* contains model\.safetensors"
    ):
        distilbert.export(source, other, overwrite=True)
    (out / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match=r"an export: .* contains model\.safetensors"):
        distilbert.export(source, out, overwrite=True)
    (out / "model.safetensors").unlink()
    (out / "onnx" / "mine.onnx").touch()
    with pytest.raises(InputError, match=r"an export: .* contains onnx/mine\.onnx"):
        distilbert.export(source, out, overwrite=True)
    with pytest.raises(InputError, match="must not contain what is read"):
        distilbert.export(source, source / ".", overwrite=True)
    distilbert.export(source, source / "exported")  # in the folder of the model
    assert (source / "exported" / "export.json").is_file()
    with pytest.raises(InputError, match="is a file"):
        distilbert.export(source, source / "config.json")


def test_an_export_that_answers_otherwise_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(agreement.TOLERANCES, "float32", -1.0)
    source = tiny_source(tmp_path / "m", "base")
    with pytest.raises(ExportError, match="Nothing was written"):
        distilbert.export(source, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"to": "coreml"}, InputError, "`to` must be one of onnx, openvino, .*: got 'coreml'"),
        ({"opset": 17}, InputError, "`opset` must be from 18 to 23: got 17"),
        ({"opset": "20"}, InputError, "`opset` must be"),
        (
            {"dtype": "int8"},
            InputError,
            "`dtype` must be one of float32, float16 for to='onnx': got 'int8'",
        ),
        ({"quantise": True}, UnknownArgumentError, "unknown keywords: quantise"),
        ({"num_threads": 2}, UnknownArgumentError, "unknown keywords: num_threads"),
    ],
)
def test_a_wrong_option_is_named_before_anything_is_read(tmp_path, options, error, text) -> None:
    with pytest.raises(error, match=text):
        distilbert.export("no/such-model", tmp_path / "out", **options)


def test_an_exported_model_is_not_exported_again(tmp_path: Path) -> None:
    done = distilbert.export(tiny_source(tmp_path / "m", "base"), tmp_path / "out")
    with pytest.raises(InputError, match="has no weights to train or to convert"):
        distilbert.export(done.folder, tmp_path / "again")


def test_a_missing_package_is_named_before_anything_is_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingDependencyError, match=r"`onnx` is needed to export to onnx"):
        distilbert.export("no/such-model", tmp_path / "out")


def test_a_source_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    (source / "vocab.txt").unlink()
    with pytest.raises(CheckpointError, match="vocab"):
        distilbert.export(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


LONG = " ".join(["the cat sat on the mat . who lives in paris ?"] * 4)
# Head -> task, its input, the option with the length of windows, and what of an answer is a number.
LONG_INPUTS = {
    "token_classification": ("ner", LONG, "max_length"),
    "sequence_classification": (
        "text-classification",
        {"text": LONG, "text_pair": "berlin ?"},
        "max_length",
    ),
    "question_answering": (
        "question-answering",
        {"question": "who lives in paris ?", "context": LONG},
        "max_seq_len",
    ),
    "multiple_choice": (
        "multiple-choice",
        {"prompt": LONG, "choices": ["berlin", "the wolf , my dog", "paris"]},
        "max_length",
    ),
    "masked_lm": ("fill-mask", f"{LONG} the [MASK] sat", "max_length"),
    "base": ("sentence-embedding", [LONG, "berlin"], "max_length"),
}


@pytest.mark.parametrize("head", LONG_INPUTS)
def test_pipelines_answer_with_buckets_as_with_windows_of_their_length(
    tmp_path: Path, head: str
) -> None:
    task, given, length = LONG_INPUTS[head]
    source = tiny_source(tmp_path / "m", head)
    options = {"pooling": "mean"} if head == "base" else {}
    done = distilbert.export(source, tmp_path / "out", buckets="1x8,2x16,1x24", **options)
    assert [file.name for file in done.files] == [
        f"model_{b}.onnx" for b in ("1x8", "2x16", "1x24")
    ]
    expected = distilbert.pipeline(task, source, **{length: 24}, **options)(given)
    found = distilbert.pipeline(task, done.folder)(given)
    assert len(found) == len(expected) > 0
    np.testing.assert_allclose(numbers(found), numbers(expected), atol=2e-5)


def numbers(answer: object) -> list[float]:
    """Every number in an answer, in order."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, (list, tuple, np.ndarray)):
        return [number for part in answer for number in numbers(part)]
    return [] if isinstance(answer, str) or answer is None else [float(answer)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"buckets": "1x"}, "must be rows and tokens of batches, such as '1x32,8x128': got '1x'"),
        ({"buckets": "0x32"}, "at least 1 row"),
        ({"buckets": "1x65"}, r"rows of 5 to 64 \(`max_position_embeddings`\) tokens: got 1x65"),
        (
            {"buckets": "1x32", "to": "savedmodel"},
            "`buckets` is an option of onnx and openvino and torchscript and pt2: got '1x32' with",
        ),
    ],
)
def test_buckets_that_cannot_be_written_are_one_sentence(
    tmp_path: Path, options: dict[str, str], text: str
) -> None:
    source = tiny_source(tmp_path / "m", "base")
    with pytest.raises(InputError, match=text):
        distilbert.export(source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()
