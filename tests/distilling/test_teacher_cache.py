"""What a teacher says is computed once, and runs that read it end as the description says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from killing import Killed

from distilbert import AutoTokenizer, DistilBertForMaskedLM, adapt, distill
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.data import token_rows
from distilbert.distilling.assembly import Distillation, Teacher, corpus_of, student_for
from distilbert.distilling.card import DistillCard
from distilbert.distilling.messages import decisions, running_the_teacher
from distilbert.errors import CheckpointError, RunCardError, TrainingError
from distilbert.opening import find_model
from distilbert.torch.teacher_targets import TeacherTargets
from distilbert.training.card_file import as_card

QUICK: dict[str, Any] = {
    "epochs": 3,
    "batch_tokens": 512,
    "learning_rate": 5e-3,
    "held_out": 0.1,
    "min_length": 5,
    "tensorboard": False,
    "report": False,
    "log_every": 1,
    "cache_teacher": "sampled",
    "cache_words": 16,
    "allow_untrained": True,  # teachers here are random
}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_rows, "SHARD_ROWS", 500)


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpora")


@pytest.fixture
def run(texts: Path, corpora: Path, teacher: Path, tmp_path: Path) -> Any:
    def distilled(output: str = "o", **changes: Any) -> Any:
        options = {**QUICK, "corpus": str(corpora), "train": str(texts), **changes}
        if options.get("cache_teacher"):
            options.setdefault("cache_folder", str(tmp_path / "cache"))
        return distill(**{"teacher": str(teacher), "output": str(tmp_path / output), **options})

    return distilled


@pytest.fixture
def no_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher that must not be run."""

    def refused(*args: Any, **options: Any) -> None:
        raise AssertionError("the teacher was loaded")

    monkeypatch.setattr(Distillation, "_teacher_model", refused)
    monkeypatch.setattr("distilbert.distilling.predictions.runner_of", refused)


def assembled(
    teacher: Path,
    texts: Path,
    corpora: Path,
    tmp_path: Path,
    *,
    fills: bool = True,
    **changes: Any,
) -> Distillation:
    options = {**QUICK, "train": str(texts), "corpus": str(corpora), "output": str(tmp_path / "o")}
    options |= {"teacher": str(teacher), "cache_folder": str(tmp_path / "cache"), **changes}
    options.pop("allow_untrained")
    card = as_card(None, options, DistillCard)
    source = Teacher.of(find_model(teacher, framework="torch"))
    run = Distillation(card, source, student_for(card, source.weights), corpus_of(card, source))
    if fills:
        run.fill_cache()
    return run


def weights(folder: Path) -> dict[str, np.ndarray]:
    return dict(open_checkpoint(folder))


def assert_same(one: Path, other: Path) -> None:
    for name, array in weights(one).items():
        np.testing.assert_array_equal(array, weights(other)[name])


def shards(tmp_path: Path) -> dict[str, int]:
    """Shards by name, with the time of their last change."""
    found = (tmp_path / "cache").rglob("*.bin")
    return {f"{path.parent.name}/{path.name}": path.stat().st_mtime_ns for path in found}


def test_the_second_run_and_one_with_other_weights_run_no_teacher(
    run: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first = run()
    assert 0 <= first.scores["agreement"] <= 1
    written = shards(tmp_path)
    assert {name.split("-")[0] for name in written} == {"states", "sampled"}
    request.getfixturevalue("no_teacher")
    assert_same(first.output, run("again").output)
    run("weights", max_steps=1, kl_weight=0, mlm_weight=0, n_layers=1)
    run("words", max_steps=1, cosine_weight=0)
    assert shards(tmp_path) == written


def test_other_words_share_the_hidden_states(run: Any, tmp_path: Path) -> None:
    run(max_steps=1)
    written = shards(tmp_path)
    run("top", max_steps=1, cache_teacher="top", temperature=3)
    added = {name.split("-")[0] for name in shards(tmp_path).keys() - written.keys()}
    assert added == {"top"}
    run("more", max_steps=1, cache_masks=2)
    added = {name.split("/")[1][:9] for name in shards(tmp_path).keys() - written.keys()}
    assert added >= {"masks-001"}
    assert written.items() <= shards(tmp_path).items()


def test_another_corpus_teacher_or_seed_has_a_cache_of_its_own(
    run: Any, texts: Path, tmp_path: Path
) -> None:
    run(max_steps=1)
    written = shards(tmp_path)
    other = tmp_path / "other.txt"
    other.write_text(texts.read_text() + "the old film was very good and the new day was dark\n")
    others = ({"train": str(other)}, {"seed": 7}, {"mask_probability": 0.3}, {"mask_share": 0.5})
    for n, changes in enumerate(others):
        known = shards(tmp_path)
        run(f"other-{n}", max_steps=1, **changes)
        assert len(shards(tmp_path)) >= len(known) + len(written) - 2
    assert written.items() <= shards(tmp_path).items()


def test_all_words_give_the_losses_of_the_live_teacher(run: Any) -> None:
    cached = run(cache_teacher="top", cache_words=1000, cache_masks=3, dropout=0.0)
    live = run("live", cache_teacher=None, cache_words=64, dropout=0.0)
    assert cached.scores == pytest.approx(live.scores, rel=5e-3, abs=5e-3)


@pytest.mark.parametrize("kind", ["sampled", "top"])
def test_a_cache_in_bfloat16_gives_losses_near_those_in_float32(run: Any, kind: str) -> None:
    options = {"cache_teacher": kind, "max_steps": 2, "dropout": 0.0}
    one = run("one", **options).scores
    other = run("other", precision="bfloat16", **options).scores
    for name in ("kl_loss", "mlm_loss", "cosine_loss"):
        assert other[name] == pytest.approx(one[name], rel=0.05, abs=0.05)


def test_batches_and_packing_do_not_change_what_is_read(
    teacher: Path, texts: Path, corpora: Path, tmp_path: Path
) -> None:
    made = assembled(teacher, texts, corpora, tmp_path)
    assert made.cache is not None
    update = next(made.feed.updates(0, 1, lambda step: 0.0))
    losses = {}
    for packing in (True, False):
        options: dict[str, Any] = {"packing": packing, "dropout": 0.0}
        one = assembled(teacher, texts, corpora, tmp_path, **options)
        losses[packing] = dict(one.trainer.update(update).losses)
    assert losses[True] == pytest.approx(losses[False], rel=1e-5)
    cache, part = made.cache, made.cache.parts[0]
    batch = made.train.make([5], [np.random.default_rng((made.card.seed, 0, 5))])
    alone = cache.attach(batch, [5], 0)
    maker = TeacherTargets(
        made._teacher_model(), cache.words, states=True, device=torch.device("cpu"), dtype=None
    )
    found = maker(batch, cache._places(0, 5, int(part.lengths[5])))
    np.testing.assert_array_equal(alone["teacher_ids"][0], found["ids"])
    np.testing.assert_allclose(alone["teacher_states"][0], found["states"], atol=2e-3)
    assert alone["teacher_ids"].shape == (1, part.lengths[5], 16)


def test_a_resumed_run_ends_with_the_same_weights(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(step: int, scores: Any) -> None:
        raise Killed

    whole = run("whole", checkpoint_every=1, cache_masks=2)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Killed):
        run("cut", checkpoint_every=1, cache_masks=2, on_scores=killed, cache_folder="cache")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert_same(whole.output, distill(resume=True, output=str(tmp_path / "cut")).output)


def test_a_run_killed_while_the_teacher_runs_continues_with_what_is_there(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run("whole", cache_folder=str(tmp_path / "other"))
    write, written = token_rows.TokenRows.write, []

    def killed(*args: Any) -> None:
        if len(written) == 3:
            raise Killed
        written.append(args)
        write(*args)

    with monkeypatch.context() as patched:
        patched.setattr(token_rows.TokenRows, "write", killed)
        with pytest.raises(Killed):
            run()
    kept = shards(tmp_path)
    assert len(kept) == 3
    assert not (tmp_path / "o").exists()
    assert_same(whole.output, run().output)
    assert kept.items() <= shards(tmp_path).items()


def test_an_interrupted_teacher_says_that_the_command_continues(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(token_rows.TokenRows, "write", interrupted)
    with pytest.raises(KeyboardInterrupt, match=r"is kept in .*cache\. The same command continues"):
        run()


def test_a_damaged_shard_is_computed_again_and_damaged_ids_are_named(
    run: Any, tmp_path: Path
) -> None:
    first = run()
    states = next((tmp_path / "cache").glob("states-*/masks-000-00001.bin"))
    content = states.read_bytes()
    states.write_bytes(content[:-7])
    assert_same(first.output, run("again").output)
    assert states.read_bytes() == content
    words = next((tmp_path / "cache").glob("sampled-*/masks-000-00000.bin"))
    words.write_bytes(b"\xff" * len(words.read_bytes()))
    with pytest.raises(CheckpointError, match=r"must hold ids of the vocabulary: .* is damaged"):
        run("third")
    info = next((tmp_path / "cache").glob("states-*/rows.json"))
    info.write_text(info.read_text().replace('"seed": 56', '"seed": 57'))
    with pytest.raises(CheckpointError, match=r"differs in seed\. Delete the folder"):
        run("fourth")


def test_a_disk_that_is_too_small_is_named_before_the_teacher_runs(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(TrainingError, match=r"GB are missing in .*, and 0\.0 GB are free"):
        run()
    assert not shards(tmp_path)


def test_the_size_and_the_time_are_said(
    teacher: Path,
    texts: Path,
    corpora: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = assembled(teacher, texts, corpora, tmp_path, fills=False)
    assert running_the_teacher(made) is not None
    assert "where some are missing" in capsys.readouterr().err
    first = decisions(assembled(teacher, texts, corpora, tmp_path))
    assert running_the_teacher(made) is None
    line = next(one for one in first if one.startswith("Cache:"))
    assert line.startswith("Cache:   16 sampled words and hidden states of ")
    assert "computed now in" in line
    second = decisions(assembled(teacher, texts, corpora, tmp_path))
    assert any(one.endswith("; from earlier runs") for one in second)
    words: dict[str, Any] = {"kl_weight": 0, "cosine_weight": 0}
    third = decisions(assembled(teacher, texts, corpora, tmp_path, **words))
    assert "Cache:   nothing, as no loss compares with the teacher" in third


def test_an_encoder_keeps_its_states_alone_and_is_adapted_near_them(
    run: Any, encoder: Path, texts: Path, corpora: Path, tmp_path: Path
) -> None:
    hidden = {"kl_weight": 0, "mlm_weight": 0}
    assert "cosine_loss" in run(teacher=str(encoder), max_steps=1, **hidden).scores
    assert {name.split("-")[0] for name in shards(tmp_path)} == {"states"}
    options = {**QUICK, "train": str(texts), "corpus": str(corpora), "max_steps": 2}
    options |= {"cache_folder": str(tmp_path / "cache"), "dropout": 0.0}
    cached = adapt(teacher=str(encoder), output=str(tmp_path / "cached"), **options)
    options = {name: value for name, value in options.items() if not name.startswith("cache_")}
    live = adapt(teacher=str(encoder), output=str(tmp_path / "live"), **options)
    assert cached.scores == pytest.approx(live.scores, rel=1e-2, abs=1e-4)


def test_a_vocabulary_smaller_or_larger_than_the_embeddings_works(
    run: Any, teacher: Path, lettered: Path, tmp_path: Path
) -> None:
    larger = tmp_path / "larger"
    model = DistilBertForMaskedLM.from_pretrained(teacher)
    model.resize_token_embeddings(model.config.vocab_size + 9)
    with torch.no_grad():
        model.vocab_projector.bias[-9:] = 100.0  # always the most likely
    model.save_pretrained(larger)
    AutoTokenizer.from_pretrained(teacher).save_pretrained(larger)
    result = run(teacher=str(larger), max_steps=2)
    assert result.scores["kl_loss"] > 0
    trimmed = run("trimmed", max_steps=2, vocab_size=70, teacher=str(lettered))
    assert DistilBertForMaskedLM.from_pretrained(trimmed.output).config.vocab_size == 70


def test_two_processes_train_what_one_does(
    run: Any, teacher: Path, texts: Path, corpora: Path, tmp_path: Path
) -> None:
    options = {**QUICK, "dropout": 0.0, "cache_folder": str(tmp_path / "shared")}
    one = run("one", **options)
    options |= {"teacher": str(teacher), "train": str(texts), "corpus": str(corpora)}
    options["cache_folder"] = str(tmp_path / "two-cache")
    script = tmp_path / "distil.py"
    script.write_text(
        "from distilbert import distill\n"
        f"distill(output={str(tmp_path / 'two')!r}, **{options!r})\n"
    )
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    subprocess.run([*launch, str(script)], check=True, timeout=300, capture_output=True)
    both = weights(tmp_path / "two")
    for name, array in weights(one.output).items():
        np.testing.assert_allclose(both[name], array, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value_weight": 1}, "need layers and logits of the teacher"),
        ({"attention_weight": 1}, "need layers and logits of the teacher"),
        ({"mse_weight": 1}, "need layers and logits of the teacher"),
        ({"kl_share": 0.5}, "`kl_share` draws other tokens in every epoch"),
        ({"cache_teacher": None, "cache_folder": "x"}, "`cache_folder` are about what"),
        ({"cache_teacher": None, "cache_words": 3}, "`cache_folder` are about what"),
        ({"cache_teacher": "all"}, "`cache_teacher` must be 'sampled' or 'top'"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_any_work(
    run: Any, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunCardError, match=message):
        run(**changes)
    assert list(tmp_path.iterdir()) == []
