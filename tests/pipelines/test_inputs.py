"""What callers may pass, and what they are told otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert.errors import InputError
from distilbert.pipelines.inputs import (
    as_stream,
    check_keys,
    is_collection,
    read_text,
    read_words,
)


class MapStyle:
    """A dataset that can be indexed and measured, but not iterated."""

    def __getitem__(self, index: int) -> str:
        return f"text {index}"

    def __len__(self) -> int:
        return 2


def test_anything_that_yields_is_a_stream() -> None:
    assert list(as_stream(["a"], "t")) == ["a"]
    assert list(as_stream(iter(["a"]), "t")) == ["a"]
    assert list(as_stream(MapStyle(), "t")) == ["text 0", "text 1"]


@pytest.mark.parametrize(("wrong", "name"), [(None, "NoneType"), (3, "int"), (b"a", "bytes")])
def test_other_inputs_are_named(wrong: Any, name: str) -> None:
    with pytest.raises(InputError) as caught:
        as_stream(wrong, "fill-mask")
    assert str(caught.value) == (
        f"`fill-mask` takes a text, a dict, or a list, generator or dataset of them: got {name}."
    )


def test_a_text_is_itself_or_in_a_row() -> None:
    assert read_text("a", "t") == "a"
    assert type(read_text(np.array(["a"])[0], "t")) is str
    assert read_text({"text": "a", "label": 1}, "t") == "a"
    assert read_text({"question": "a"}, "t", ["prompt", "question"]) == "a"


def test_a_row_without_the_key_is_named() -> None:
    with pytest.raises(InputError) as caught:
        read_text({"sentence": "a"}, "ner")
    assert str(caught.value) == "A row for `ner` needs the key `text`: got 'sentence'."
    with pytest.raises(InputError) as caught:
        read_text({}, "ner", ["a", "b"])
    assert str(caught.value) == "A row for `ner` needs the key `a` or `b`: got an empty row."


def test_no_text_is_named_and_shortened() -> None:
    with pytest.raises(InputError) as caught:
        read_text(list(range(100)), "ner")
    assert str(caught.value) == (
        "`ner` takes texts: got list "
        "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16..., pass a str."
    )


def test_words_come_from_lists_and_rows() -> None:
    assert read_words(["a", "b"], "ner") == ("a", "b")
    assert read_words({"tokens": ["a"]}, "ner") == ("a",)
    assert read_words({"words": ("a",)}, "ner") == ("a",)
    with pytest.raises(InputError) as caught:
        read_words("a b", "ner")
    assert str(caught.value) == (
        "`ner` with `is_split_into_words` takes a list of words, or a row with `tokens`: "
        "got str 'a b'."
    )


def test_a_table_is_refused_with_its_columns() -> None:
    pandas = pytest.importorskip("pandas")
    arrow = pytest.importorskip("pyarrow")
    columns = {"review": ["a", "b"], "n": [1, 2]}
    for table in (pandas.DataFrame(columns), arrow.table(columns)):
        with pytest.raises(InputError) as caught:
            as_stream(table, "fill-mask")
        assert str(caught.value) == (
            "`fill-mask` takes the texts of one column, such as table['review']: "
            f"got a {type(table).__name__} with the columns review, n."
        )
    with pytest.raises(InputError) as caught:
        read_text({"text": ["a", "b"]}, "fill-mask")
    assert str(caught.value) == (
        "A row for `fill-mask` has one text under 'text': got 2 values. "
        "Of a table, pass the column itself: table['text']."
    )


def test_columns_arrays_and_tuples_are_collections() -> None:
    pandas = pytest.importorskip("pandas")
    datasets = pytest.importorskip("datasets")
    arrow = pytest.importorskip("pyarrow")
    column = datasets.Dataset.from_dict({"text": ["a", "b"]})["text"]
    of_arrow = arrow.table({"text": ["a", "b"]})["text"]
    for many in (("a", "b"), np.array(["a", "b"]), pandas.Series(["a", "b"]), column, of_arrow):
        assert is_collection(many)
        assert [read_text(item, "t") for item in as_stream(many, "t")] == ["a", "b"]
    assert not is_collection(iter(["a"]))
    assert not is_collection(MapStyle())


def test_a_key_written_otherwise_is_named() -> None:
    check_keys({"text": "a", "id": 3, "Text": "b"}, "t", ("text", "text_pair"))
    with pytest.raises(InputError) as caught:
        check_keys({"text": "a", "text-pair": "b"}, "t", ("text", "text_pair"))
    assert str(caught.value) == "A row for `t` has the key 'text_pair': got 'text-pair'."


def test_a_dict_of_columns_is_refused_as_a_table_is() -> None:
    with pytest.raises(InputError, match=r"one column, such as table\['review'\]: got a dict with"):
        as_stream({"review": ["a", "b"]}, "fill-mask")


def test_a_number_of_numpy_is_not_a_collection() -> None:
    with pytest.raises(InputError, match=r"takes texts: got float64 .*nan.*, pass a str"):
        read_text({"text": np.float64("nan")}, "t")
    with pytest.raises(InputError, match="or a list, generator or dataset of them: got ndarray"):
        as_stream(np.array("a"), "t")
