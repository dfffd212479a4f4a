"""The bounded memory: computes once, forgets when full, skips what is not worth keeping."""

from __future__ import annotations

from distilbert.tokenization.memo import Memo


def test_a_result_is_computed_once() -> None:
    calls: list[int] = []

    def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    memo = Memo(double, limit=10)
    assert [memo[3], memo[3], memo[4]] == [6, 6, 8]
    assert calls == [3, 4]


def test_a_full_memo_starts_anew() -> None:
    memo = Memo(str, limit=3)
    for number in range(100):
        assert memo[number] == str(number)
        assert len(memo) <= 3


def test_what_is_not_worth_it_is_not_kept() -> None:
    memo = Memo(len, limit=3, worth=lambda text: text != "long")
    assert memo["long"] == 4
    assert memo["a"] == 1
    assert set(memo) == {"a"}
