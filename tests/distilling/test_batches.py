"""Masks depend on the sequence and the epoch alone, and counts are those of the batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert import AutoTokenizer
from distilbert.data.corpus_files import Corpus
from distilbert.distilling.assembly import Teacher, corpus_of
from distilbert.distilling.batches import MaskedBatches
from distilbert.distilling.card import DistillCard
from distilbert.opening import find_model
from distilbert.training.card_file import as_card

ALL = list(range(40))


@pytest.fixture(scope="module")
def corpus(teacher: Path, texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = str(tmp_path_factory.mktemp("corpus"))
    card = as_card(None, {"train": str(texts), "corpus": folder, "min_length": 5}, DistillCard)
    return corpus_of(card, Teacher.of(find_model(teacher, framework="torch")))


def batches(corpus: Corpus, teacher: Path, **changes: Any) -> MaskedBatches:
    card = as_card(None, changes, DistillCard)
    return MaskedBatches.of(corpus, np.arange(40), AutoTokenizer.from_pretrained(teacher), card)


def made(source: MaskedBatches, numbers: list[int], epoch: int = 0) -> dict[str, np.ndarray]:
    return source.make(numbers, [np.random.default_rng((7, epoch, n)) for n in numbers])


def rows(batch: dict[str, np.ndarray], name: str) -> list[list[int]]:
    lengths = batch["attention_mask"].sum(axis=1)
    return [row[:n].tolist() for row, n in zip(batch[name], lengths, strict=True)]


def truth(batch: dict[str, np.ndarray]) -> np.ndarray:
    """The ids before they were masked."""
    return np.where(batch["labels"] != -100, batch["labels"], batch["input_ids"])


def test_a_sequence_gets_the_same_masks_in_any_batch(corpus: Corpus, teacher: Path) -> None:
    source = batches(corpus, teacher, kl_share=0.4)
    together = made(source, [3, 8, 5])
    for place, number in enumerate((3, 8, 5)):
        alone = made(source, [number])
        for name in ("input_ids", "labels", "compared"):
            assert rows(alone, name)[0] == rows(together, name)[place]
    assert rows(made(source, [3], epoch=1), "labels")[0] != rows(together, "labels")[0]


def test_counts_are_those_of_the_arrays(corpus: Corpus, teacher: Path) -> None:
    everything = batches(corpus, teacher)
    batch = made(everything, [0, 1, 2])
    n_tokens = int(everything.lengths[:3].sum())
    n_masked = int((batch["labels"] != -100).sum())
    assert "compared" not in batch
    expected = {"tokens": n_tokens, "masked": n_masked, "compared": n_tokens}
    assert everything.count(batch) == expected
    masked = batches(corpus, teacher, restrict_ce_to_mask=True)
    batch = made(masked, [0, 1, 2])
    assert masked.count(batch) == {**expected, "compared": n_masked}


def test_the_share_of_compared_tokens_is_right_on_average(corpus: Corpus, teacher: Path) -> None:
    source = batches(corpus, teacher, kl_share=0.3)
    found = [source.count(made(source, ALL, epoch)) for epoch in range(20)]
    share = sum(one["compared"] for one in found) / sum(one["tokens"] for one in found)
    assert share == pytest.approx(0.3, abs=0.01)


def test_rare_tokens_are_masked_more_often(corpus: Corpus, teacher: Path) -> None:
    def rate_of(token: int, **changes: Any) -> float:
        source = batches(corpus, teacher, **changes)
        found = [made(source, ALL, epoch) for epoch in range(30)]
        hidden = sum(int((batch["labels"] == token).sum()) for batch in found)
        return hidden / sum(int((truth(batch) == token).sum()) for batch in found)

    rare = int(corpus.counts[5:].argmin()) + 5
    common = int(corpus.counts[5:].argmax()) + 5
    assert corpus.counts[common] > 2 * corpus.counts[rare]
    assert rate_of(rare) > 1.3 * rate_of(common)
    alike = [rate_of(token, mask_smoothing=0) for token in (rare, common)]
    assert alike[0] == pytest.approx(alike[1], abs=0.05)


def test_whole_words_are_masked_together(corpus: Corpus, teacher: Path) -> None:
    source = batches(corpus, teacher, whole_words=True, mask_probability=0.4)
    walked = AutoTokenizer.from_pretrained(teacher).convert_tokens_to_ids(["walk", "##ed"])
    seen = 0
    for epoch in range(5):
        batch = made(source, ALL, epoch)
        true, hidden = truth(batch), batch["labels"] != -100
        words = (true[:, :-1] == walked[0]) & (true[:, 1:] == walked[1])
        assert (hidden[:, :-1][words] == hidden[:, 1:][words]).all()
        seen += int(hidden[:, :-1][words].sum())
    assert seen > 5


def test_without_masks_texts_stay_as_they_are(corpus: Corpus, teacher: Path) -> None:
    options = {"mask_probability": 0, "mlm_weight": 0}
    batch = made(batches(corpus, teacher, **options), [0, 1])
    assert rows(batch, "input_ids") == [corpus[0].tolist(), corpus[1].tolist()]
    assert (batch["labels"] == -100).all()


def test_held_out_batches_are_always_the_same_and_complete(corpus: Corpus, teacher: Path) -> None:
    source = batches(corpus, teacher)
    (one, counts), (again, _) = (source.all(5, batch_tokens=64) for _ in range(2))
    assert sorted(number for numbers, _ in one for number in numbers) == list(range(40))
    assert counts["tokens"] == source.lengths.sum()
    assert all(batch["input_ids"].size <= 64 for _, batch in one)
    for (numbers, left), (_, right) in zip(one, again, strict=True):
        assert len(left["input_ids"]) == len(numbers)
        np.testing.assert_array_equal(left["input_ids"], right["input_ids"])


def test_a_share_of_the_sequences_stays_whole(corpus: Corpus, teacher: Path) -> None:
    batch = made(batches(corpus, teacher, mask_share=0.5), ALL)
    everything = made(batches(corpus, teacher), ALL)
    is_masked = (batch["labels"] != -100).any(axis=1)
    assert 10 <= is_masked.sum() <= 30
    assert (everything["labels"] != -100).any(axis=1).all()
    np.testing.assert_array_equal(truth(batch), truth(everything))
    again = made(batches(corpus, teacher, mask_share=0.5), ALL, epoch=1)
    assert ((again["labels"] != -100).any(axis=1) != is_masked).any()
