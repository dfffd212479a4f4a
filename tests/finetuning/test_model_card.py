"""The model card: front matter that hubs can read, scores, no folders of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sample_report import sample_report

from distilbert.finetuning.model_card import HUB_TASKS, model_card
from distilbert.heads import TASK_HEADS


def front_matter(card: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    _, text, _ = card.split("---\n", 2)
    return yaml.safe_load(text)


def test_the_front_matter_is_yaml_with_the_scores() -> None:
    found = front_matter(model_card(sample_report()))
    assert found["library_name"] == "transformers"
    assert found["pipeline_tag"] == "text-classification"
    assert found["base_model"] == "owner/model"
    assert found["metrics"] == ["accuracy", "matthews"]
    (result,) = found["model-index"][0]["results"]
    assert result["dataset"] == {
        "name": "hub:owner/set/part:dev",
        "type": "owner/set",
        "split": "dev",
    }
    assert [(one["type"], one["value"]) for one in result["metrics"]] == [
        ("loss", 0.4),
        ("accuracy", 0.75),
    ]


def test_the_hub_takes_the_card() -> None:
    """By its own reader of model-index, which ships with a dependency of ours."""
    from huggingface_hub import ModelCard

    data: Any = ModelCard(model_card(sample_report())).data
    assert data.model_name == "DistilBERT for text classification"
    results = data.eval_results or []
    assert [(one.metric_type, one.metric_value) for one in results] == [
        ("loss", 0.4),
        ("accuracy", 0.75),
    ]


def test_scores_stand_with_their_intervals_and_the_deciding_one_is_bold() -> None:
    text = model_card(sample_report())
    assert "| **accuracy** | 0.75 | 0.25 to 1 |" in text
    assert "| loss | 0.4 |  |" in text
    assert "| matthews | nan |  |" in text


def test_no_folder_of_the_machine_is_told() -> None:
    report = sample_report()
    report["card"]["model"] = "/home/somebody/models/mine"
    text = model_card(report)
    assert "somebody" not in text
    assert "`mine`, fine-tuned" in text
    assert "`train.csv`" in text
    assert "base_model" not in front_matter(text)


def test_hashes_of_a_source_are_left_to_the_card() -> None:
    report = sample_report()
    report["card"]["model"] = "pypi:name==1.0#sha256=0123"
    assert "`pypi:name==1.0`, fine-tuned" in model_card(report)


def test_a_folder_that_looks_like_a_hub_name_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert "base_model" not in front_matter(model_card(sample_report()))


def test_every_task_tells_how_it_is_used() -> None:
    assert set(HUB_TASKS) == set(TASK_HEADS)
    for task, (kind, name) in HUB_TASKS.items():
        text = model_card(sample_report(task=task))
        assert f'pipeline("{kind}", model="FOLDER")' in text
        assert f"{name}.from_pretrained" in text


def test_classes_of_transformers_exist() -> None:
    transformers = pytest.importorskip("transformers")
    assert all(hasattr(transformers, name) for _, name in HUB_TASKS.values())


def test_a_run_without_dev_and_test_says_that_nothing_was_measured() -> None:
    text = model_card(sample_report(splits={}))
    assert "Not measured" in text
    assert "model-index" not in front_matter(text)


def test_options_and_machine_are_told() -> None:
    text = model_card(sample_report())
    assert "| learning_rate | 5e-05 |" in text
    assert "ema" not in text
    assert "20 updates in 75 s with torch on Some CPU, 2 cores, Some GPU." in text


def test_labels_stand_in_their_order_with_their_thresholds() -> None:
    assert "## Answers" not in model_card(sample_report())
    text = model_card(sample_report(labels=["b", "a"]))
    assert "| number | label |\n|---:|---|\n| 0 | b |\n| 1 | a |\n" in text
    text = model_card(sample_report(labels=["b", "a"], thresholds=[0.25, 0.3]))
    assert "| 1 | a | 0.3 |" in text
    text = model_card(sample_report(null_threshold=-1.5))
    assert "exceeds that of the best span by more than -1.5." in text


def test_data_is_named_without_its_folders() -> None:
    report = sample_report()
    report["card"]["data"] |= {"train": ("/x/a.csv", "/x/b.csv"), "dev": (), "dev_split": 0.1}
    text = model_card(report)
    assert "of `a.csv, b.csv`." in text
    assert "`10 % of a.csv, b.csv`" in text
    report["card"]["data"]["train"] = ("memory:DataFrame of 20 rows",)
    assert "of `rows passed in Python (DataFrame of 20 rows)`." in model_card(report)


def test_a_label_with_a_bar_or_a_line_break_stays_in_its_cell() -> None:
    text = model_card({**sample_report(), "labels": ["a|b", "c\nd"]})
    assert "| 0 | a\\|b |\n| 1 | c d |" in text
