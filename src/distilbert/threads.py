"""How many threads compute one batch: what is asked for, and what this process may use.

Every runner takes `num_threads`; this is what it means. Imports no framework.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distilbert.errors import InputError
from distilbert.machine import usable_cores

VARIABLE = "OMP_NUM_THREADS"


def check_threads(num_threads: Any) -> None:
    """Raise InputError unless it is None or an integer >= 1."""
    is_integer = isinstance(num_threads, int) and not isinstance(num_threads, bool)
    if num_threads is not None and not (is_integer and num_threads >= 1):
        raise InputError(f"`num_threads` must be an integer >= 1: got {num_threads!r}.")


def asked_threads(num_threads: int | None) -> int | None:
    """`num_threads`, or else the variable OMP_NUM_THREADS, which not all programs obey."""
    if num_threads is not None:
        return num_threads
    found = re.match(r"\s*([1-9]\d*)\s*(?:,|$)", os.environ.get(VARIABLE, ""))
    return int(found[1]) if found else None


def fitting_threads(num_threads: int | None, usual: int | None = None) -> int | None:
    """The number of threads to set in a program; None where the number that it takes is right.

    Programs count the cores of the machine. A process that may use fewer, by its affinity or the
    quota of its container, is many times slower with more threads than cores.

    Args:
        num_threads: as asked for.
        usual: how many the program takes otherwise, by default one for each core of the machine.
    """
    asked, cores = asked_threads(num_threads), usable_cores()
    if num_threads is None and usual not in (None, asked):
        asked = None  # the program has another number than the variable says, so it was set since
    if asked is not None:
        return asked
    return cores if cores < (usual or os.cpu_count() or 1) else None


@contextmanager
def torch_threads(torch: Any, num_threads: int | None) -> Iterator[None]:
    """A block in which PyTorch computes with so many threads when the calling thread asks it to.

    The number belongs to the thread that calls: others that have used PyTorch keep theirs, so that
    runners with different numbers can compute at the same time.
    """
    before = torch.get_num_threads()
    if num_threads in (None, before):
        yield
        return
    torch.set_num_threads(num_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def set_tensorflow_threads(tensorflow: Any, num_threads: int | None) -> None:
    """Let TensorFlow compute with so many threads in this process.

    Raises:
        InputError: not an integer >= 1, or TensorFlow runs already with another number.
    """
    check_threads(num_threads)
    threading = tensorflow.config.threading
    if num_threads in (None, threading.get_intra_op_parallelism_threads()):
        return
    try:
        threading.set_intra_op_parallelism_threads(num_threads)
    except RuntimeError:
        raise InputError(
            f"`num_threads` must be chosen before TensorFlow computes for the first time in a "
            f"process: got {num_threads}. Leave it out, or start again."
        ) from None
