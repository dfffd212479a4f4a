"""From examples to batches: what is left out, padded, renamed and shuffled."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from distilbert import (
    TFDistilBertForMultipleChoice,
    TFDistilBertForQuestionAnswering,
    TFDistilBertForSequenceClassification,
    TFDistilBertForTokenClassification,
    TFDistilBertModel,
)
from distilbert.errors import InputError

ROWS = [
    {"input_ids": [5], "attention_mask": [1], "label": 0, "text": "a"},
    {"input_ids": [6, 7, 8], "attention_mask": [1, 1, 1], "label": 1, "text": "b"},
    {"input_ids": [9, 10], "attention_mask": [1, 1], "label": 1, "text": "c"},
]


def values(batch: dict) -> dict[str, list]:
    return {name: tensor.numpy().tolist() for name, tensor in batch.items()}


@pytest.fixture
def model(config):
    return TFDistilBertForSequenceClassification(config)


def test_rows_are_padded_and_labels_stand_beside(model) -> None:
    (first, labels), (second, _) = model.prepare_tf_dataset(ROWS, batch_size=2, shuffle=False)
    assert values(first) == {
        "input_ids": [[5, 0, 0], [6, 7, 8]],
        "attention_mask": [[1, 0, 0], [1, 1, 1]],
    }
    assert labels.numpy().tolist() == [0, 1]
    assert values(second)["input_ids"] == [[9, 10]]


def test_columns_a_sequence_of_dicts_and_a_list_are_one(model) -> None:
    class Numbered:
        def __len__(self) -> int:
            return len(ROWS)

        def __getitem__(self, number: int) -> dict:
            return ROWS[number]

    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    expected = [values(x) for x, _ in model.prepare_tf_dataset(ROWS, shuffle=False)]
    for form in (Numbered(), columns):
        got = [values(x) for x, _ in model.prepare_tf_dataset(form, shuffle=False)]
        assert got == expected


def test_the_tokenizer_says_with_what_and_where_to_pad(model) -> None:
    tokenizer = SimpleNamespace(pad_token_id=42, padding_side="left")
    ((batch, _),) = model.prepare_tf_dataset(ROWS, shuffle=False, tokenizer=tokenizer)
    assert values(batch)["input_ids"] == [[42, 42, 5], [6, 7, 8], [42, 9, 10]]
    assert values(batch)["attention_mask"] == [[0, 0, 1], [1, 1, 1], [0, 1, 1]]


def test_a_missing_mask_is_made_so_that_padding_is_hidden(config) -> None:
    rows = [{"input_ids": row["input_ids"]} for row in ROWS]
    (batch,) = TFDistilBertModel(config).prepare_tf_dataset(rows, shuffle=False)
    assert values(batch)["attention_mask"] == [[1, 0, 0], [1, 1, 1], [1, 1, 0]]


def test_token_labels_are_padded_with_the_ignored_label(config) -> None:
    rows = [{"input_ids": r["input_ids"], "labels": [1] * len(r["input_ids"])} for r in ROWS]
    model = TFDistilBertForTokenClassification(config)
    ((_, labels),) = model.prepare_tf_dataset(rows, shuffle=False)
    assert labels.numpy().tolist() == [[1, -100, -100], [1, 1, 1], [1, 1, -100]]


def test_span_labels_are_a_dict_and_choices_have_an_axis(config) -> None:
    rows = [row | {"start_positions": 0, "end_positions": 0} for row in ROWS]
    spans = TFDistilBertForQuestionAnswering(config)
    ((_, labels),) = spans.prepare_tf_dataset(rows, shuffle=False)
    assert values(labels) == {"start_positions": [0] * 3, "end_positions": [0] * 3}
    choices = TFDistilBertForMultipleChoice(config)
    ((batch, _),) = choices.prepare_tf_dataset(
        [{"input_ids": [[1, 2], [3]], "label": 0}], shuffle=False
    )
    assert values(batch) == {"input_ids": [[[1, 2], [3, 0]]], "attention_mask": [[[1, 1], [1, 0]]]}


def test_shuffling_follows_the_seed_changes_by_epoch_and_drops_the_rest(model) -> None:
    rows = [{"input_ids": [i], "label": 0} for i in range(50)]

    def epochs() -> list[list[int]]:
        tf.random.set_seed(1)
        dataset = model.prepare_tf_dataset(rows, batch_size=8)
        return [[i for x, _ in dataset for i in x["input_ids"].numpy()[:, 0]] for _ in range(2)]

    first, second = epochs()
    assert len(set(first)) == 48
    assert first != second
    assert epochs() == [first, second]
    whole = model.prepare_tf_dataset(rows, batch_size=8, drop_remainder=False)
    assert sum(len(labels) for _, labels in whole) == 50


def test_another_collator_may_make_the_batches(model) -> None:
    def collate(rows, length):
        ids = [(row["input_ids"] + [0] * length)[:length] for row in rows]
        return {"input_ids": np.array(ids), "labels": [row["labels"] for row in rows], "x": 1}

    ((batch, labels),) = model.prepare_tf_dataset(
        ROWS, shuffle=False, collate_fn=collate, collate_fn_args={"length": 2}
    )
    assert values(batch) == {"input_ids": [[5, 0], [6, 7], [9, 10]]}
    assert labels.numpy().tolist() == [0, 1, 1]


def test_the_batches_train_a_model_in_one_graph_per_kind_of_sizes(model) -> None:
    model.compile(optimizer="sgd")
    dataset = model.prepare_tf_dataset(ROWS, batch_size=1)
    history = model.fit(dataset, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_data_without_rows_ids_or_equal_columns_are_refused(model) -> None:
    for wrong, text in (
        ([], "at least one row"),
        ({"input_ids": [[1]], "label": [1, 2]}, "equally long"),
        ([{"text": "a", "label": 1}], "must have `input_ids`: got text, label"),
    ):
        with pytest.raises(InputError, match=text):
            model.prepare_tf_dataset(wrong)
