"""`distilbert vocab`: a tokenizer folder from texts of any format."""

from __future__ import annotations

from distilbert import AutoTokenizer


def test_a_text_file_becomes_a_tokenizer_that_loads(run, tmp_path):
    (tmp_path / "corpus.txt").write_text("low lower lowest\nnew newer newest\n" * 4)
    folder = tmp_path / "mine"
    line = ["vocab", "-i", tmp_path / "corpus.txt", "-o", folder, "--special-token", "<e>"]
    ran = run(*line, "--vocab-size", "40")
    assert ran.code == 0, ran.err
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert ran.out == f"{folder}: {len(tokenizer)} pieces learned from 8 texts\n"
    assert tokenizer.tokenize("Lower <e>") == ["lower", "<e>"]
    assert (len(tokenizer) <= 40, tokenizer.model_max_length) == (True, 512)


def test_a_column_of_a_table_is_read_and_case_can_be_kept(run, tmp_path):
    (tmp_path / "reviews.csv").write_text("review,stars\nGood Film,5\nGood Cast,4\n")
    folder = tmp_path / "mine"
    options = ["--field", "text=review", "--cased", "--keep-accents"]
    ran = run("vocab", "-i", tmp_path / "reviews.csv", "-o", folder, *options)
    assert ran.code == 0, ran.err
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("Good") == ["Good"]
    assert not tokenizer.do_lower_case


def test_a_size_without_space_for_the_letters_is_named_by_its_option(run, tmp_path):
    ran = run("vocab", "abc", "-o", tmp_path / "mine", "--vocab-size", "5")
    assert ran.code == 1
    assert "`--vocab-size` must hold the special tokens and every letter" in ran.err
    assert not (tmp_path / "mine").exists()
