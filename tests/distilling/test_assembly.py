"""A teacher comes with its tokenizer and small files; a corpus follows the card."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.distilling.assembly import Teacher, check_head, corpus_of, metric_of
from distilbert.distilling.card import AdaptCard, DistillCard
from distilbert.errors import InputError, RunCardError
from distilbert.opening import find_model
from distilbert.training.card_file import as_card


def test_only_losses_of_words_need_a_head(encoder: Path, teacher: Path) -> None:
    bare, whole = (Teacher.of(find_model(at, framework="torch")) for at in (encoder, teacher))
    check_head(DistillCard(), whole)
    check_head(as_card(None, {"kl_weight": 0, "mlm_weight": 0}, DistillCard), bare)
    check_head(AdaptCard(), bare)
    with pytest.raises(InputError, match="`kl_weight` and `mlm_weight` need a teacher"):
        check_head(DistillCard(), bare)
    with pytest.raises(
        InputError, match=r"^`kl_weight` needs a teacher .* or set kl_weight = 0[.]"
    ):
        check_head(as_card(None, {"mlm_weight": 0}, DistillCard), bare)


def test_a_file_of_weights_is_no_teacher(teacher: Path) -> None:
    with pytest.raises(InputError, match="must be a folder with its config and tokenizer"):
        Teacher.of(find_model(teacher / "model.safetensors", framework="torch"))


def test_the_metric_is_one_of_the_scores_that_are_computed() -> None:
    assert metric_of(DistillCard()) == "loss"
    for name in ("kl_loss", "mlm_accuracy", "agreement"):
        assert metric_of(as_card(None, {"metric": name}, DistillCard)) == name
    hidden = {"kl_weight": 0, "mlm_weight": 0}
    for name in ("kl_loss", "agreement", "mlm_accuracy", "accuracy"):
        with pytest.raises(RunCardError, match=r"`metric` must be one .* loss, cosine_loss: got"):
            metric_of(as_card(None, {**hidden, "metric": name}, DistillCard))


def test_the_corpus_is_next_to_the_output_unless_it_is_named(
    teacher: Path, texts: Path, tmp_path: Path
) -> None:
    source = Teacher.of(find_model(teacher, framework="torch"))
    output = str(tmp_path / "student")
    changes = {"train": str(texts), "output": output, "min_length": 5, "max_length": 512}
    card = as_card(None, changes, DistillCard)
    corpus = corpus_of(card, source)
    assert corpus.folder.parent == tmp_path / "student-corpus"
    assert corpus.lengths.max() <= 32  # the positions of the teacher
    assert corpus_of(card, source).folder == corpus.folder
