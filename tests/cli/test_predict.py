"""`distilbert predict`: every task, from the line, from files and from a pipe."""

from __future__ import annotations

import json

import pytest

HEADS = {
    "text-classification": "sequence_classification",
    "token-classification": "token_classification",
    "fill-mask": "masked_lm",
    "question-answering": "question_answering",
    "multiple-choice": "multiple_choice",
}


def json_rows(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_texts_of_the_line_are_classified_in_order(run, checkpoint):
    model = checkpoint("sequence_classification")
    ran = run("predict", "sentiment-analysis", "-m", model, "a good film", "a bad dog", "--json")
    assert ran.code == 0, ran.err
    rows = json_rows(ran.out)
    assert [row["input"] for row in rows] == ["a good film", "a bad dog"]
    for row in rows:
        (answer,) = row["output"] if isinstance(row["output"], list) else [row["output"]]
        assert answer["label"] in ("BAD", "GOOD")
        assert 0.5 <= answer["score"] <= 1


def test_top_k_asks_for_more_answers(run, checkpoint):
    model = checkpoint("sequence_classification")
    ran = run("predict", "text-classification", "-m", model, "a film", "--top-k", 2, "--json")
    answers = json_rows(ran.out)[0]["output"]
    assert {answer["label"] for answer in answers} == {"BAD", "GOOD"}
    assert sum(answer["score"] for answer in answers) == pytest.approx(1)


def test_a_csv_column_is_named_and_results_go_to_a_file(run, checkpoint, tmp_path):
    (tmp_path / "reviews.csv").write_text('id,review\n1,"a good, good film"\n2,bad\n')
    ran = run(
        *("predict", "text-classification", "-m", checkpoint("sequence_classification")),
        *("--input", tmp_path / "reviews.csv", "--field", "text=review"),
        *("--output", tmp_path / "out.jsonl", "--json"),
    )
    assert (ran.code, ran.out) == (0, ""), ran.err
    rows = json_rows((tmp_path / "out.jsonl").read_text())
    assert [row["input"]["id"] for row in rows] == ["1", "2"]


def test_a_pipe_of_lines_gives_as_many_results(run, checkpoint):
    lines = b"".join(b"the dog ran home %d times\n" % number for number in range(300))
    model = checkpoint("token_classification")
    ran = run("predict", "ner", "-m", model, "--json", stdin=lines)
    assert ran.code == 0, ran.err
    rows = json_rows(ran.out)
    assert [row["input"] for row in rows] == lines.decode().splitlines()
    for row in rows:
        for entity in row["output"]:
            assert row["input"][entity["start"] : entity["end"]].strip()


def test_one_question_is_answered_from_the_line(run, checkpoint):
    context = "the dog sat on the mat . the cat ran home ."
    ran = run(
        *("predict", "question-answering", "-m", checkpoint("question_answering")),
        *("--question", "who ran home ?", "--context", context, "--json"),
    )
    assert ran.code == 0, ran.err
    answer = json_rows(ran.out)[0]["output"]
    assert context[answer["start"] : answer["end"]] == answer["answer"]
    half = run("predict", "question-answering", "-m", "x", "--question", "who ?")
    assert half.code == 1
    assert "`--question` and `--context` go together" in half.err


def test_choices_are_ranked(run, checkpoint):
    model = checkpoint("multiple_choice")
    line = ["predict", "multiple-choice", "-m", model, "the dog"]
    ran = run(*line, "--choice", "ran home", "--choice", "sat on the mat", "--json")
    assert ran.code == 0, ran.err
    row = json_rows(ran.out)[0]
    assert row["input"] == {"prompt": "the dog", "choices": ["ran home", "sat on the mat"]}
    assert run("predict", "multiple-choice", "-m", model, "--choice", "x").code == 1


def test_targets_limit_what_fills_a_mask(run, checkpoint):
    ran = run(
        *("predict", "fill-mask", "-m", checkpoint("masked_lm"), "the [MASK] ran ."),
        *("--target", "dog", "--target", "cat", "--json"),
    )
    assert ran.code == 0, ran.err
    assert {a["token_str"] for a in json_rows(ran.out)[0]["output"]} == {"dog", "cat"}


@pytest.mark.parametrize(
    ("task", "inputs"),
    [
        ("text-classification", ["a good film"]),
        ("ner", ["the dog ran home"]),
        ("fill-mask", ["the [MASK] ran ."]),
        ("question-answering", ["--question", "who ?", "--context", "the dog ran ."]),
        ("multiple-choice", ["the dog", "--choice", "ran", "--choice", "sat"]),
    ],
)
def test_people_get_a_readable_line_per_answer(run, checkpoint, task, inputs):
    head = HEADS["token-classification" if task == "ner" else task]
    ran = run("predict", task, "-m", checkpoint(head), *inputs)
    assert ran.code == 0, ran.err
    first, *answers = ran.out.splitlines()
    assert answers
    assert all(answer.startswith("  ") for answer in answers)
    assert not first.startswith("  ")


def test_a_model_without_the_head_is_used_with_a_warning_and_an_unknown_task_is_refused(
    run, checkpoint
):
    ran = run("predict", "guessing", "-m", checkpoint("base"), "x")
    assert ran.code == 1
    assert "`task` must be one of text-classification" in ran.err
