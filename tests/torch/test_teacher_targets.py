"""Words of a teacher's distributions are drawn without bias, whatever the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from distilbert import DistilBertConfig, DistilBertForMaskedLM
from distilbert.errors import TrainingError
from distilbert.torch import teacher_targets
from distilbert.torch.sparse_targets import SparseTargets, sparse_divergence
from distilbert.torch.teacher_targets import TeacherTargets, kept_words
from distilbert.training.objective import KeptWords

V, T = 300, 2.0
CPU = torch.device("cpu")


def logits(rows: int, seed: int = 0) -> Tensor:
    return 3 * torch.randn(rows, V, generator=torch.Generator().manual_seed(seed))


def test_a_word_comes_up_as_often_as_its_probability_says_give_or_take_one() -> None:
    probabilities = logits(1).softmax(-1)
    places = torch.from_numpy(np.random.default_rng(0).random(4000))
    rows = logits(1).expand(4000, V).clone()
    found = kept_words(rows, places, KeptWords("sampled", 8, T))
    counts = torch.zeros(4000, V).scatter_add_(1, found["ids"], torch.ones(4000, 8))
    expected = 8 * probabilities
    assert ((counts >= expected.floor()) & (counts <= expected.ceil())).all()
    part = expected[0] % 1  # the probability of one more
    deviation = (part * (1 - part) / 4000).sqrt()
    assert ((counts.mean(0) - expected[0]).abs() <= 5 * deviation + 1e-3).all()
    plain = -(probabilities * probabilities.log()).sum()
    torch.testing.assert_close(found["entropy"], plain.expand(4000), rtol=1e-5, atol=1e-5)
    assert (found["best"] == probabilities.argmax()).all()


def test_gradients_and_divergence_of_drawn_words_are_right_on_average() -> None:
    n = 20_000
    own, theirs = logits(1), logits(1, seed=1)
    places = torch.from_numpy(np.random.default_rng(3).random(n))
    kept = kept_words(theirs.expand(n, V).clone(), places, KeptWords("sampled", 4, T))
    z = own.expand(n, V).clone()
    targets = SparseTargets(kept["ids"], None, kept["entropy"], kept["best"])
    divergences, gradients = sparse_divergence(z, z.amax(-1, keepdim=True), targets)
    exact = own.softmax(-1) - theirs.softmax(-1)
    bound = 5 * gradients.std(0) / n**0.5 + 1e-4
    assert ((gradients.mean(0) - exact[0]).abs() <= bound).all()
    whole = (theirs.softmax(-1) * (theirs.log_softmax(-1) - own.log_softmax(-1))).sum()
    assert abs(divergences.mean() - whole) <= 5 * divergences.std() / n**0.5


def test_the_most_likely_words_come_first_with_the_entropy_of_what_is_kept() -> None:
    kept = kept_words(logits(5), torch.zeros(5), KeptWords("top", 10, T))
    values, ids = logits(5).softmax(-1).topk(10)
    assert torch.equal(kept["ids"], ids)
    assert torch.equal(kept["best"], ids[:, 0])
    torch.testing.assert_close(kept["probabilities"].float(), values, rtol=1e-3, atol=1e-6)
    tail = 1 - values.sum(-1)
    plain = torch.special.entr(values).sum(-1) + torch.special.entr(tail)
    torch.testing.assert_close(kept["entropy"], plain, rtol=1e-2, atol=1e-2)
    more = kept_words(logits(5), torch.zeros(5), KeptWords("top", V + 7, T))
    assert more["ids"].shape == (5, V)


def model() -> DistilBertForMaskedLM:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"dim": 16, "n_heads": 4, "n_layers": 2, "hidden_dim": 24}
    config = DistilBertConfig(vocab_size=V, max_position_embeddings=12, **sizes)
    made = DistilBertForMaskedLM(config)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made.eval()


def batch() -> dict[str, np.ndarray]:
    lengths = np.array([9, 4, 12])
    mask = (np.arange(12) < lengths[:, None]).astype(np.int64)
    ids = np.random.default_rng(0).integers(5, V, mask.shape) * mask
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("block", [1, 1 << 23])
def test_rows_are_those_of_the_model_at_every_token(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(teacher_targets, "BLOCK_BYTES_CPU", block)
    given = batch()
    words = KeptWords("top", V, T)
    maker = TeacherTargets(model(), words, states=True, device=CPU, dtype=None)
    found = maker(given, np.zeros(25))
    inputs = {name: torch.from_numpy(array) for name, array in given.items()}
    with torch.no_grad():
        output = model()(**inputs, output_hidden_states=True)
    real = inputs["attention_mask"] == 1
    assert found["states"].dtype == np.float16
    states = torch.from_numpy(found["states"]).float()
    torch.testing.assert_close(states, output.hidden_states[-1][real], rtol=1e-3, atol=1e-3)
    values = (output.logits[real] / T).softmax(-1).topk(V)[0]
    kept = torch.from_numpy(found["probabilities"]).float()
    torch.testing.assert_close(kept, values, rtol=1e-3, atol=1e-6)


def test_only_what_is_wanted_is_computed() -> None:
    encoder = TeacherTargets(model().distilbert, None, states=True, device=CPU, dtype=None)
    assert set(encoder(batch(), np.zeros(25))) == {"states"}
    words = KeptWords("sampled", 3, T)
    maker = TeacherTargets(model(), words, states=False, device=CPU, dtype=torch.bfloat16)
    found = maker(batch(), np.full(25, 0.5))
    assert set(found) == {"ids", "entropy", "best"}
    assert found["ids"].shape == (25, 3)
    assert found["entropy"].dtype == np.float32


def test_top_words_are_kept_where_products_are_in_bfloat16() -> None:
    made = [
        TeacherTargets(model(), KeptWords("top", V, T), states=True, device=CPU, dtype=dtype)
        for dtype in (None, torch.bfloat16)
    ]
    exact, half = (maker(batch(), np.zeros(25)) for maker in made)
    for name in ("states", "probabilities", "entropy"):
        assert half[name].dtype == exact[name].dtype
        np.testing.assert_allclose(half[name], exact[name], rtol=0.2, atol=0.05)


def test_states_that_16_bits_do_not_hold_are_refused() -> None:
    large: Any = model()
    with torch.no_grad():
        large.distilbert.transformer.layer[-1].output_layer_norm.weight.fill_(1e6)
    maker = TeacherTargets(large, None, states=True, device=CPU, dtype=None)
    with pytest.raises(TrainingError, match="must be finite and below 65,504"):
        maker(batch(), np.zeros(25))
