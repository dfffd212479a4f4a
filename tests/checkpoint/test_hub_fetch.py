"""The bounded wait; everything else of `hub_fetch` is shown end to end in test_hub.py."""

from __future__ import annotations

import io
import threading

import pytest

from distilbert.checkpoint import hub_fetch
from distilbert.checkpoint.hub_fetch import REACH_SECONDS, transport_error, within


def test_an_answer_in_time_is_passed_on() -> None:
    assert within(5, lambda: 42) == 42


def test_an_error_in_time_is_passed_on_as_it_is() -> None:
    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        within(5, fail)


def test_no_answer_ends_in_a_timeout_that_says_how_long() -> None:
    forever = threading.Event()
    with pytest.raises(TimeoutError, match=r"no response in 0\.01 s"):
        within(0.01, forever.wait)
    forever.set()


def test_a_machine_without_network_waits_less_than_ten_seconds() -> None:
    assert REACH_SECONDS < 10


def test_connection_errors_have_one_parent_whatever_the_client_library() -> None:
    assert transport_error().__module__.split(".")[0] in {"httpx", "httpx2"}


def test_a_file_takes_no_more_bytes_than_were_announced() -> None:
    target = io.BytesIO()
    bounded = hub_fetch._Bounded(target, 5)
    bounded.write(b"abc")
    assert bounded.tell() == 3
    with pytest.raises(ValueError, match="at most 5 bytes, and more were sent"):
        bounded.write(b"def")
