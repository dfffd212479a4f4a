"""Keras with the TensorFlow backend; the package imports it from here.

Keras chooses its backend for the process when it is first imported.
"""

from __future__ import annotations

import os
import sys

from distilbert.errors import ConfigError

BACKEND = "tensorflow"

# Without this, a `keras.json` in the user's home directory would choose the backend. Once Keras is
# imported the variable has no effect, so it is not set.
if "keras" not in sys.modules:
    os.environ.setdefault("KERAS_BACKEND", BACKEND)
    active = os.environ["KERAS_BACKEND"]
else:
    active = sys.modules["keras"].config.backend()
if active != BACKEND:
    raise ConfigError(
        f"TensorFlow models need Keras with the backend {BACKEND!r}: got {active!r}. Set the "
        f"environment variable KERAS_BACKEND={BACKEND} before Keras is first imported."
    )

import keras  # noqa: E402

__all__ = ["keras"]
