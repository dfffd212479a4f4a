"""Buckets are read from texts and pairs, and chosen for the rows of a batch."""

from __future__ import annotations

import pytest

from distilbert.buckets import Bucket, choose_bucket, longest_of, parse_buckets
from distilbert.errors import InputError

PAIR = (Bucket(1, 32), Bucket(8, 128))


@pytest.mark.parametrize(
    "given", ["1x32,8x128", " 1X32 , 8x128", ["1x32", "8x128"], [(1, 32), [8, 128]], PAIR]
)
def test_texts_and_pairs_are_read(given: object) -> None:
    assert parse_buckets(given, longest=128) == PAIR
    assert [str(one) for one in PAIR] == ["1x32", "8x128"]
    assert PAIR[1].file("onnx/model.onnx") == "onnx/model_8x128.onnx"
    assert PAIR[1].sizes() == {"B": 8, "C": 1, "S": 128}
    assert longest_of(PAIR) == 128


@pytest.mark.parametrize(
    "given",
    [
        *("", "32", "1x32,", "1x", "x32", "1x32x4", "1*32", "-1x32", "1.5x32", "axb", "²x32"),
        *("1" * 5000 + "x32", "1x" + "9" * 10),
        *([], 7, [(1, 32, 4)], [(True, 32)], [(1.0, 32)], [1, 32], {"1x32": 1}, [None]),
    ],
)
def test_anything_else_is_one_sentence(given: object) -> None:
    with pytest.raises(
        InputError, match="must be rows and tokens of batches, such as '1x32,8x128'"
    ):
        parse_buckets(given)


def test_sizes_that_no_batch_has_are_named() -> None:
    text = r"rows of 5 to 64 \(`max_position_embeddings`\) tokens: got 0x32, 1x4, 2x65"
    with pytest.raises(InputError, match=text):
        parse_buckets("0x32,1x4,1x64,2x65", longest=64)
    with pytest.raises(
        InputError, match=r"at most 16,777,216 tokens in all: got 1000000000x128\. "
    ):
        parse_buckets([(10**9, 128), (2**17, 128)], longest=512)
    with pytest.raises(InputError, match="must all be different: got 1x32, 1x32"):
        parse_buckets("1x32,1X32")


@pytest.mark.parametrize(
    ("buckets", "n_rows", "length", "expected"),
    [
        ("1x32,1x128", 1, 32, "1x32"),
        ("1x32,1x128", 1, 33, "1x128"),
        ("1x32,8x32", 7, 9, "8x32"),  # at least half full
        ("1x32,8x32", 3, 9, "1x32"),
        ("1x32,8x32", 20, 9, "8x32"),
        ("1x32,8x128", 8, 9, "1x32"),
        ("8x32", 1, 9, "8x32"),
    ],
)
def test_the_bucket_with_the_least_padding_is_chosen(
    buckets: str, n_rows: int, length: int, expected: str
) -> None:
    assert str(choose_bucket(parse_buckets(buckets), n_rows, length)) == expected
