"""Values as HTML: numbers, shapes of tables, escaping."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from distilbert.training.plots import MOST_LABELS, Plot
from distilbert.training.report_tables import (
    MOST_ROWS,
    facts,
    figure,
    number,
    of_any_shape,
    table,
)


class Cells(HTMLParser):
    """The texts of a table's cells, row by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.caption = ""
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.inside = tag
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.inside in ("td", "th"):
            self.rows[-1][-1] += data
        if self.inside == "caption":
            self.caption += data


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (87.654321, "87.65"),
        (3e-5, "3e-05"),
        (123456.7, "123,457"),
        ("a", "a"),
        (["a", 1, 0.5], "a, 1, 0.5"),
        ([], "–"),
        ([{"type": "PER"}], '[{"type": "PER"}]'),
    ],
)
def test_numbers_are_short(value: Any, text: str) -> None:
    assert number(value) == text


def test_a_table_names_its_columns_and_rows() -> None:
    found = Cells(table(["a", "b"], [["<x>", 0.5], ["y", None]], caption="c & d"))
    assert found.rows == [["a", "b"], ["<x>", "0.5"], ["y", "–"]]
    assert found.caption == "c & d"


def test_no_text_becomes_markup() -> None:
    bad = "<img src=x onerror=alert(1)>"
    for html in (
        table([bad], [[bad, bad]], caption=bad),
        facts({bad: bad}),
        of_any_shape(bad, [{bad: bad}]),
        of_any_shape(bad, {bad: {bad: bad}}),
        of_any_shape(bad, {"labels": [bad], "counts": [[1]]}),
        figure(Plot(b"", bad, f'"{bad}"')),
    ):
        assert "<img src=x" not in html
        assert '"<' not in html.replace('"&lt;', "")


def test_long_tables_point_to_the_json() -> None:
    html = table(["n"], [[i] for i in range(MOST_ROWS + 5)])
    assert len(Cells(html).rows) == MOST_ROWS + 1
    assert "5 more rows are in report.json" in html


def test_rows_by_name_are_rows_whose_first_column_is_the_name() -> None:
    found = Cells(of_any_shape("per_type", {"PER": {"f1": 0.5}, "LOC": {"f1": 1.0}}))
    assert found.rows == [["", "f1"], ["PER", "0.5"], ["LOC", "1"]]
    assert found.caption == "per type"


def test_bins_tell_their_error() -> None:
    bins = [{"confidence": 0.5, "accuracy": 0.4, "n": 10}]
    found = Cells(of_any_shape("calibration", {"bins": bins, "error": 0.1}))
    assert found.caption == "calibration, expected error 0.1"
    assert found.rows[1] == ["0.5", "0.4", "10"]


def test_facts_are_names_and_values() -> None:
    found = Cells(of_any_shape("thresholds", {"a": 0.25}))
    assert found.rows == [["a", "0.25"]]
    assert of_any_shape("thresholds", {}) == ""


def test_a_confusion_matrix_is_shaded_by_shares_of_the_true_label() -> None:
    html = of_any_shape("confusion", {"labels": ["a", "b"], "counts": [[3, 1], [0, 0]]})
    assert Cells(html).rows == [["true", "a", "b"], ["a", "3", "1"], ["b", "0", "0"]]
    assert '<td class="n hit" style="--share:75%">3</td>' in html
    assert '<td class="n miss" style="--share:25%">1</td>' in html


def test_of_many_labels_the_most_frequent_mistakes_are_listed() -> None:
    n = MOST_LABELS + 1
    counts = [[0] * n for _ in range(n)]
    counts[0][1], counts[2][0], counts[3][3] = 5, 9, 100
    found = Cells(
        of_any_shape("confusion", {"labels": [f"L{i}" for i in range(n)], "counts": counts})
    )
    assert found.rows[1:] == [["L2", "L0", "9"], ["L0", "L1", "5"]]


def test_an_image_stands_in_the_page_with_words_for_it() -> None:
    html = figure(Plot(b"abc", "Title", "What it shows"))
    assert 'src="data:image/png;base64,YWJj"' in html  # base64 of "abc", RFC 4648
    assert 'alt="What it shows"' in html
