"""Files of fixed sizes answer for batches of any size, in every runtime that has them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from exports import open_file, tiny_weights
from stand_ins import small_config

from distilbert.buckets import Bucket, parse_buckets
from distilbert.errors import CheckpointError, InputError, TokenIdError
from distilbert.exporting.targets import TARGETS, Choices
from distilbert.heads import HEADS
from distilbert.runner import Runner
from distilbert.runtimes.bucket_runner import BucketRunner, with_buckets
from distilbert.runtimes.file_runner import FileRunner

CONFIG = small_config(initializer_range=0.3)
BUCKETS = parse_buckets("1x8,4x8,2x16")
RUNTIMES = [name for name, target in TARGETS.items() if "buckets" in target.options]


def written(folder: Path, runtime: str, head: str, **changes: Any) -> list[Path]:
    facts = {"pooling": None, "normalize": False, **changes.pop("source", {})}
    weights = tiny_weights(CONFIG, head)
    source: Any = SimpleNamespace(arrays=weights, config=CONFIG, head=head, **facts)
    folder.mkdir(exist_ok=True)
    files = TARGETS[runtime].write(source, Choices(dtype="float32", **changes), folder)
    return [file for file in files if file.suffix != ".bin"]


def bucket_runner(folder: Path, runtime: str, head: str, **source: Any) -> BucketRunner:
    files = written(folder, runtime, head, buckets=BUCKETS, source=source)
    runners = [open_file(runtime, file, CONFIG, head) for file in files]
    found = with_buckets(dict(zip(BUCKETS, runners, strict=True)), folder)
    assert isinstance(found, BucketRunner)
    return found


def any_size(folder: Path, runtime: str, head: str, **source: Any) -> Any:
    (file,) = written(folder, runtime, head, source=source)
    return open_file(runtime, file, CONFIG, head)


def batch_of(head: str, n_rows: int, length: int) -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(n_rows * length)
    shape = (n_rows, 3, length) if head == "multiple_choice" else (n_rows, length)
    mask = drawn.random(shape) > 0.3
    mask[..., 0] = True
    return {"input_ids": drawn.integers(1, 80, shape), "attention_mask": mask.astype(np.int64)}


@pytest.mark.parametrize("head", HEADS)
def test_answers_are_those_of_a_file_for_any_size(tmp_path: Path, head: str) -> None:
    expected, found = any_size(tmp_path / "a", "onnx", head), bucket_runner(tmp_path, "onnx", head)
    assert isinstance(found, Runner)
    for n_rows, length in [(1, 8), (1, 3), (3, 8), (5, 2), (9, 7), (3, 13), (2, 16), (0, 4)]:
        batch = batch_of(head, n_rows, length)
        visible = batch["attention_mask"] == 1
        ours, others = found.run_batch(batch), expected.run_batch(batch)
        for name, axes in HEADS[head].outputs.items():
            assert ours[name].shape == others[name].shape
            chosen = visible if "S" in axes else slice(None)
            np.testing.assert_allclose(ours[name][chosen], others[name][chosen], atol=1e-5)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_with_buckets_answers(tmp_path: Path, runtime: str) -> None:
    source = {"pooling": "mean", "normalize": True}
    expected = any_size(tmp_path / "a", runtime, "base", **source)
    found = bucket_runner(tmp_path, runtime, "base", **source)
    batch = batch_of("base", 6, 11)
    vectors = found.compute("sentence_embedding", batch)
    np.testing.assert_allclose(vectors, expected.compute("sentence_embedding", batch), atol=1e-5)
    wanted = batch["attention_mask"] == 1
    states = [one.run_batch(batch, wanted=wanted) for one in (found, expected)]
    np.testing.assert_allclose(*(one["last_hidden_state"] for one in states), atol=1e-5)
    found.close()


def test_a_text_that_no_bucket_has_room_for_is_named(tmp_path: Path) -> None:
    runner = bucket_runner(tmp_path, "onnx", "base")
    assert runner.config.max_position_embeddings == 16
    assert CONFIG.max_position_embeddings == 64
    text = r"fit into one of the buckets of an exported model \(1x8, 4x8, 2x16\): got 17 tokens"
    with pytest.raises(TokenIdError, match=text):
        runner.run_batch(batch_of("base", 2, 17))
    with pytest.raises(TokenIdError, match="between 0 and 85"):
        runner.run_batch({"input_ids": np.array([[999]])})
    with pytest.raises(InputError, match="A batch must hold"):
        runner.run_batch({"words": np.array([[1]])})


def test_an_empty_batch_and_wrong_wanted_tokens_are_not_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {"pooling": "mean", "normalize": True}
    runners = (
        bucket_runner(tmp_path, "onnx", "base", **source),
        any_size(tmp_path / "a", "onnx", "base", **source),
    )
    monkeypatch.setattr(FileRunner, "_run", None)
    for runner in runners:
        for shape in [(0, 4), (3, 0)]:
            batch = {"input_ids": np.zeros(shape, np.int64)}
            found = runner.run_batch(batch, wanted=np.zeros(shape, bool))
            assert found["last_hidden_state"].shape == (0, CONFIG.dim)
            with pytest.raises(InputError, match="must hold tokens for an output that is not one"):
                runner.compute("sentence_embedding", batch)
        with pytest.raises(InputError, match="`wanted` must hold one bool per token: got"):
            runner.run_batch(batch_of("base", 2, 4), wanted=np.ones((2, 3), bool))


def test_a_file_of_longer_rows_than_the_model_takes_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "onnx", "base", buckets=parse_buckets("1x16"))[0]
    short = small_config(max_position_embeddings=12)
    runner = open_file("onnx", file, short, "base")
    for bucket in (None, Bucket(1, 16)):
        text = r"at most 12 tokens per row \(`max_position_embeddings`\): .* of 1x16\."
        with pytest.raises(CheckpointError, match=text):
            with_buckets({bucket: runner}, file)


def test_each_bucket_can_be_used_alone(tmp_path: Path) -> None:
    runner = bucket_runner(tmp_path, "onnx", "base")
    batch = batch_of("base", 3, 8)
    expected = runner.run_batch(batch)["last_hidden_state"]
    seen = batch["attention_mask"] == 1
    for one, bucket in zip(runner.each(), BUCKETS, strict=True):
        assert [*one.runners] == [bucket]
        found = one.run_batch(batch)["last_hidden_state"]
        np.testing.assert_allclose(found[seen], expected[seen], atol=1e-5)


def test_a_file_that_says_its_size_is_a_bucket_and_another_size_is_refused(tmp_path: Path) -> None:
    files = written(tmp_path, "onnx", "base", buckets=BUCKETS)
    runner = open_file("onnx", files[1], CONFIG, "base")
    assert runner.fixed_shape == (4, 8)
    alone = with_buckets({None: runner}, files[1])
    assert isinstance(alone, BucketRunner)
    assert [*alone.runners] == [Bucket(4, 8)]
    with pytest.raises(CheckpointError, match="takes batches of 4x8, not of 1x8"):
        with_buckets({Bucket(1, 8): runner}, files[1])
