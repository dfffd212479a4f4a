"""The room opens on Keras with TensorFlow only, and says so otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**plain, **environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("first", ["", "import keras\n"], ids=["alone", "after-keras"])
def test_another_backend_is_one_clear_error(first: str) -> None:
    ran = run(first + "import distilbert.tensorflow.model", KERAS_BACKEND="numpy")
    assert "ConfigError: TensorFlow models need Keras with the backend" in ran.stderr
    assert "got 'numpy'. Set the environment variable KERAS_BACKEND=tensorflow" in ran.stderr


def test_a_file_in_the_users_home_does_not_choose_for_these_models(tmp_path) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "numpy"}')
    code = "from distilbert.tensorflow.backend import keras; print(keras.config.backend())"
    assert run(code, KERAS_HOME=str(tmp_path)).stdout == "tensorflow\n"
