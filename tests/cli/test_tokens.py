"""`distilbert tokenize`: the same pieces and places from both tokenizers."""

from __future__ import annotations

import json

TEXT = "The dogs sat."


def test_pieces_ids_and_places_are_shown(run, checkpoint):
    ran = run("tokenize", "-m", checkpoint("base"), TEXT)
    assert ran.code == 0, ran.err
    words = [line.split() for line in ran.out.splitlines() if line]
    assert [parts[1] for parts in words] == ["[CLS]", "the", "dog", "##s", "sat", ".", "[SEP]"]
    assert words[3][2:] == ["7:8", "s"]


def test_both_tokenizers_print_the_same_json(run, checkpoint, tmp_path):
    line = ["tokenize", "-m", checkpoint("base"), "--json", TEXT]
    fast, slow = run(*line), run(*line, "--python")
    assert fast.out == slow.out
    found = json.loads(fast.out)
    places = [TEXT[start:end] for start, end in found["offsets"]]
    assert places == ["", "The", "dog", "s", "sat", ".", ""]


def test_an_argument_that_is_not_utf_8_is_shown_escaped(run, checkpoint, tmp_path):
    text = "The \udcff dogs"
    ran = run("tokenize", "-m", checkpoint("base"), "--json", text)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["tokens"] == ["[CLS]", "the", "dog", "##s", "[SEP]"]
    output = tmp_path / "pieces.jsonl"
    assert run("tokenize", "-m", checkpoint("base"), "--json", "-o", output, text).code == 0
    assert json.loads(output.read_text(encoding="utf-8"))["text"] == text
