"""Keras' `fit` around the updates of a session.

Keras has the loop, its callbacks and `stop_training`; what a step computes is the trainer's
business, and what happens between steps the session's. Keras owns no optimizer here, since an
update may consist of several batches. This file exists in this room only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from distilbert.tensorflow.backend import keras
from distilbert.training.feed import Update
from distilbert.training.session import Outcome

Step = Callable[[Update], Outcome]
Done = Callable[[Update, Outcome], bool]


def fit(updates: Iterator[Update], step: Step, done: Done) -> None:
    """Go through the updates until they end or `done` says False; its errors reach the caller."""
    loop: Any = _Loop(updates, step)
    loop.compile()
    # Keras wants data of its own kinds; updates are not, so it is given their numbers.
    numbers = tf.data.Dataset.counter()
    loop.fit(numbers, verbose=0, shuffle=False, callbacks=[_Between(loop, done)])


class _Loop(keras.Model):
    """A model to Keras, whose step is the next update."""

    def __init__(self, updates: Iterator[Update], step: Step) -> None:
        super().__init__()
        self.updates, self.step = updates, step
        self.latest: tuple[Update, Outcome] | None = None

    def make_train_function(self, force: bool = False) -> None:
        """Where Keras would compile a step over one batch."""
        self.train_function = self.next_update

    def next_update(self, numbers: Iterator[Any]) -> dict[str, float]:
        """One step of `fit`; none where the updates are at their end."""
        next(numbers)
        self.latest = None
        update = next(self.updates, None)
        if update is None:
            self.stop_training = True
            return {}
        outcome = self.step(update)
        self.latest = update, outcome
        return {"loss": outcome.loss, "grad_norm": outcome.grad_norm}


class _Between(keras.callbacks.Callback):
    """Lets the session act after every step."""

    def __init__(self, loop: _Loop, done: Done) -> None:
        super().__init__()
        self.loop, self.done = loop, done

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ask whether to go on."""
        if self.loop.latest is not None and not self.done(*self.loop.latest):
            self.loop.stop_training = True
