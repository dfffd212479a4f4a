"""The TensorFlow runner: NumPy in, float32 NumPy out, every wrong batch named."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert import (
    TFDistilBertForMultipleChoice,
    TFDistilBertForQuestionAnswering,
    TFDistilBertModel,
)
from distilbert.errors import InputError, TokenIdError
from distilbert.heads import HEADS
from distilbert.opening import find_model
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.runner import TensorFlowRunner, as_runner, load_runner


def test_answers_are_those_of_the_model_in_float32(config, ids, mask) -> None:
    config.output_attentions = config.output_hidden_states = config.torchscript = True
    model = TFDistilBertModel(config)
    got = as_runner(model).run_batch({"input_ids": ids, "attention_mask": mask.astype(np.int32)})
    assert list(got) == ["last_hidden_state"]
    assert got["last_hidden_state"].dtype == np.float32
    np.testing.assert_allclose(got["last_hidden_state"], model(ids, mask)[0], atol=1e-5)


def test_without_a_mask_every_token_counts_padding_id_or_not(config, ids) -> None:
    runner = TensorFlowRunner(TFDistilBertModel(config))
    ids[0, 3] = config.pad_token_id
    full = runner.run_batch({"input_ids": ids, "attention_mask": np.ones_like(ids)})
    np.testing.assert_array_equal(
        runner.run_batch({"input_ids": ids})["last_hidden_state"], full["last_hidden_state"]
    )


@pytest.mark.parametrize("head", [name for name, h in HEADS.items() if not h.reads_first_token])
def test_wanted_tokens_come_alone_and_equal_those_of_the_full_output(
    head, config, ids, mask
) -> None:
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
def test_heads_of_the_first_token_give_the_models_logits(head, config, ids, mask) -> None:
    model = MODEL_CLASSES[head](config)
    if head == "multiple_choice":
        ids, mask = ids[None], mask[None]
    expected = np.asarray(model(ids, mask)[0])
    got = as_runner(model).run_batch({"input_ids": ids, "attention_mask": mask})["logits"]
    np.testing.assert_allclose(got, expected, atol=1e-5)
    none = as_runner(model).run_batch({"input_ids": ids[:0]})["logits"]
    assert none.shape == (0, *expected.shape[1:])


def test_heads_give_their_own_arrays(config, ids) -> None:
    qa = TensorFlowRunner(TFDistilBertForQuestionAnswering(config)).run_batch({"input_ids": ids})
    assert {name: array.shape for name, array in qa.items()} == {
        "start_logits": (3, 7),
        "end_logits": (3, 7),
    }
    choices = TensorFlowRunner(TFDistilBertForMultipleChoice(config)).run_batch(
        {"input_ids": ids[None]}
    )
    assert choices["logits"].shape == (1, 3)


def test_all_sizes_share_one_graph(config) -> None:
    runner = TensorFlowRunner(TFDistilBertModel(config))
    for rows, length in ((1, 1), (3, 7), (2, 40), (5, 13)):
        answer = runner.run_batch({"input_ids": np.ones((rows, length), int)})
        assert answer["last_hidden_state"].shape == (rows, length, 32)
    assert runner._compute.experimental_get_tracing_count() == 1


def test_half_precision_is_chosen_here_and_answers_stay_float32(config, ids) -> None:
    model = TFDistilBertModel(config)
    runner = TensorFlowRunner(model, "cpu", dtype="bfloat16")
    assert runner.model.compute_dtype == "bfloat16"
    answer = runner.run_batch({"input_ids": ids})["last_hidden_state"]
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, model(ids)[0], atol=0.1)
    for dtype in ("int8", "float31"):
        with pytest.raises(InputError, match="`dtype` must be a floating type"):
            TensorFlowRunner(model, dtype=dtype)


class Rescaled(TFDistilBertModel):
    """A user's child class with a variable of its own."""

    def __init__(self, config, **kwargs) -> None:
        super().__init__(config, **kwargs)
        self.factor = self.add_weight(shape=(), initializer="ones", name="factor")

    def call(self, input_ids, attention_mask=None, training=False, return_dict=True, **_):
        output = super().call(input_ids, attention_mask, training=training)
        output["last_hidden_state"] = output.last_hidden_state * self.factor
        return output


def test_another_dtype_keeps_what_a_child_class_added(config, ids) -> None:
    model = Rescaled(config)
    model.factor.assign(3.0)
    answer = TensorFlowRunner(model, dtype="float32").run_batch({"input_ids": ids})[
        "last_hidden_state"
    ]
    np.testing.assert_allclose(answer, model(ids)[0], atol=1e-5)


def test_a_device_that_is_not_there_is_refused(config) -> None:
    model = TFDistilBertModel(config)
    for device in ("cpu", "CPU:0", "/cpu:0", "/device:CPU:0"):
        assert TensorFlowRunner(model, device).device == "/device:CPU:0"
    for device in ("cuda:7", "gpu:7", "abacus", "cpu:x"):
        with pytest.raises(InputError, match=rf"one that TensorFlow sees: got '{device}', not /de"):
            TensorFlowRunner(model, device)


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ({"attention_mask": np.ones((1, 2), int)}, InputError, "A batch must hold `input_ids`"),
        ({"input_ids": np.ones((1, 2), int), "x": 1}, InputError, "got input_ids, x"),
        ({"input_ids": np.ones((1, 2))}, InputError, "`input_ids` must hold integers, with 2 axes"),
        ({"input_ids": np.full((1, 2), 99)}, TokenIdError, "between 0 and 98: got 99 to 99"),
        ({"input_ids": np.ones((1, 41), int)}, TokenIdError, "got 41 tokens, at most 40"),
    ],
)
def test_a_wrong_batch_is_named(config, batch, error, text) -> None:
    with pytest.raises(error, match=text):
        TensorFlowRunner(TFDistilBertModel(config)).run_batch(batch)


def test_a_checkpoint_becomes_a_runner(config, ids, tmp_path) -> None:
    model = TFDistilBertModel(config)
    model.save_pretrained(tmp_path)
    answer = load_runner(find_model(tmp_path, framework="tensorflow").request("base")).run_batch(
        {"input_ids": ids}
    )
    np.testing.assert_allclose(answer["last_hidden_state"], model(ids)[0], atol=1e-5)
