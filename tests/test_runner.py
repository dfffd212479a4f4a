"""The protocol of runners: what satisfies it, and what does not."""

from __future__ import annotations

import numpy as np
from stand_ins import ArithmeticRunner, small_config

from distilbert import DistilBertModel
from distilbert.runner import Runner, only_wanted


def test_a_runner_satisfies_the_protocol_and_a_model_does_not() -> None:
    assert isinstance(ArithmeticRunner("base", small_config()), Runner)
    assert not isinstance(DistilBertModel(small_config()), Runner)


def test_only_wanted_tokens_are_returned_in_reading_order() -> None:
    outputs = {"logits": np.arange(12.0).reshape(2, 3, 2)}
    wanted = np.array([[False, True, False], [True, False, True]])
    assert only_wanted("masked_lm", outputs, wanted)["logits"].tolist() == [
        [2, 3],
        [6, 7],
        [10, 11],
    ]
    assert only_wanted("masked_lm", outputs, None) == outputs
