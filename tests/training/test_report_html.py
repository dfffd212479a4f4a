"""The page of a report: complete, safe, and readable alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from sample_report import sample_report, sample_split

from distilbert.training.plots import Plot
from distilbert.training.report import plain
from distilbert.training.report_html import answer_text, duration, page

PLOTS = {
    "curves": Plot(b"1", "Course", "curves in words"),
    "dev.confusion": Plot(b"2", "Confusions", "confusions in words"),
}
VOID = {"meta", "img", "br"}


class Checker(HTMLParser):
    """Fails where tags do not match; collects text and tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def checked(**changes: Any) -> Checker:
    return Checker(page(plain(sample_report(**changes)), PLOTS))


def test_the_title_has_no_hashes() -> None:
    text = checked(model="pypi:name==1.0#sha256=0123").text
    assert "text-classification: pypi:name==1.0 " in text
    assert "0123" not in text


def test_the_page_holds_what_a_reader_asks_for() -> None:
    text = checked().text
    for part in (
        "text-classification: owner/model",
        "0.75",
        "0.25 to 1",
        "1,234",
        "1 min 15 s",
        "22.7 M",
        "distilbert finetune card.toml --seed 1",
        "Some GPU",
        '"learning_rate": 5e-05',
        "Wrongest answers",
        "<good> $ (90%)",
        "Slowest examples",
        "34",
        "bad rows left out",
    ):
        assert part in text, part


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = page(plain(sample_report()), PLOTS)
    assert not re.search(r"https?:|//|@import|<link|<script|url\(", html)


def test_examples_and_labels_are_escaped() -> None:
    html = page(plain(sample_report()), PLOTS)
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<good>" not in html


def test_every_image_has_words() -> None:
    alts = [attributes["alt"] for tag, attributes in checked().tags if tag == "img"]
    assert alts == ["curves in words", "confusions in words"]


def test_the_score_that_decides_comes_first() -> None:
    text = checked().text
    scores = text[text.index("95 % interval") :]
    assert scores.index("accuracy") < scores.index("loss")


def test_an_evaluation_compares_two_models() -> None:
    comparison = {
        "model": "first",
        "against": "second",
        "scores": {"accuracy": 0.75},
        "scores_against": {"accuracy": 0.5},
        "differences": {
            "accuracy": {"difference": -0.25, "interval": (-0.5, 0.1), "p_value": 0.125}
        },
    }
    report = {
        "task": "text-classification",
        "model": "first",
        "metric": "accuracy",
        "splits": {"test": sample_split()},
        "comparison": comparison,
    }
    text = Checker(page(plain(report), {})).text
    for part in ("Evaluation", "first", "second", "-0.25", "-0.5 to 0.1", "0.125"):
        assert part in text


def test_a_report_of_nothing_is_still_a_page() -> None:
    assert "a model" in Checker(page({}, {})).text


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"label": "bad", "probabilities": [0.25, 0.75]}, "bad (75%)"),
        ({"labels": [], "probabilities": [0.25]}, "(none)"),
        ({"labels": ["a", "b"], "probabilities": [0.9, 0.8]}, "a, b"),
        ({"value": 2.5}, "2.5"),
        ({"text": "", "score": 1.0, "n_best": []}, "(none)"),
        ({"tags": ["O", "B-PER"], "loss": 0.1}, "O, B-PER"),
        ({"entities": [{"type": "PER", "text": "Anna", "first": 0}], "tags": []}, "Anna/PER"),
        ({"hidden": 12, "correct": 3, "loss": 1.0}, "hidden 12, correct 3"),
        (7, "7"),
    ],
)
def test_answers_are_told_in_a_few_words(answer: Any, words: str) -> None:
    assert answer_text(answer) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "40 ms"),
        (4.26, "4.3 s"),
        (42.4, "42 s"),
        (200.0, "3 min 20 s"),
        (7500.0, "2 h 5 min"),
    ],
)
def test_durations_are_told_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
