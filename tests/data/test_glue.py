"""GLUE's tasks: columns under one name, labels in the published order, the official metrics.

Label orders and metrics are those of the paper's Table 1 and of the published data sets.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from distilbert.data.glue import GLUE, glue_task
from distilbert.data.problems import Problems
from distilbert.data.sources import read_rows
from distilbert.errors import DataError
from distilbert.training.run_card import DataSection

METRICS = {
    "cola": ("matthews",),
    "sst2": ("accuracy",),
    "mrpc": ("f1", "accuracy"),
    "stsb": ("pearson", "spearman"),
    "qqp": ("f1", "accuracy"),
    "mnli": ("accuracy",),
    "qnli": ("accuracy",),
    "rte": ("accuracy",),
    "wnli": ("accuracy",),
}
# Rows and labels as the data's README counts them.
FILES: dict[tuple[str, str], tuple[int, dict[str, int]]] = {
    ("cola", "cola/train"): (7250, {"unacceptable": 2162, "acceptable": 5088}),
    ("cola", "cola/dev"): (1301, {"unacceptable": 366, "acceptable": 935}),
    ("sst2", "sst2/dev_phrases"): (5182, {"negative": 2286, "positive": 2896}),
    ("sst2", "sst2/test_sentences"): (1821, {"negative": 912, "positive": 909}),
    ("mrpc", "mrpc/train"): (3668, {"not_equivalent": 1194, "equivalent": 2474}),
    ("mrpc", "mrpc/dev"): (408, {"not_equivalent": 129, "equivalent": 279}),
    ("qqp", "qqp/train"): (12000, {"not_duplicate": 7479, "duplicate": 4521}),
    ("qqp", "qqp/dev"): (2000, {"not_duplicate": 1274, "duplicate": 726}),
    ("qnli", "qnli/train"): (3778, {"entailment": 1866, "not_entailment": 1912}),
    ("qnli", "qnli/dev"): (601, {"entailment": 310, "not_entailment": 291}),
    ("rte", "rte/train"): (2127, {"entailment": 1078, "not_entailment": 1049}),
    ("rte", "rte/dev"): (363, {"entailment": 171, "not_entailment": 192}),
    ("wnli", "wnli/train"): (518, {"not_entailment": 257, "entailment": 261}),
    ("wnli", "wnli/dev"): (117, {"not_entailment": 66, "entailment": 51}),
    ("mnli", "snli/dev"): (984, {"entailment": 334, "neutral": 321, "contradiction": 329}),
}


def test_the_official_metrics() -> None:
    assert {name: task.metrics for name, task in GLUE.items()} == METRICS
    assert {name: task.metric for name, task in GLUE.items()} == {
        **{name: metrics[0] for name, metrics in METRICS.items()},
        "stsb": "pearson_spearman",
    }
    assert {name for name, task in GLUE.items() if task.problem_type == "regression"} == {"stsb"}


@pytest.mark.parametrize(("written", "name"), [("SST-2", "sst2"), ("STS_B", "stsb")])
def test_names_may_be_written_as_in_the_paper(written: str, name: str) -> None:
    assert glue_task(written).name == name


def test_an_unknown_task_is_reported_with_the_nine_there_are() -> None:
    with pytest.raises(DataError) as caught:
        glue_task("snli")
    assert str(caught.value) == (
        "`glue` must be one of cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli: got 'snli'."
    )


@pytest.mark.parametrize(
    ("name", "values", "named"),
    [
        (
            "qnli",
            {"question": "q", "sentence": "s", "label": "entailment"},
            ("q", "s", "entailment"),
        ),
        ("mrpc", {"Quality": "1", "#1 String": "a", "#2 String": "b"}, ("a", "b", "equivalent")),
        ("mrpc", {"label": 0, "sentence1": "a", "sentence2": "b"}, ("a", "b", "not_equivalent")),
        ("mnli", {"premise": "a", "hypothesis": "b", "label": 2}, ("a", "b", "contradiction")),
        (
            "mnli",
            {"sentence1": "a", "sentence2": "b", "label1": "x", "gold_label": "neutral"},
            ("a", "b", "neutral"),
        ),
        ("sst2", {"sentence": "a", "label": "1"}, ("a", None, "positive")),
        ("stsb", {"sentence1": "a", "sentence2": "b", "score": "3.8"}, ("a", "b", "3.8")),
        ("rte", {"sentence1": "a", "sentence2": "b", "label": -1}, ("a", "b", -1)),
        ("rte", {"sentence1": "a", "label": "2"}, ("a", None, "2")),
    ],
)
def test_columns_and_labels_get_their_names(
    name: str, values: dict[str, Any], named: tuple[Any, ...]
) -> None:
    found = glue_task(name).named(values)
    assert (found.get("text"), found.get("text_pair"), found.get("label")) == named
    assert set(values) <= set(found)


def test_only_colas_files_without_a_header_get_names_from_the_task(tmp_path: Path) -> None:
    def columns(content: str, glue: str) -> list[str]:
        (tmp_path / "a.tsv").write_text(content)
        data = DataSection(glue=glue)
        (row,) = read_rows(str(tmp_path / "a.tsv"), data=data, problems=Problems())
        return list(row.values)

    assert columns("gj04\t1\t\tBill broke it.\n", "cola")[:3] == ["source", "label", "star"]
    assert columns("sentence\tlabel\nBill broke it.\t1\n", "cola")[:2] == ["sentence", "label"]
    assert columns("a\tb\tc\tsentence\n1\t2\t3\t4\n", "sst2")[:2] == ["a", "b"]


@pytest.mark.parametrize(("name", "file"), FILES)
def test_real_files_have_the_rows_and_labels_they_should(
    shared: Path, name: str, file: str
) -> None:
    problems = Problems()
    source = str(shared / "data" / f"{file}.tsv.gz")
    rows = read_rows(source, data=DataSection(glue=name), problems=problems)
    assert not len(problems)
    n_rows, labels = FILES[name, file]
    assert len(rows) == n_rows
    assert Counter(row.values["label"] for row in rows) == labels
    n_texts = 1 if name in ("cola", "sst2") else 2
    assert all(isinstance(row.values["text"], str) for row in rows)
    assert all(("text_pair" in row.values) == (n_texts == 2) for row in rows)


@pytest.mark.parametrize(("part", "n_rows", "mean"), [("train", 5749, 2.701), ("dev", 1500, 2.364)])
def test_similarities_are_values(shared: Path, part: str, n_rows: int, mean: float) -> None:
    source = str(shared / "data" / "stsb" / f"{part}.tsv.gz")
    rows = read_rows(source, data=DataSection(glue="stsb"), problems=Problems())
    values = [float(row.values["label"]) for row in rows]
    assert len(values) == n_rows
    assert round(sum(values) / n_rows, 3) == mean
