"""The Flax runner: NumPy in, float32 NumPy out, few compilations, every wrong batch named."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from distilbert import (
    FlaxDistilBertForMultipleChoice,
    FlaxDistilBertForQuestionAnswering,
    FlaxDistilBertModel,
)
from distilbert.errors import InputError, TokenIdError
from distilbert.flax.heads import MODEL_CLASSES
from distilbert.flax.runner import FlaxRunner, as_runner, load_runner
from distilbert.flax.shapes import padded_length, padded_rows
from distilbert.heads import HEADS
from distilbert.opening import find_model
from distilbert.runner import Runner


def test_answers_are_those_of_the_model_in_float32(config, ids, mask):
    model = FlaxDistilBertModel(config)
    runner = as_runner(model)
    assert isinstance(runner, Runner)
    got = runner.run_batch({"input_ids": ids, "attention_mask": mask.astype(np.int32)})
    expected = model(ids, mask).last_hidden_state
    assert list(got) == ["last_hidden_state"]
    assert got["last_hidden_state"].dtype == np.float32
    np.testing.assert_allclose(got["last_hidden_state"], expected, atol=2e-6)


def test_without_a_mask_every_token_counts_padding_id_or_not(config, ids):
    runner = FlaxRunner(FlaxDistilBertModel(config))
    ids[0, 3] = config.pad_token_id
    full = runner.run_batch({"input_ids": ids, "attention_mask": np.ones_like(ids)})
    np.testing.assert_array_equal(
        runner.run_batch({"input_ids": ids})["last_hidden_state"], full["last_hidden_state"]
    )


@pytest.mark.parametrize("head", [name for name, h in HEADS.items() if not h.reads_first_token])
def test_wanted_tokens_come_alone_and_equal_those_of_the_full_output(head, config, ids, mask):
    runner = as_runner(MODEL_CLASSES[head](config))
    batch = {"input_ids": ids, "attention_mask": mask}
    wanted = np.random.default_rng(0).random(ids.shape) < 0.4
    full, few = runner.run_batch(batch), runner.run_batch(batch, wanted=wanted)
    assert full.keys() == few.keys()
    for name, array in full.items():
        assert few[name].dtype == np.float32
        np.testing.assert_allclose(few[name], array[wanted], atol=1e-5)
    none = runner.run_batch(batch, wanted=np.zeros_like(wanted))
    assert {len(array) for array in none.values()} == {0}


@pytest.mark.parametrize("head", [name for name, h in HEADS.items() if h.reads_first_token])
def test_heads_of_the_first_token_give_the_models_logits(head, config, ids, mask):
    model = MODEL_CLASSES[head](config)
    if head == "multiple_choice":
        ids, mask = ids[None], mask[None]
    expected = np.asarray(model(ids, mask)[0])
    got = as_runner(model).run_batch({"input_ids": ids, "attention_mask": mask})["logits"]
    np.testing.assert_allclose(got, expected, atol=1e-5)
    none = as_runner(model).run_batch({"input_ids": ids[:0]})["logits"]
    assert none.shape == (0, *expected.shape[1:])


def test_heads_give_their_own_arrays(config, ids):
    qa = FlaxRunner(FlaxDistilBertForQuestionAnswering(config)).run_batch({"input_ids": ids})
    assert {name: array.shape for name, array in qa.items()} == {
        "start_logits": (3, 7),
        "end_logits": (3, 7),
    }
    choices = FlaxRunner(FlaxDistilBertForMultipleChoice(config)).run_batch(
        {"input_ids": ids[None]}
    )
    assert choices["logits"].shape == (1, 3)
    assert FlaxRunner(FlaxDistilBertModel(config)).run_batch({"input_ids": ids[:0]})[
        "last_hidden_state"
    ].shape == (0, 7, 32)


def test_every_shape_of_batch_needs_few_compilations(config):
    """Lengths 1 to 24 and 1 to 8 rows: 192 shapes."""
    config.n_layers, config.max_position_embeddings = 1, 24
    runner = FlaxRunner(FlaxDistilBertModel(config))
    model = runner.model
    for length in range(1, 25):
        for rows in range(1, 9):
            ids = np.full((rows, length), 5)
            assert runner.run_batch({"input_ids": ids})["last_hidden_state"].shape == (
                rows,
                length,
                32,
            )
    assert runner.evaluate._cache_size() == 8  # 2 lengths (16, 24), 4 numbers of rows
    alone = runner.run_batch({"input_ids": np.full((1, 23), 5)})["last_hidden_state"]
    np.testing.assert_allclose(alone, model(np.full((1, 23), 5))[0], atol=2e-6)


def test_a_row_of_nothing_but_padding_answers_as_in_the_model(config, ids, mask):
    mask[1] = 0
    model = FlaxDistilBertModel(config)
    got = FlaxRunner(model).run_batch({"input_ids": ids, "attention_mask": mask})[
        "last_hidden_state"
    ]
    np.testing.assert_allclose(got, model(ids, mask)[0], atol=2e-6)


def test_lengths_and_rows_are_padded_by_a_third_and_by_two_at_most():
    lengths = [padded_length(n, 512) for n in range(1, 513)]
    assert sorted(set(lengths)) == [16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
    assert all(n <= padded < 1.5 * n for n, padded in enumerate(lengths[16:], 17))
    assert padded_length(40, 40) == padded_length(33, 40) == 40
    assert padded_length(5, 9) == 9
    assert [padded_rows(n) for n in (0, 1, 2, 3, 5, 8, 9)] == [0, 1, 2, 4, 8, 8, 16]


def test_half_precision_is_chosen_here_and_answers_stay_float32(config, ids):
    runner = FlaxRunner(FlaxDistilBertModel(config), dtype="bfloat16")
    assert runner.model.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(runner.model.params)} == {jnp.dtype("bfloat16")}
    assert runner.run_batch({"input_ids": ids})["last_hidden_state"].dtype == np.float32
    for dtype in ("int8", "float31"):
        with pytest.raises(InputError, match="`dtype` must be a floating type"):
            FlaxRunner(FlaxDistilBertModel(config), dtype=dtype)


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ({"attention_mask": np.ones((1, 2), int)}, InputError, "A batch must hold `input_ids`"),
        ({"input_ids": np.ones((1, 2), int), "x": 1}, InputError, "got input_ids, x"),
        ({"input_ids": np.ones((1, 2))}, InputError, "`input_ids` must hold integers, with 2 axes"),
        ({"input_ids": np.full((1, 2), 99)}, TokenIdError, "between 0 and 98: got 99 to 99"),
        ({"input_ids": np.full((1, 2), -1)}, TokenIdError, "between 0 and 98: got -1 to -1"),
        ({"input_ids": np.ones((1, 41), int)}, TokenIdError, "got 41 tokens, at most 40"),
    ],
)
def test_a_wrong_batch_is_named(config, batch, error, text):
    with pytest.raises(error, match=text):
        FlaxRunner(FlaxDistilBertModel(config)).run_batch(batch)


def test_a_checkpoint_becomes_a_runner_on_the_device_named(config, ids, tmp_path):
    model = FlaxDistilBertModel(config)
    model.save_pretrained(tmp_path)
    runner = load_runner(find_model(tmp_path, framework="flax").request("base"), device="cpu")
    np.testing.assert_allclose(
        runner.run_batch({"input_ids": ids})["last_hidden_state"], model(ids)[0], atol=2e-6
    )
    assert FlaxRunner(model, device="cpu:0").model is model
    for device in ("cpu:7", "abacus", "cpu:x"):
        with pytest.raises(
            InputError, match=rf"must be one that JAX sees: got '{device}', not cpu"
        ):
            FlaxRunner(model, device=device)


def test_runners_of_equal_models_share_what_is_compiled(config):
    first, second = (FlaxRunner(FlaxDistilBertModel(config, seed=seed)) for seed in (0, 1))
    assert first.evaluate is second.evaluate
    checkpointed = FlaxDistilBertModel(config)
    checkpointed.gradient_checkpointing_enable()
    assert FlaxRunner(checkpointed).evaluate is first.evaluate
    assert FlaxRunner(FlaxDistilBertModel(config), dtype="bfloat16").evaluate is not first.evaluate
