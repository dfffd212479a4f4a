"""A teacher's predictions of masked tokens are compared with frequencies before it teaches them."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert import adapt, distill
from distilbert.distilling.assembly import Teacher
from distilbert.distilling.predictions import masked_windows, predict_masked, runner_of
from distilbert.errors import InputError
from distilbert.opening import find_model

WORDS = ["the", "old", "new", "film", "day", "book", "road", "was", "is", "and", "very", "good"]
QUICK: dict[str, Any] = {
    "epochs": 4,
    "batch_tokens": 512,
    "learning_rate": 1e-2,
    "held_out": 0.1,
    "min_length": 5,
    "tensorboard": False,
    "report": False,
}


@pytest.fixture(scope="module")
def repeats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of lines that repeat one word, so that a mask is easy to fill."""
    rng = random.Random(0)
    lines = [" ".join([rng.choice(WORDS)] * rng.randrange(8, 21)) for _ in range(150)]
    path = tmp_path_factory.mktemp("repeats") / "repeats.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_random_head_is_refused_with_both_numbers_and_a_trained_one_teaches(
    teacher: Path, encoder: Path, repeats: Path, tmp_path: Path
) -> None:
    options: Any = {**QUICK, "train": str(repeats), "corpus": str(tmp_path / "corpus")}
    with pytest.raises(InputError, match=r"trained masked-LM head: .*/lm, and .* by their") as e:
        distill(teacher=str(teacher), output=str(tmp_path / "no"), **options)
    loss, by_frequency = map(float, re.findall(r"(\d\.\d\d) by", str(e.value)))
    assert loss > by_frequency == pytest.approx(np.log(len(WORDS)), abs=0.15)
    assert str(e.value).startswith("`kl_weight` and `mlm_weight` need a teacher")
    assert "kl_weight = 0 and mlm_weight = 0. With `allow_untrained`" in str(e.value)
    assert not (tmp_path / "no").exists()
    changes: Any
    for changes in ({"allow_untrained": True}, {"kl_weight": 0, "mlm_weight": 0}):
        distill(
            teacher=str(teacher),
            output=str(tmp_path / "o"),
            overwrite=True,
            max_steps=1,
            **options,
            **changes,
        )
    trained = adapt(teacher=str(encoder), output=str(tmp_path / "lm"), **options)
    distill(teacher=str(trained.output), output=str(tmp_path / "student"), max_steps=1, **options)


def test_masked_tokens_are_predicted_as_by_all_logits(teacher: Path) -> None:
    of = Teacher.of(find_model(teacher, framework="torch"))
    windows = [np.array([2, *range(5, 5 + n), 3]) for n in (3, 9, 6)]
    seen, labels = masked_windows(of.tokenizer, windows, 0)
    assert [len(row) for row in seen] == [len(row) for row in windows]
    runner = runner_of(of, "masked_lm", "cpu")
    best, losses = predict_masked(runner, seen, labels)
    expected = []
    for ids, true in zip(seen, labels, strict=True):
        logits = runner.run_batch({"input_ids": ids[None]})["logits"][0].astype(np.float64)
        for at in np.flatnonzero(true != -100):
            row = logits[at]
            expected.append((row.argmax(), np.log(np.exp(row).sum()) - row[true[at]]))
    assert best.tolist() == [token for token, _ in expected]
    np.testing.assert_allclose(losses, [loss for _, loss in expected], rtol=1e-5)
