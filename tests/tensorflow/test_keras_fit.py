"""Keras' loop over these models: own losses and others, metrics, weights, callbacks, policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from distilbert import DistilBertConfig
from distilbert.errors import InputError
from distilbert.heads import HEADS
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.keras_fit import named_labels

WITH_LOSS = [head for head in HEADS if head != "base"]
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture
def config(config: DistilBertConfig) -> DistilBertConfig:
    """One layer: every test here waits for a graph to be traced."""
    config.n_layers = 1
    return config


def some_data(head: str) -> tuple[dict[str, np.ndarray], Any]:
    """8 rows, the later half padded, as inputs and labels."""
    generator = np.random.default_rng(0)
    ids = generator.integers(1, 99, (8, 6))
    mask = np.ones_like(ids)
    mask[4:, 4:] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    classes = generator.integers(0, 2, 8)
    match head:
        case "multiple_choice":
            return {name: np.stack([x, x[:, ::-1]], 1) for name, x in inputs.items()}, classes
        case "masked_lm":
            return inputs, np.where(mask, ids, -100)
        case "token_classification":
            return inputs, np.where(mask, ids % 2, -100)
        case "question_answering":
            return inputs, {"start_positions": classes, "end_positions": classes + 2}
    return inputs, classes


def named(head: str, y: Any) -> dict[str, Any]:
    return y if isinstance(y, dict) else {"labels": y}


def compiled(head: str, config, **options: Any):
    tf.random.set_seed(0)
    model = MODEL_CLASSES[head](config)
    model.compile(optimizer=keras.optimizers.SGD(0.1), **options)
    return model


@pytest.mark.parametrize("head", WITH_LOSS)
def test_labels_inside_beside_and_in_tf_data_train_alike(head: str, config) -> None:
    x, y = some_data(head)
    inside = {**x, **named(head, y)}
    forms = {
        "inside": (inside,),
        "beside": (x, y),
        "data": (tf.data.Dataset.from_tensor_slices((x, y)).batch(4),),
        "data-inside": (tf.data.Dataset.from_tensor_slices(inside).batch(4),),
    }
    losses = {}
    for form, data in forms.items():
        model = compiled(head, config)
        options = {} if form.startswith("data") else {"batch_size": 4, "shuffle": False}
        losses[form] = model.fit(*data, epochs=2, verbose=0, **options).history["loss"]
    assert losses["inside"][1] < losses["inside"][0]
    for form in forms:
        assert losses[form] == pytest.approx(losses["inside"], rel=1e-5), form


@pytest.mark.parametrize("head", WITH_LOSS)
def test_the_loss_of_evaluate_is_the_mean_of_the_calls(head: str, config) -> None:
    x, y = some_data(head)
    model = compiled(head, config)
    expected = float(tf.reduce_mean(model({**x, **named(head, y)}).loss))
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_predict_joins_batches_and_ignores_labels(head: str, config) -> None:
    x, y = some_data(head)
    model = compiled(head, config)
    labels = {} if head == "base" else named(head, y)
    answer = model.predict({**x, **labels}, batch_size=3, verbose=0)
    expected = model(x)
    assert list(answer) == list(expected)
    assert type(answer) is type(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(answer[name], value, atol=1e-5)


@pytest.mark.parametrize("word", ["passthrough", "auto"])
def test_the_references_words_mean_the_own_loss(word: str, config) -> None:
    x, y = some_data("sequence_classification")
    model = compiled("sequence_classification", config, loss=word)
    own = compiled("sequence_classification", config)
    assert model.evaluate(x, y, verbose=0) == own.evaluate(x, y, verbose=0)


def test_a_loss_of_keras_sees_logits_and_agrees_with_the_own(config) -> None:
    x, y = some_data("sequence_classification")
    model = compiled("sequence_classification", config)
    own = model.evaluate(x, y, verbose=0)
    model.compile(optimizer="sgd", loss=CROSS_ENTROPY, metrics=["accuracy"])
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert loss == pytest.approx(own, rel=1e-5)
    assert accuracy == np.mean(np.argmax(model(x).logits, -1) == y)
    assert model.evaluate({**x, "labels": y}, verbose=0)[0] == pytest.approx(own, rel=1e-5)
    model.compile(optimizer="sgd")  # Keras keeps the metrics of before
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(own, rel=1e-5)


@pytest.mark.parametrize("form", [dict, tuple])
def test_two_losses_of_keras_train_the_spans(form: type, config) -> None:
    x, y = some_data("question_answering")
    model = compiled("question_answering", config)
    own = model.evaluate(x, y, verbose=0)
    if form is dict:
        model.compile(optimizer="sgd", loss=dict.fromkeys(y, CROSS_ENTROPY))
        loss = model.evaluate(x, y, verbose=0)[0]
    else:
        model.compile(optimizer="sgd", loss=[CROSS_ENTROPY, CROSS_ENTROPY])
        loss = model.evaluate(x, tuple(y.values()), verbose=0)[0]
    assert loss / 2 == pytest.approx(own, rel=1e-5)


def test_metrics_leave_out_tokens_without_a_label(config) -> None:
    x, y = some_data("token_classification")
    model = compiled("token_classification", config, metrics=["accuracy"])
    accuracy = model.evaluate(x, y, verbose=0)[1]
    right = np.argmax(model(x).logits, -1) == y
    assert accuracy == pytest.approx(right[y >= 0].mean())


@pytest.mark.parametrize("head", ["sequence_classification", "token_classification"])
def test_sample_weights_multiply_the_loss_of_their_rows(head: str, config) -> None:
    x, y = some_data(head)
    model = compiled(head, config)
    weights = np.array([2.0] * 4 + [0.0] * 4)
    half = {name: value[:4] for name, value in x.items()}
    share = 1 if head == "sequence_classification" else 2 * (y[:4] >= 0).sum() / (y >= 0).sum()
    expected = share * model.evaluate(half, y[:4], verbose=0)
    got = model.evaluate(x, y, sample_weight=weights, batch_size=8, verbose=0)
    assert got == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("head", ["sequence_classification", "question_answering"])
def test_labels_by_name_take_sample_weights(head: str, config) -> None:
    """One array for all labels; for two labels also one for each."""
    x, y = some_data(head)
    model = compiled(head, config, weighted_metrics=["accuracy"])
    weights = np.array([2.0] * 4 + [0.0] * 4)
    output = model({**x, **named(head, y)})
    expected = (output.loss.numpy() * weights).mean()
    losses, labels = {}, named(head, y)
    forms = {"array": weights, "mapping": dict.fromkeys(labels, weights)}
    for form, given in forms.items():
        losses[form] = model.evaluate(
            x, labels, sample_weight=given, batch_size=8, verbose=0, return_dict=True
        )
        assert losses[form]["loss"] == pytest.approx(expected, rel=1e-5), form
    names = [f"{name}_accuracy" for name in labels] if len(labels) > 1 else ["weighted_accuracy"]
    logits = output.start_logits if len(labels) > 1 else output.logits
    right = np.argmax(logits, -1)[:4] == next(iter(labels.values()))[:4]
    assert losses["array"].get(names[0], losses["array"].get("accuracy")) == right.mean()


def test_metrics_of_question_answering_hold_for_start_and_end(config) -> None:
    x, y = some_data("question_answering")
    accuracy = keras.metrics.SparseCategoricalAccuracy(name="hits")
    model = compiled("question_answering", config, metrics=["accuracy", accuracy, "accuracy"])
    output = model(x)
    for labels in (y, tuple(y.values())):
        scores = model.evaluate(x, labels, verbose=0, return_dict=True)
        for name, logits in zip(y, (output.start_logits, output.end_logits), strict=True):
            expected = np.mean(np.argmax(logits, -1) == y[name])
            assert scores[f"{name}_hits"] == scores[f"{name}_accuracy"] == expected


def test_class_weights_multiply_the_loss_of_their_class(config) -> None:
    x, y = some_data("sequence_classification")
    model = compiled("sequence_classification", config)
    losses = model(x, labels=y).loss.numpy()
    history = model.fit(x, y, class_weight={0: 1.0, 1: 3.0}, batch_size=8, verbose=0).history
    assert history["loss"][0] == pytest.approx((losses * np.where(y == 1, 3, 1)).mean(), rel=1e-5)


def test_callbacks_stop_and_write_models_that_go_on(config, tmp_path: Path) -> None:
    x, y = some_data("sequence_classification")
    model = compiled("sequence_classification", config, metrics=["accuracy"])
    callbacks = [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=0, min_delta=100),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras"),
    ]
    history = model.fit(
        x, y, epochs=9, validation_data=(x, y), callbacks=callbacks, verbose=0
    ).history
    assert len(history["val_loss"]) < 9
    again = keras.saving.load_model(tmp_path / "best.keras")
    assert type(again) is type(model)
    assert again.fit(x, y, verbose=0).history["loss"][0] > 0


@pytest.mark.parametrize("head", ["masked_lm", "multiple_choice"])
def test_xla_trains_and_predicts_the_same(head: str, config) -> None:
    """The two heads whose graphs differ most: labels per token, and a shape of its own; Keras
    compiles the same step around every head.
    """
    x, y = some_data(head)
    plain, jitted = compiled(head, config), compiled(head, config, jit_compile=True)
    for model in (plain, jitted):
        model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    one, other = (model.predict(x, verbose=0) for model in (plain, jitted))
    for name, value in one.items():
        np.testing.assert_allclose(other[name], value, atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_mixed_policies_train(policy: str, config) -> None:
    x, y = some_data("sequence_classification")
    model = MODEL_CLASSES["sequence_classification"](config, dtype=policy)
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    losses = model.fit(x, y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_the_global_policy_is_followed(config) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = MODEL_CLASSES["base"](config)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model(**model.dummy_inputs)[0].dtype == tf.bfloat16


def test_a_penalty_on_a_layer_is_added_to_the_own_loss(config) -> None:
    x, y = some_data("sequence_classification")
    model = compiled("sequence_classification", config)
    before = model.evaluate(x, y, verbose=0)
    model.classifier.kernel.regularizer = lambda kernel: 0 * tf.reduce_sum(kernel) + 5.0
    model.compile(optimizer="sgd")
    assert model.evaluate(x, y, verbose=0) == pytest.approx(before + 5, rel=1e-5)


def test_a_model_trains_as_a_part_of_others(config, tmp_path: Path) -> None:
    """In a functional model, saved and loaded, and in a user's subclass."""
    keras.utils.set_random_seed(0)
    x, y = some_data("sequence_classification")
    ids = keras.Input((None,), dtype="int32")
    mask = keras.Input((None,), dtype="int32")
    encoder = MODEL_CLASSES["base"](config)
    first = encoder(ids, attention_mask=mask).last_hidden_state[:, 0]
    functional = keras.Model([ids, mask], keras.layers.Dense(2)(first))

    class Tower(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = MODEL_CLASSES["base"](config)
            self.top = keras.layers.Dense(2)

        def call(self, inputs, training=False):
            ids, mask = inputs
            return self.top(self.encoder(ids, mask, training=training)[0][:, 0])

    data = [x["input_ids"], x["attention_mask"]]
    for model in (functional, Tower()):
        model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=CROSS_ENTROPY)
        losses = model.fit(data, y, epochs=5, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
    functional.save(tmp_path / "functional.keras")
    again = keras.saving.load_model(tmp_path / "functional.keras")
    expected = functional.predict(data, verbose=0)
    np.testing.assert_allclose(again.predict(data, verbose=0), expected, atol=1e-6)


def test_missing_and_misnamed_labels_are_refused(config) -> None:
    x, _ = some_data("base")
    for head, text in (("base", "or a `loss` in `compile`"), ("masked_lm", "needs labels")):
        with pytest.raises(InputError, match=text):
            compiled(head, config).fit(x, verbose=0)
    spans = MODEL_CLASSES["question_answering"](config)
    assert list(named_labels(spans, (1, 2))) == ["start_positions", "end_positions"]
    for wrong in ({"labels": 1}, (1, 2, 3)):
        with pytest.raises(InputError, match="Labels must be start_positions and end_positions"):
            named_labels(spans, wrong)
