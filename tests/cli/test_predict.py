"""`distilbert predict`: every task, from the line, from files and from a pipe."""

from __future__ import annotations

import csv
import json
import shutil

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
    assert "`--question` needs `--context`, texts or `--input`: got none." in half.err
    half = run("predict", "question-answering", "-m", "x", "--context", "who ?")
    assert "`--context` needs `--question`" in half.err


def test_no_answer_is_an_answer_on_request(run, checkpoint):
    line = ["predict", "qa", "-m", checkpoint("question_answering"), "--json"]
    line += ["--question", "who ran home ?", "--context", "the dog sat ."]
    answers = [
        json_rows(run(*line, *options).out)[0]["output"]["answer"]
        for options in (
            [],
            ["--handle-impossible-answer", "--null-threshold", -100],
            ["--handle-impossible-answer", "--null-threshold", 100],
            ["--no-handle-impossible-answer", "--null-threshold", -100],
        )
    ]
    assert answers[1] == ""
    assert answers[0] == answers[2] == answers[3] != ""


def test_questions_without_an_answer_suggest_the_option_for_them(run, checkpoint, tmp_path):
    row = '{"question": "who ran ?", "context": "the dog sat .", "is_impossible": true}\n'
    (tmp_path / "in.jsonl").write_text(2 * row)
    line = ["predict", "qa", "-m", checkpoint("question_answering"), "-i", tmp_path / "in.jsonl"]
    assert "2 of the questions have no answer (`is_impossible`), but" in run(*line).err
    assert run(*line, "--handle-impossible-answer").err == ""


def test_choices_are_ranked(run, checkpoint):
    model = checkpoint("multiple_choice")
    line = ["predict", "multiple-choice", "-m", model, "the dog"]
    ran = run(*line, "--choice", "ran home", "--choice", "sat on the mat", "--json")
    assert ran.code == 0, ran.err
    row = json_rows(ran.out)[0]
    assert row["input"] == {"prompt": "the dog", "choices": ["ran home", "sat on the mat"]}
    assert run("predict", "multiple-choice", "-m", model, "--choice", "x").code == 1


def test_choices_are_columns_as_in_fine_tuning(run, checkpoint, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(checkpoint("multiple_choice"), model)
    line = ["predict", "multiple-choice", "-m", model, "--json"]
    (tmp_path / "in.csv").write_text("prompt,ending0,ending1\nthe dog,ran home,sat\n")
    (row,) = json_rows(run(*line, "--input", tmp_path / "in.csv").out)
    assert {answer["label"] for answer in row["output"]} == {"ran home", "sat"}
    (model / "card.toml").write_text('[data]\nprompt = "start"\nchoices = ["good", "bad"]\n')
    (tmp_path / "in.csv").write_text("bad,good,start\nsat,ran home,the dog\n")
    (other,) = json_rows(run(*line, "--input", tmp_path / "in.csv").out)
    assert other["output"] == row["output"]


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


def test_a_table_keeps_its_columns_beside_the_answers(run, checkpoint, tmp_path):
    (tmp_path / "in.csv").write_text("id,sentence,label\n1,a good film,GOOD\n2,bad,BAD\n")
    line = ["predict", "sentiment-analysis", "-m", checkpoint("sequence_classification")]
    line += ["--input", tmp_path / "in.csv"]
    ran = run(*line, "--output", tmp_path / "out.csv", "--top-k", "all")
    assert (ran.code, ran.out) == (0, ""), ran.err
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        *("id", "sentence", "label", "prediction", "score", "score_BAD", "score_GOOD")
    ]
    assert [(row["id"], row["sentence"], row["label"]) for row in rows] == [
        ("1", "a good film", "GOOD"),
        ("2", "bad", "BAD"),
    ]
    assert all(row["score"] == row[f"score_{row['prediction']}"] for row in rows)
    assert run(*line, "--output", tmp_path / "out.jsonl").code == 0
    lines = json_rows((tmp_path / "out.jsonl").read_text())
    assert [list(row) for row in lines] == [["id", "sentence", "label", "prediction", "score"]] * 2
    assert [row["prediction"] for row in lines] == [row["prediction"] for row in rows]


def test_answers_of_other_tasks_are_columns_too(run, checkpoint, tmp_path):
    (tmp_path / "in.jsonl").write_text(
        '{"question": "who ?", "context": "the dog ran", "score": 3}'
    )
    line = ["-m", checkpoint("question_answering"), "--input", tmp_path / "in.jsonl"]
    assert run("predict", "qa", *line, "--output", tmp_path / "qa.jsonl").code == 0
    (row,) = json_rows((tmp_path / "qa.jsonl").read_text())
    assert [*row][:4] == ["question", "context", "score", "predicted_score"]
    assert row["score"] == 3
    line = ["predict", "ner", "-m", checkpoint("token_classification"), "the dog ran"]
    assert run(*line, "--output", tmp_path / "ner.csv").code == 0
    header, cells = (tmp_path / "ner.csv").read_text().splitlines()
    assert header == "text,entities"
    assert "entity_group" in cells


def test_a_question_is_asked_of_a_complete_file(run, checkpoint, tmp_path):
    text = "the dog sat .\nthe cat ran home ."
    (tmp_path / "book.txt").write_text(f"{text}\n")
    line = ["predict", "qa", "-m", checkpoint("question_answering"), "--question", "who ran ?"]
    (row,) = json_rows(run(*line, "--input", tmp_path / "book.txt", "--json").out)
    assert row["input"] == {"question": "who ran ?", "context": text}
    rows = json_rows(run(*line, "the dog", "a cat", "--json").out)
    assert [row["input"]["context"] for row in rows] == ["the dog", "a cat"]


def test_an_unknown_field_is_named_with_the_right_one(run, checkpoint, tmp_path):
    (tmp_path / "in.csv").write_text("a,b\nx,y\n")
    line = ["predict", "sentiment-analysis", "-m", checkpoint("sequence_classification")]
    line += ["--input", tmp_path / "in.csv", "--field", "text=a"]
    ran = run(*line, "--field", "text-pair=b")
    assert ran.code == 1
    assert "must name one of text, text_pair: got 'text-pair'. Did you mean text_pair=b?" in ran.err
    assert run(*line, "--field", "text_pair=b").code == 0


def test_an_output_that_cannot_be_written_is_named_before_a_model_is_loaded(run, tmp_path):
    ran = run("predict", "ner", "-m", "no-model", "x", "--output", tmp_path / "no" / "a.csv")
    assert ran.code == 1
    assert f"`--output`: The output must be a writable file: got {tmp_path}" in ran.err


def test_labels_of_zero_shot_classification_are_options(run, checkpoint):
    line = ["predict", "zero-shot-classification", "-m", checkpoint("sequence_classification"), "x"]
    ran = run(*line, "--label", "dog", "--label", "cat")
    assert "needs a model whose labels are entailment" in ran.err


def test_zero_shot_classification_reads_a_column_of_a_table(run, checkpoint, tmp_path):
    (tmp_path / "in.csv").write_text("id,review\n1,a good film\n")
    line = ["predict", "zero-shot-classification", "-m", checkpoint("sequence_classification")]
    line += ["--input", tmp_path / "in.csv", "--label", "dog", "--label", "cat"]
    for field in ((), ("--field", "text=review")):  # the row was read if the model is refused
        assert "needs a model whose labels are entailment" in run(*line, *field).err


def test_a_question_is_asked_of_one_context_or_of_the_inputs(run):
    line = ["predict", "qa", "-m", "no-model", "--question", "who ran ?", "--context", "a dog"]
    assert "`--question` is asked of `--context` or of the inputs: got both." in run(*line, "x").err


def test_an_option_of_another_task_is_named(run):
    ran = run("predict", "ner", "-m", "no-model", "x", "--label", "dog")
    assert ran.err.startswith("Error: `ner` takes no option `--label`: its options are aggregation")


def test_wrong_counts_are_named(run):
    ran = run("predict", "ner", "-m", "x", "text", "--top-k", "many")
    assert "`--top-k` must be a number of at least 1, or all: got many." in ran.err
