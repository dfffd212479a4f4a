"""Recipes work: tiny ones train, published ones read the files they were written for."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from recorded import GOLDEN

from distilbert.cli.main import main
from distilbert.distilling.card import AdaptCard, DistillCard
from distilbert.finetuning.datasets import read_examples
from distilbert.finetuning.tasks import task_of
from distilbert.training.card_file import read_card, with_changes

RECIPES = Path(__file__).resolve().parent.parent / "recipes"
TINY = sorted((RECIPES / "tiny").glob("*.toml"))
PUBLISHED = sorted((RECIPES / "finetune").glob("*.toml"))
SMALL = sorted((RECIPES / "small").glob("*.toml"))
SECOND_STAGE = RECIPES / "distill" / "squad_second_stage.toml"
DISTILL = sorted({*(RECIPES / "distill").rglob("*.toml")} - {SECOND_STAGE})
EMBEDDED = sorted(RECIPES.glob("embedded*.toml"))
# What the header of a published recipe must tell.
HEADER_LINES = ("# Reproduces: ", "# Expected dev score: ", "# Source: ", "# Time and hardware: ")
# Recipe -> a real file in its format, the rows that the README of the data counts in it, and what
# differs from the recipe's values file.
REAL: dict[str, tuple[str, int, dict[str, str]]] = {
    "cola": ("cola/dev.tsv.gz", 1301, {}),
    "sst2": ("sst2/test_sentences.tsv.gz", 1821, {}),
    "mrpc": ("mrpc/dev.tsv.gz", 408, {}),
    "stsb": ("stsb/dev.tsv.gz", 1500, {}),
    "qqp": ("qqp/dev.tsv.gz", 2000, {}),
    "qnli": ("qnli/dev.tsv.gz", 601, {}),
    "rte": ("rte/dev.tsv.gz", 363, {}),
    "wnli": ("wnli/dev.tsv.gz", 117, {}),
    "squad1": ("xquad/xquad.en.dev.json.gz", 451, {}),
    "squad2": ("squad2/half_dev.json.gz", 6078, {}),
    "swag": ("swag_sample/sample.jsonl", 10, {}),
    "conll_ner": ("wikigold/dev.conll.gz", 225, {"tags": "1"}),
}


def test_every_task_has_a_tiny_recipe_and_a_published_one() -> None:
    for paths in (TINY, PUBLISHED):
        assert len({read_card(path).task for path in paths}) == 5


@pytest.mark.parametrize("path", TINY, ids=lambda path: path.stem)
def test_a_tiny_recipe_trains(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    options = ["--model", str(GOLDEN / "doc" / "uncased"), "--output", str(output)]
    assert main(["finetune", str(path), *options, "--framework", "torch", "--device", "cpu"]) == 0
    assert "8 updates" in capsys.readouterr().out  # 2 epochs of 32 rows, 8 per update
    assert (output / "model.safetensors").is_file()
    again = read_card(output / "card.toml")
    assert again == with_changes(
        read_card(path),
        {"model": options[1], "output": str(output), "framework": "torch", "device": "cpu"},
    )


@pytest.mark.parametrize("path", [*DISTILL, *EMBEDDED], ids=lambda path: path.stem)
def test_a_recipe_of_distillation_states_its_source_and_command(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for beginning in (*HEADER_LINES[:1], "# Expected held-out loss: ", *HEADER_LINES[2:]):
        assert any(line.startswith(beginning) for line in lines), beginning
    command = next(line for line in lines if line.startswith("# Command: "))
    words = shlex.split(command.removeprefix("# Command: "))
    kind = {"distill": DistillCard, "adapt": AdaptCard}[words[1]]
    assert words[:3] == ["distilbert", words[1], path.relative_to(RECIPES.parent).as_posix()]
    read_card(path, kind)


@pytest.mark.parametrize("path", sorted((RECIPES / "distill" / "ablation").glob("*.toml")))
def test_an_ablation_differs_from_the_whole_recipe_in_one_field(path: Path) -> None:
    whole = read_card(RECIPES / "distill" / "minilm-3.toml", DistillCard).model_dump()
    other = read_card(path, DistillCard).model_dump()
    differing = [
        (section, name)
        for section in ("student", "data", "masking", "losses", "optimization", "evaluation")
        for name, value in whole[section].items()
        if other[section][name] != value
    ]
    expected = {
        "no_kl": [("losses", "kl_weight")],
        "no_cosine": [("losses", "cosine_weight")],
        "no_mlm": [("losses", "mlm_weight")],
        "random_init": [("student", "init")],
    }
    assert differing == expected[path.stem]


def test_the_ablation_is_reported_as_it_was_measured() -> None:
    path = RECIPES.parent / "benchmarks" / "results" / "distillation_ablation.json"
    measured = json.loads(path.read_text())
    cards = {"teacher": "minilm_adapted.toml", "minilm-3": "minilm-3.toml"}
    for model, run in measured["distillation"].items():
        if run:  # the control is not trained
            card = RECIPES / "distill" / cards.get(model, f"ablation/{model}.toml")
            header = f"# Expected held-out loss: {run['held_out']['loss']:.2f}"
            assert header in card.read_text(), card.name
    page = (RECIPES.parent / "docs" / "results.md").read_text().splitlines()
    assert all(line in page for line in measured["table"])


def test_the_tiny_recipe_of_distillation_trains(tmp_path: Path) -> None:
    output = tmp_path / "out"
    options = [
        "--teacher",
        str(GOLDEN / "doc" / "uncased"),
        "--output",
        str(output),
        "--allow-untrained",
    ]
    assert main(["distill", str(RECIPES / "distill" / "tiny.toml"), *options]) == 0
    assert (output / "model.safetensors").is_file()


def test_the_second_stage_has_the_values_of_the_original_and_reads_real_rows(shared: Path) -> None:
    card = read_card(SECOND_STAGE)
    of_losses, options = card.distillation, card.optimization
    assert (of_losses.teacher_weight, of_losses.temperature) == (0.5, 2.0)
    assert (options.epochs, options.batch_size, options.learning_rate) == (3.0, 8, 5e-5)
    assert (options.warmup, options.weight_decay, options.max_grad_norm) == (0.0, 0.0, 1.0)
    lines = SECOND_STAGE.read_text(encoding="utf-8").splitlines()
    for beginning in (*HEADER_LINES, "# What differs: "):
        assert any(line.startswith(beginning) for line in lines), beginning
    command = next(line for line in lines if line.startswith("# Command: "))
    words = shlex.split(command.removeprefix("# Command: "))
    assert words[:3] == [
        "distilbert",
        "finetune",
        SECOND_STAGE.relative_to(RECIPES.parent).as_posix(),
    ]
    assert set(words[3::2]) == {"--teacher", "--train", "--dev", "--output"}
    file, rows, _ = REAL["squad1"]
    card = with_changes(card, {"train": str(shared / "data" / file)})
    assert len(read_examples(card, task_of(card)).train) == rows


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_recipe_states_its_source_and_command(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    for beginning in HEADER_LINES:
        assert any(line.startswith(beginning) for line in lines), beginning
    command = next(line for line in lines if line.startswith("# Command: "))
    words = shlex.split(command.removeprefix("# Command: "))
    assert words[:3] == ["distilbert", "finetune", path.relative_to(RECIPES.parent).as_posix()]
    assert set(words[3::2]) == {"--train", "--dev", "--output"}


@pytest.mark.parametrize("name", REAL)
def test_a_published_recipe_reads_real_rows(name: str, shared: Path) -> None:
    file, rows, changes = REAL[name]
    path = str(shared / "data" / file)
    card = with_changes(
        read_card(RECIPES / "finetune" / f"{name}.toml"), {"train": path, **changes}
    )
    found = read_examples(card, task_of(card))
    assert (len(found.train), found.skipped) == (rows, 0)


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_a_small_recipe_and_the_table_contain_the_measured_scores(path: Path) -> None:
    measured = RECIPES.parent / "benchmarks" / "results" / "small_recipes.json"
    found = {one["card"]: one for one in json.loads(measured.read_text())["results"]}[path.name]
    assert found["header"] in path.read_text()
    assert found["row"] in (RECIPES.parent / "docs" / "results.md").read_text().splitlines()
    values = sorted(scores[found["metric"]] for scores in found["scores"].values())
    assert len(values) == 3
    assert values[1] == found["median"] > max(found["baselines"].values())
