"""Result shapes and options of multiple choice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.errors import InputError
from distilbert.pipelines.factory import pipeline

ROW = {"prompt": "the cat sat on", "choices": ["a mat", "berlin", "run ."]}


@pytest.fixture
def pipe(tokenizer: Any) -> Any:
    return pipeline(
        "multiple-choice", ArithmeticRunner("multiple_choice", small_config()), tokenizer
    )


def test_choices_come_best_first_with_their_place(pipe: Any) -> None:
    answers = pipe(ROW)
    assert [list(answer) for answer in answers] == [["label", "score", "index"]] * 3
    assert all(ROW["choices"][answer["index"]] == answer["label"] for answer in answers)
    assert [a["score"] for a in answers] == sorted((a["score"] for a in answers), reverse=True)
    assert sum(a["score"] for a in answers) == pytest.approx(1.0)
    assert pipe(ROW, top_k=1) == answers[:1]


def test_an_index_without_a_name_comes_before_no_choice(pipe: Any) -> None:
    """As pandas writes it: the first column of a CSV file."""
    assert pipe({"": "7", **ROW}) == pipe(ROW)


def test_prompts_have_two_names_and_may_come_by_keyword(pipe: Any) -> None:
    answers = pipe(ROW)
    assert pipe(**ROW) == answers
    assert pipe(question=ROW["prompt"], choices=ROW["choices"]) == answers
    for choices in (tuple(ROW["choices"]), np.array(ROW["choices"])):
        assert pipe([{"question": ROW["prompt"], "choices": choices}]) == [answers]


@pytest.mark.parametrize(
    "row",
    [
        {"ctx": ROW["prompt"], "endings": ROW["choices"], "label": "1"},
        {"question": ROW["prompt"], "choices": {"text": ROW["choices"], "label": ["A", "B", "C"]}},
        {"prompt": ROW["prompt"], "A": "a mat", "B": "berlin", "C": "run .", "answer": "A"},
        {"id": 7, "prompt": ROW["prompt"], "choice_1": "a mat", "choice_2": "berlin"}
        | {"choice_3": "run .", "choice_4": ""},
    ],
)
def test_rows_are_read_as_fine_tuning_reads_them(pipe: Any, row: dict[str, Any]) -> None:
    assert pipe(row) == pipe(ROW)


def test_endings_of_swag_follow_the_beginning_of_their_sentence(pipe: Any) -> None:
    row = {"sent1": "the cat sat", "sent2": "the dog", "ending0": "ran", "ending1": "sat on"}
    choices = ["the dog ran", "the dog sat on"]
    assert pipe(row) == pipe({"prompt": "the cat sat", "choices": choices})


def test_the_order_of_choices_does_not_matter(pipe: Any) -> None:
    turned = pipe({**ROW, "choices": ROW["choices"][::-1]})
    assert [answer["label"] for answer in turned] == [answer["label"] for answer in pipe(ROW)]


def test_long_prompts_do_not_crash(pipe: Any) -> None:
    answers = pipe({"prompt": "the cat " * 200, "choices": ["a mat", "berlin " * 200]})
    assert len(answers) == 2


def test_wrong_rows_are_named(pipe: Any) -> None:
    with pytest.raises(InputError) as caught:
        pipe("the cat")
    assert str(caught.value) == (
        "`multiple-choice` takes rows {'prompt': str, 'choices': [str, ...]}: got str."
    )
    for wrong, name in (([], "list"), ("ab", "str"), (None, "NoneType")):
        with pytest.raises(InputError) as caught:
            pipe({"prompt": "a", "choices": wrong})
        assert str(caught.value) == f"`choices` must be a list of at least one text: got {name}."
