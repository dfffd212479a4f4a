"""Tables of choices are read by the columns of the well-known sets, or by those that are named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.sources import read_rows
from distilbert.tasks.multiple_choice.rows import (
    NO_CHOICES,
    NO_LABEL,
    NO_PROMPT,
    ChoiceColumns,
    Question,
    read_choices,
)
from distilbert.training.run_card import DataSection

ARC = ("question", "A", "B", "C", "D", "key")
CODAH = ("category", "prompt", "ending0", "ending1", "ending2", "ending3", "label")
# File -> names of its columns, and how often which choice is right, as the data's README counts.
FILES: dict[str, tuple[tuple[str, ...], list[int]]] = {
    "hellaswag/train.jsonl.gz": ((), [1740, 1781, 1794, 1690]),
    "hellaswag/dev.jsonl.gz": ((), [280, 219, 238, 246]),
    "codah/train.tsv.gz": (CODAH, [426, 402, 404, 433]),
    "codah/dev.tsv.gz": (CODAH, [149, 140, 124, 143]),
    "arc/arc_easy_train.csv.gz": (ARC, [519, 565, 545, 513]),
    "arc/arc_challenge_train.csv.gz": (ARC, [232, 293, 287, 283]),
    "commonsenseqa/dev_part1.jsonl.gz": ((), [159, 172, 159, 158, 152]),
}


def read(*values: dict[str, Any], **columns: Any) -> tuple[list[Question], Problems]:
    problems = Problems()
    rows = [Row(one, f"x line {i}") for i, one in enumerate(values, 1)]
    return read_choices(rows, problems, ChoiceColumns(**columns)), problems


def good(*values: dict[str, Any], **columns: Any) -> list[Question]:
    questions, problems = read(*values, **columns)
    assert not len(problems), problems.report()
    return questions


@pytest.mark.parametrize("file", FILES)
def test_real_files_have_the_labels_they_should(shared: Path, file: str) -> None:
    names, counts = FILES[file]
    problems = Problems()
    data = DataSection(column_names=names)
    rows = read_rows(str(shared / "data" / file), data=data, problems=problems)
    questions = read_choices(rows, problems, ChoiceColumns())
    assert not len(problems), problems.report()
    found = Counter(question.truth for question in questions)
    assert [found[i] for i in range(len(counts))] == counts


def test_swags_second_sentence_begins_each_choice(shared: Path) -> None:
    source = str(shared / "data" / "swag_sample" / "sample.jsonl")
    rows = read_rows(source, data=DataSection(), problems=Problems())
    first, *others = read_choices(rows, Problems(), ChoiceColumns())
    assert len(others) == 9
    assert first.prompt.startswith("Members of the procession walk")
    assert first.choices[1] == "A drum line has heard approaching them."
    assert first.truth == 0


@pytest.mark.parametrize(
    ("values", "choices", "truth"),
    [
        ({"ctx": "p", "endings": ["a", "b", "c"], "label": "2"}, ("a", "b", "c"), 2),
        (
            {
                "question": "p",
                "choices": {"label": ["A", "B"], "text": ["a", "b"]},
                "answerKey": "B",
            },
            ("a", "b"),
            1,
        ),
        (
            {
                "question": "p",
                "choices": {"label": ["1", "2"], "text": ["a", "b"]},
                "answerKey": "1",
            },
            ("a", "b"),
            0,
        ),
        (
            {
                "question": "p",
                "choices": [{"label": "A", "text": "a"}, {"label": "B", "text": "b"}],
                "answerKey": "B",
            },
            ("a", "b"),
            1,
        ),
        ({"sentence": "p", "option1": "a", "option2": "b", "answer": "2"}, ("a", "b"), 1),
        ({"question": "p", "A": "a", "B": "b", "C": "c", "key": "C"}, ("a", "b", "c"), 2),
        ({"prompt": "p", "choices": ["a", "b"], "label": "b"}, ("a", "b"), 1),
        ({"prompt": "p", "choice_a": "a", "choice_b": "b", "label": 0.0}, ("a", "b"), 0),
        (
            {"question_propmt": "p", "candidate_answers": ["a", "b"], "correct_answer_idx": 1},
            ("a", "b"),
            1,
        ),
    ],
)
def test_columns_are_known_by_their_names(
    values: dict[str, Any], choices: tuple[str, ...], truth: int
) -> None:
    assert good(values) == [Question("p", choices, truth, "x line 1")]


def test_named_columns_are_taken_instead() -> None:
    row = {"question": "no", "q": "p", "x": "a", "y": "b", "label": 0, "right": "b"}
    (question,) = good(row, prompt="q", choices=("x", "y"), label="right")
    assert question == Question("p", ("a", "b"), 1, "x line 1")


def test_rows_may_offer_different_numbers_of_choices() -> None:
    row = {"question": "p", "A": "a", "B": "b"}
    questions = good(
        {**row, "C": "c", "D": "d", "key": "D"},
        {**row, "C": "c", "D": "", "key": "C"},
        {**row, "C": None, "D": None, "key": "A"},
    )
    assert [(len(one.choices), one.truth) for one in questions] == [(4, 3), (3, 2), (2, 0)]


def test_numbers_count_from_1_where_they_reach_the_count_and_never_0() -> None:
    row = {"prompt": "p", "choices": ["a", "b", "c"]}
    from_1 = good({**row, "label": 1}, {**row, "label": 3})
    assert [one.truth for one in from_1] == [0, 2]
    from_0 = good({**row, "label": 1}, {**row, "label": 2})
    assert [one.truth for one in from_0] == [1, 2]
    told = good({**row, "label": 1}, {**row, "label": 2}, first=1)
    assert [one.truth for one in told] == [0, 1]


def test_choices_that_are_numbers_are_not_taken_for_labels_that_are() -> None:
    row = {"prompt": "p", "choices": ["1", "2", "0"]}
    assert [one.truth for one in good({**row, "label": "0"}, {**row, "label": "2"})] == [0, 2]


def test_a_label_that_could_be_a_number_or_a_text_is_told() -> None:
    row = {"prompt": "p", "choices": ["1", "2", "3"]}
    questions, problems = read(
        {**row, "label": "1"}, {"prompt": "p", "choices": ["a", "b"], "label": "b"}
    )
    assert [one.truth for one in questions] == [1]
    assert problems.found == {NO_LABEL: [("x line 1", "'1'")]}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"prompt": " "}, NO_PROMPT),
        ({"prompt": None}, NO_PROMPT),
        ({"choices": ["a"]}, NO_CHOICES),
        ({"choices": "ab"}, NO_CHOICES),
        ({"choices": ["a", ""]}, NO_CHOICES),
        ({"choices": ["a", 3]}, NO_CHOICES),
        ({"label": 3}, NO_LABEL),
        ({"label": -1}, NO_LABEL),
        ({"label": "H"}, NO_LABEL),
        ({"label": ""}, NO_LABEL),
        ({"label": None}, NO_LABEL),
        ({"label": True}, NO_LABEL),
        ({"label": 0.5}, NO_LABEL),
        ({"label": float("nan")}, NO_LABEL),
        ({"label": "x", "choices": ["x", "x"]}, NO_LABEL),
        ({"choices": {"label": ["A", "B"], "text": ["a", "b"]}, "label": "C"}, NO_LABEL),
        ({"choices": {"label": ["A", "B", "C"], "text": ["a", "b"]}, "label": "C"}, NO_LABEL),
    ],
)
def test_bad_rows_are_told_and_the_good_ones_kept(changes: dict[str, Any], rule: str) -> None:
    row = {"prompt": "p", "choices": ["a", "b"], "label": 0}
    questions, problems = read({**row, **changes}, row)
    assert [one.truth for one in questions] == [0]
    assert [place for place, _ in problems.found[rule]] == ["x line 1"]
    assert len(problems) == 1


def test_missing_columns_are_told_with_those_there_are() -> None:
    questions, problems = read({"promt": "p", "endings": ["a"], "nr": 1}, prompt="prompt")
    assert questions == []
    first, second = problems.of_sources
    assert first.startswith(
        "`prompt` must name a column of the data, which has: promt, endings, nr. Got 'prompt'. "
        "Nearest: promt."
    )
    assert second.startswith("`label` must name a column")


def test_no_choices_at_all_are_told_too() -> None:
    _, problems = read({"prompt": "p", "label": 1})
    (rule,) = problems.of_sources
    assert rule.startswith("`choices` must name a column of the data, which has: prompt, label.")


def test_no_rows_are_no_problem() -> None:
    questions, problems = read()
    assert (questions, len(problems)) == ([], 0)


def test_missing_values_are_those_of_the_data() -> None:
    row = {"prompt": "p", "choices": ["a", "NA"], "label": 0}
    questions, problems = read(row, {**row, "prompt": "nan"})
    assert questions == []
    assert [rule.split(" (")[0] for rule in problems.found] == [
        "A choice must not be a missing value",
        "A prompt must not be a missing value",
    ]
    assert good(row, missing=())[0].choices == ("a", "NA")
    columns = {"sent1": "p", "sent2": "We", "ending0": "a", "ending1": "b", "ending2": "nan"}
    assert good({**columns, "label": 1})[0].choices == ("We a", "We b")
    _, problems = read({**row, "choices": ["a", "-"], "label": "-"}, missing=("x", "-"))
    assert len(problems) == 1


def test_lists_may_be_written_as_text() -> None:
    row = {"prompt": "p", "choices": "['a' \"it's\"]", "label": "1"}
    assert good(row)[0].choices == ("a", "it's")
    row["choices"] = '{"label": ["A", "B"], "text": ["a", "b"]}'
    (question,) = good({**row, "label": "B"})
    assert (question.choices, question.truth) == (("a", "b"), 1)
