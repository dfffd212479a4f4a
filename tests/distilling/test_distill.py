"""One card from a teacher to a student: the result, its start, resuming, refusals."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import Killed, ends, log_without_times, run_and_kill, started
from tiny_bert import save_bert

from distilbert import (
    AutoTokenizer,
    DistilBertForMaskedLM,
    DistilBertModel,
    adapt,
    distill,
    pipeline,
)
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.errors import DataError, InputError, RunCardError, TrainingError

QUICK: dict[str, Any] = {
    "epochs": 2,
    "batch_tokens": 512,
    "learning_rate": 5e-3,
    "held_out": 0.1,
    "min_length": 5,
    "tensorboard": False,
    "report": False,
    "log_every": 1,
    "allow_untrained": True,  # teachers here are random
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder where tokenized texts are kept for all tests."""
    return tmp_path_factory.mktemp("corpora")


@pytest.fixture
def run(texts: Path, corpora: Path, tmp_path: Path) -> Any:
    def distilled(teacher: Path, output: str = "o", **changes: Any) -> Any:
        options = {**QUICK, "corpus": str(corpora), "train": str(texts), **changes}
        return distill(teacher=str(teacher), output=str(tmp_path / output), **options)

    return distilled


def weights(folder: Path) -> dict[str, np.ndarray]:
    return dict(open_checkpoint(folder))


def killed(step: int, scores: Any) -> None:
    raise Killed


def at_last(step: int) -> Any:
    """Kills a run in the first evaluation after so many updates."""

    def scored(now: int, scores: Any) -> None:
        if now >= step:
            raise Killed

    return scored


def test_a_student_learns_what_its_teacher_predicts(run: Any, teacher: Path) -> None:
    seen: list[dict[str, float]] = []
    result = run(
        teacher, report=True, epochs=6, on_scores=lambda step, scores: seen.append({**scores})
    )
    assert len(seen) == 6
    for name in ("loss", "kl_loss", "cosine_loss"):
        assert seen[-1][name] < seen[0][name]
    assert result.scores["loss"] == pytest.approx(min(one["loss"] for one in seen), rel=1e-4)
    assert 0 <= result.scores["agreement"] <= 1
    model = DistilBertForMaskedLM.from_pretrained(result.output)
    assert model.config.n_layers == 2
    assert result.n_parameters == sum(p.numel() for p in model.parameters())
    assert result.n_parameters < result.n_teacher_parameters
    assert pipeline("fill-mask", model=str(result.output))("the [MASK] was good")
    report = json.loads((result.output / "report.json").read_text())
    assert report["splits"]["held-out"]["scores"]["loss"] == result.scores["loss"]
    assert "Distillation" in (result.output / "report.html").read_text()
    assert "distilled from `lm`" in (result.output / "README.md").read_text()
    lines = [json.loads(line) for line in (result.output / "log.jsonl").read_text().splitlines()]
    logged = next(line["values"] for line in lines if line["kind"] == "train")
    assert {"loss", "kl_loss", "weighted_kl_loss", "mlm_loss", "agreement"} <= set(logged)
    assert not (result.output / "checkpoints").exists()


@pytest.mark.parametrize("dim", [None, 16])
def test_a_run_in_bfloat16_ends_near_one_in_float32(
    run: Any, teacher: Path, dim: int | None
) -> None:
    whole, half = (
        run(teacher, precision, precision=precision, epochs=1, dim=dim).scores
        for precision in ("float32", "bfloat16")
    )
    losses = [name for name in whole if name.endswith("loss")]
    assert [half[name] for name in losses] == pytest.approx([whole[n] for n in losses], rel=0.05)


def test_an_encoder_is_adapted_in_bfloat16(encoder: Path, texts: Path, tmp_path: Path) -> None:
    options = {**QUICK, "precision": "bfloat16", "train": str(texts), "epochs": 1}
    found = adapt(teacher=str(encoder), output=str(tmp_path / "o"), **options)
    assert 0 < found.scores["cosine_loss"] < 0.5 < found.scores["mlm_loss"]


def test_without_training_the_student_is_the_teachers_layers(run: Any, teacher: Path) -> None:
    result = run(teacher, layers=[0, 3], max_steps=1, learning_rate=1e-12)
    student, parent = weights(result.output), weights(teacher)
    query = "distilbert.transformer.layer.{}.attention.q_lin.weight"
    np.testing.assert_allclose(student[query.format(1)], parent[query.format(3)], atol=1e-6)
    word = "distilbert.embeddings.word_embeddings.weight"
    np.testing.assert_allclose(student[word], parent[word], atol=1e-6)


def test_a_resumed_run_ends_with_the_same_weights(
    run: Any, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(teacher, "whole", checkpoint_every=1, kl_share=0.5)
    teacher = Path(os.path.relpath(teacher))
    with pytest.raises(Killed):
        run(teacher, "cut", checkpoint_every=1, kl_share=0.5, on_scores=killed)
    monkeypatch.chdir(tmp_path)  # the run was started in another folder
    resumed = distill(resume=True, output="cut")
    assert resumed.steps == whole.steps
    for name, array in weights(whole.output).items():
        np.testing.assert_array_equal(array, weights(resumed.output)[name])
    with pytest.raises(InputError, match="contains a finished run"):
        distill(resume=True, output=str(tmp_path / "cut"))


def start(teacher: Path, texts: Path, output: Path) -> Any:
    """The process of a run, which makes its corpus or goes on where one was killed."""
    return started(
        distill,
        teacher=str(teacher),
        train=str(texts),
        output=str(output),
        **QUICK | {"epochs": 8, "kl_share": 0.5, "value_weight": 1.0, "device": "cpu"},
        checkpoint_every=2,
        resume=True,
    )


def test_a_run_killed_at_any_moment_ends_bit_identical(
    teacher: Path, texts: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    ends(start(teacher, texts, whole))
    run_and_kill(cut, lambda: start(teacher, texts, cut))
    for name in ("model.safetensors", "config.json", "vocab.txt", "tokenizer_config.json"):
        assert (whole / name).read_bytes() == (cut / name).read_bytes(), name
    assert log_without_times(whole) == log_without_times(cut)
    assert not list(tmp_path.rglob("*.tmp"))


def test_the_newest_checkpoints_are_kept(run: Any, teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(teacher, checkpoint_every=1, keep_checkpoints=3, epochs=3, on_scores=at_last(12))
    steps = sorted(path.name for path in (tmp_path / "o" / "checkpoints").glob("step-*"))
    assert len(steps) == 3


def test_a_loss_that_is_no_number_ends_the_run_with_its_last_checkpoint(
    run: Any, teacher: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"must be finite numbers: .* in update \d+"):
        run(teacher, learning_rate=1e30, max_grad_norm=0.0, checkpoint_every=1)
    assert not (tmp_path / "o" / "config.json").exists()


def test_a_full_disk_leaves_what_to_go_on_from(
    run: Any, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("distilbert.distilling.distill.finish", full)
        with pytest.raises(TrainingError, match=r"step-\d+ is kept\. Free some space"):
            run(teacher)
    assert run(teacher, resume=True).scores["loss"] > 0


def test_the_best_student_is_chosen_by_the_metric(run: Any, teacher: Path) -> None:
    seen: list[float] = []
    result = run(
        teacher,
        metric="agreement",
        epochs=4,
        on_scores=lambda step, scores: seen.append(scores["agreement"]),
    )
    assert result.scores["agreement"] == pytest.approx(max(seen))


def test_an_encoder_without_a_head_teaches_by_its_hidden_states(run: Any, encoder: Path) -> None:
    with pytest.raises(InputError, match=r"`kl_weight` .* `distilbert adapt`"):
        run(encoder)
    result = run(encoder, kl_weight=0, mlm_weight=0, value_weight=1)
    assert set(result.scores) >= {"loss", "cosine_loss", "value_loss"}
    # It never saw masks: agreement with it is that on whole texts.
    same = run(encoder, "same", kl_weight=0, mlm_weight=0, value_weight=1, mask_probability=0)
    assert same.scores == result.scores
    assert DistilBertModel.from_pretrained(result.output).config.n_layers == 2
    assert "vocab_transform.weight" not in weights(result.output)


def test_an_adapted_encoder_predicts_and_stays_near_what_it_was(
    run: Any, encoder: Path, texts: Path, corpora: Path, tmp_path: Path
) -> None:
    seen: list[float] = []
    options = {**QUICK, "corpus": str(corpora), "train": str(texts), "epochs": 6}
    adapted = adapt(
        teacher=str(encoder),
        output=str(tmp_path / "adapted"),
        on_scores=lambda step, scores: seen.append(scores["mlm_loss"]),
        **options,
    )
    assert seen[-1] < seen[0]
    assert adapted.scores["cosine_loss"] < 0.2
    assert DistilBertForMaskedLM.from_pretrained(adapted.output).config.n_layers == 4
    assert run(adapted.output, "student", max_steps=2).scores["kl_loss"] > 0


def test_a_bert_is_folded_and_a_narrow_student_goes_through_a_projection(
    run: Any, teacher: Path, tmp_path: Path
) -> None:
    bert = tmp_path / "bert"
    n_words = len((teacher / "vocab.txt").read_text().split())
    save_bert(bert, "BertForMaskedLM", vocab_size=n_words)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(teacher / name, bert / name)
    result = run(bert, dim=8, n_heads=2, n_layers=1, max_steps=3, max_length=16)
    assert DistilBertForMaskedLM.from_pretrained(result.output).config.dim == 8


def test_two_processes_train_what_one_does_and_one_prints(
    run: Any, teacher: Path, tmp_path: Path
) -> None:
    options = {**QUICK, "dim": 8, "n_heads": 2, "value_weight": 0.5, "dropout": 0.0}
    one = run(teacher, "one", **options)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    card = ["-m", "distilbert.cli.main", "distill", str(one.output / "card.toml")]
    output = ["--output", str(tmp_path / "two"), "--allow-untrained"]
    done = subprocess.run([*launch, *card, *output], timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Student:") == 1
    assert done.stderr.count("Student:") == 1
    both = weights(tmp_path / "two")
    for name, array in weights(one.output).items():
        np.testing.assert_allclose(both[name], array, atol=1e-4)


def test_what_is_missing_or_does_not_fit_is_refused_before_any_work(
    run: Any, teacher: Path, texts: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunCardError, match="`teacher` must name the checkpoint of the teacher"):
        distill(output=str(tmp_path / "o"), train=str(texts))
    with pytest.raises(RunCardError, match="weights of the losses must be above 0"):
        run(teacher, kl_weight=0, mlm_weight=0, cosine_weight=0)
    with pytest.raises(InputError, match="`layers` must be numbers of the teacher's layers"):
        run(teacher, layers=[0, 4])
    with pytest.raises(DataError):
        run(teacher, train=str(tmp_path / "nothing.txt"))
    empty = tmp_path / "empty.txt"
    empty.write_text("\n\nshort\n")
    with pytest.raises(DataError):
        run(teacher, train=str(empty))
    assert not (tmp_path / "o").exists()
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="must be a new or empty folder"):
        run(teacher)


def test_a_tokenizer_with_more_tokens_than_the_teacher_is_refused(
    run: Any, teacher: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(teacher, tmp_path / "other")
    (other / "tokenizer.json").unlink()
    with (other / "vocab.txt").open("a") as file:
        file.write("further\nwords\n")
    with pytest.raises(InputError, match="must have the same vocabulary"):
        run(other)


def test_texts_from_memory_train_what_their_file_does(
    run: Any, teacher: Path, texts: Path, tmp_path: Path
) -> None:
    pandas = pytest.importorskip("pandas")
    lines = texts.read_text().splitlines()
    frame = pandas.DataFrame({"id": range(len(lines)), "body": lines})
    expected = weights(run(teacher, "file", max_steps=2).output)
    forms: dict[str, Any] = {
        "dicts": [{"text": line} for line in lines],
        "columns": {"text": lines},
        "series": frame["body"],
        "frame": frame,
        "generator": (line for line in lines),
    }
    for name, rows in forms.items():
        text = {"text": "body"} if name == "frame" else {}
        result = run(teacher, name, train=rows, max_steps=2, **text)
        for key, array in weights(result.output).items():
            np.testing.assert_array_equal(array, expected[key])
        assert result.card.data.train[0].startswith("memory:")
    with pytest.raises(DataError, match="must be a dict of columns or a text: got int"):
        run(teacher, "numbers", train=pandas.Series([1, 2]))
    assert not (tmp_path / "numbers").exists()


def test_another_teacher_does_not_continue_a_run(run: Any, teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(teacher, "cut", checkpoint_every=1, on_scores=killed)
    other = shutil.copytree(teacher, tmp_path / "other")
    with (other / "model.safetensors").open("r+b") as file:
        file.seek(-2, 2)
        file.write(b"\x11\x11")
    with pytest.raises(TrainingError, match="teacher"):
        distill(resume=True, output=str(tmp_path / "cut"), teacher=str(other))


def test_a_student_with_fewer_tokens_learns_from_its_teacher(run: Any, lettered: Path) -> None:
    result = run(lettered, report=True, vocab_size=70)
    student, tokenizer = weights(result.output), AutoTokenizer.from_pretrained(result.output)
    assert student["distilbert.embeddings.word_embeddings.weight"].shape == (70, 16)
    assert student["vocab_projector.bias"].shape == (70,)
    assert len(tokenizer) == 70
    assert "[UNK]" not in tokenizer.tokenize("the walking walked talked")
    assert pipeline("fill-mask", model=str(result.output))("the [MASK] was good")
    parameters = sum(array.size for array in open_checkpoint(lettered).values())
    assert result.n_teacher_parameters == parameters
    with pytest.raises(InputError, match=r"`vocab_size` must lie between 57, .* and 78, .* got 56"):
        run(lettered, "refused", vocab_size=56)
    assert not (result.output.parent / "refused").exists()


def test_a_trimmed_run_is_resumed_with_the_same_tokens(run: Any, lettered: Path) -> None:
    whole = run(lettered, "whole", checkpoint_every=1, vocab_size=70)
    with pytest.raises(Killed):
        run(lettered, "cut", checkpoint_every=1, vocab_size=70, on_scores=killed)
    with pytest.raises(TrainingError, match="the tokenizer, vocab_size differ"):
        run(lettered, "cut", checkpoint_every=1, vocab_size=71, resume=True)
    resumed = run(lettered, "cut", checkpoint_every=1, vocab_size=70, resume=True)
    for name, array in weights(whole.output).items():
        np.testing.assert_array_equal(array, weights(resumed.output)[name])


def test_an_adapted_teacher_can_have_fewer_tokens(
    texts: Path, corpora: Path, lettered: Path, tmp_path: Path
) -> None:
    options = {**QUICK, "corpus": str(corpora), "train": str(texts), "vocab_size": 60}
    result = adapt(teacher=str(lettered), output=str(tmp_path / "o"), **options)
    assert weights(result.output)["vocab_projector.bias"].shape == (60,)


def test_batches_without_a_mask_are_learned_from(run: Any, teacher: Path) -> None:
    result = run(teacher, mask_share=0.05, restrict_ce_to_mask=True, batch_tokens=64, epochs=1)
    assert all(np.isfinite(value) for value in result.scores.values())
