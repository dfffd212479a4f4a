"""Claims 2, 3, 5, 6, 12 and 14 for runners of exported files, once per runtime and head.

The other claims are about training, checkpoints and options of a model's call, which files lack.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contract.samples import facts_of, random_weights, some_inputs, tiny_config
from exports import graph_runner
from oracle.model import run
from tolerances import OUTPUT, REORDERED, assert_close

from distilbert._lazy import RUNTIMES
from distilbert.errors import InputError, TokenIdError
from distilbert.heads import HEADS

Arrays = dict[str, np.ndarray]
LONGEST = 24  # positions of the tiny config


@pytest.fixture(
    scope="module", params=[(name, head) for name in RUNTIMES for head in HEADS], ids=str
)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A runner, and the function of the oracle with the same weights."""
    runtime, head = request.param
    config = tiny_config(head)
    weights = random_weights(config, head)
    folder: Path = tmp_path_factory.mktemp("exported")
    runner = graph_runner(folder, config, head, weights, runtime=runtime)

    def oracle(inputs: Arrays) -> Arrays:
        outputs = run(weights, facts_of(config, head), inputs).outputs
        return {name: np.asarray(outputs[name]) for name in HEADS[head].outputs}

    yield runner, oracle
    runner.close()


def test_a_file_answers_as_the_oracle_whatever_is_padding(exported: Any) -> None:
    runner, oracle = exported
    ragged = some_inputs(runner.config, runner.head)
    hole, hidden = (ragged | {"attention_mask": ragged["attention_mask"].copy()} for _ in range(2))
    hole["attention_mask"][..., 2] = 0
    hidden["attention_mask"][1] = 0
    short, full = (
        some_inputs(runner.config, runner.head, batch=2, length=length) for length in (1, LONGEST)
    )
    for inputs in (ragged, hole, hidden, short, full):
        expected = oracle(inputs)
        for name, found in runner.run_batch(inputs).items():
            assert found.shape == expected[name].shape, name
            assert_close(found, expected[name], OUTPUT, name)


def test_an_example_has_the_same_answer_alone_and_in_any_order(exported: Any) -> None:
    runner, _ = exported
    inputs = some_inputs(runner.config, runner.head, batch=5)
    order = np.array([3, 0, 4, 2, 1])
    together = runner.run_batch(inputs)
    shuffled = runner.run_batch({name: array[order] for name, array in inputs.items()})
    alone = runner.run_batch({name: array[2:3] for name, array in inputs.items()})
    for name, array in together.items():
        assert_close(shuffled[name], array[order], REORDERED, name)
        assert_close(alone[name], array[2:3], REORDERED, name)


def test_a_mistake_raises_the_error_that_every_framework_raises(exported: Any) -> None:
    runner, _ = exported
    inputs = some_inputs(runner.config, runner.head)
    ids = inputs["input_ids"].copy()
    ids[0, 0] = runner.config.vocab_size
    with pytest.raises(TokenIdError, match=rf"between 0 and 98: got \d+ to {ids.max()}\. Use the"):
        runner.run_batch(inputs | {"input_ids": ids})
    longer = some_inputs(runner.config, runner.head, length=LONGEST + 1)
    with pytest.raises(TokenIdError, match=f"got {LONGEST + 1} tokens, at most {LONGEST}"):
        runner.run_batch(longer)
    with pytest.raises(InputError, match="one entry per token"):
        runner.run_batch(inputs | {"attention_mask": inputs["attention_mask"][:, :-1]})
    wanted = np.ones(inputs["input_ids"].shape, np.int64)
    with pytest.raises(InputError, match="`wanted` must hold one bool per token"):
        runner.run_batch(inputs, wanted=wanted)
