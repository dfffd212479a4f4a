"""What is written into a folder, what is refused, and what a second writing leaves."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert import TFDistilBertModel
from distilbert.errors import CheckpointError
from distilbert.tensorflow.backend import keras


def test_saving_twice_leaves_one_checkpoint(config, tmp_path) -> None:
    model = TFDistilBertModel(config)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("tf_model-*.h5"))) > 1
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "tf_model.h5"}


def test_variables_a_checkpoint_has_no_name_for_are_not_dropped_silently(config, tmp_path) -> None:
    class WithMore(TFDistilBertModel):
        def __init__(self, config) -> None:
            super().__init__(config)
            self.more = keras.layers.Dense(2, name="more")
            self.more.build((None, 32))

    with pytest.raises(CheckpointError, match=r"more/kernel.*`model.save\('x.keras'\)`"):
        WithMore(config).save_pretrained(tmp_path)
    TFDistilBertModel(config).save_pretrained(tmp_path)
    assert len(WithMore.from_pretrained(tmp_path).weights) == 4 + 2 * 16 + 2


def test_a_low_rank_adapter_of_keras_is_saved_in_its_matrix(config, ids, tmp_path) -> None:
    model = TFDistilBertModel(config)
    linear = model.transformer.layer[0].attention.q_lin
    linear.enable_lora(2)
    linear.lora_kernel_b.assign(np.ones(linear.lora_kernel_b.shape))
    model.save_pretrained(tmp_path)
    again = TFDistilBertModel.from_pretrained(tmp_path)
    np.testing.assert_allclose(again(ids)[0], model(ids)[0], atol=1e-5)
